"""Fit a polynomial to every other point: python fit.py POINTS DEGREE CURVE."""

import json
import sys
from pathlib import Path

import numpy as np

points, degree, curve = sys.argv[1:]
x, y = np.loadtxt(points, delimiter=",", skiprows=1, unpack=True)
weights = np.polynomial.polynomial.polyfit(x[::2], y[::2], int(degree))
Path(curve).write_text(json.dumps({"degree": int(degree), "weights": weights.tolist()}), encoding="utf-8")
print(f"fitted degree {degree} to {len(x[::2])} points")
