"""Fit a linear regression; keep some rows away from it.

The model is a small JSON file: what each feature adds to a fare, and where fares begin.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--features", type=Path, required=True)
parser.add_argument("--test-share", type=float, default=0.3)
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--model", type=Path, required=True)
parser.add_argument("--test-data", type=Path, required=True)
arguments = parser.parse_args()

rows = pd.read_csv(arguments.features / "features.csv")
test = rows.sample(frac=arguments.test_share, random_state=arguments.seed)
train = rows.drop(test.index)
names = [name for name in rows.columns if name != "fare"]
table = np.column_stack([np.ones(len(train)), train[names]])
(start, *weights), *_ = np.linalg.lstsq(table, train.fare, rcond=None)
model = {"start": round(float(start), 6), "weights": {n: round(float(w), 6) for n, w in zip(names, weights)}}

arguments.model.mkdir(parents=True, exist_ok=True)
(arguments.model / "model.json").write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
arguments.test_data.mkdir(parents=True, exist_ok=True)
test.to_csv(arguments.test_data / "test.csv", index=False)
print(f"trained on {len(train)} trips, {len(test)} kept away")
