"""Keep the result with the smaller error: python choose.py FIRST SECOND BEST."""

import json
import sys
from pathlib import Path

*results, best = (Path(word) for word in sys.argv[1:])
found = [json.loads((folder / "result.json").read_text(encoding="utf-8")) for folder in results]
chosen = min(found, key=lambda result: result["error"])
best.mkdir(parents=True, exist_ok=True)
(best / "result.json").write_text(json.dumps(chosen, indent=2) + "\n", encoding="utf-8")
print(f"chose degree {chosen['degree']} of {', '.join(str(result['degree']) for result in found)}")
