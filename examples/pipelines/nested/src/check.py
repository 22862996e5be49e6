"""Measure a curve on the points that it was not fitted to: python check.py POINTS CURVE RESULT."""

import json
import sys
from pathlib import Path

import numpy as np

points, curve, result = sys.argv[1:]
x, y = np.loadtxt(points, delimiter=",", skiprows=1, unpack=True)
fitted = json.loads(Path(curve).read_text(encoding="utf-8"))
off = np.polynomial.polynomial.polyval(x[1::2], fitted["weights"]) - y[1::2]
fitted["error"] = float(np.sqrt(np.mean(off**2)))
Path(result).mkdir(parents=True, exist_ok=True)
(Path(result) / "result.json").write_text(json.dumps(fitted, indent=2) + "\n", encoding="utf-8")
print(f"degree {fitted['degree']} is off by {fitted['error']:.3f}")
