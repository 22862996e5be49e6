"""Write down every value as the command sees it; an option that is left out is null."""

import argparse
import json
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--title", required=True)
parser.add_argument("--rate", type=float, required=True)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--is-final", choices=["True", "False"], required=True)
parser.add_argument("--level", required=True)
parser.add_argument("--note")
parser.add_argument("--notes-file", type=Path)
parser.add_argument("--seen", type=Path, required=True)
parser.add_argument("--table", type=Path, required=True)
arguments = parser.parse_args()

seen = {
    "title": arguments.title,
    "rate": arguments.rate,
    "count": arguments.count,
    "is_final": arguments.is_final == "True",
    "level": arguments.level,
    "note": arguments.note,
    "notes": arguments.notes_file.read_text(encoding="utf-8") if arguments.notes_file else None,
}
arguments.seen.write_text(json.dumps(seen, indent=2) + "\n", encoding="utf-8")
lines = ["name,value", *(f"{name},{value}" for name, value in seen.items())]
arguments.table.write_text("\n".join(lines) + "\n", encoding="utf-8")
print(seen)
