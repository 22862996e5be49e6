"""Say what each ride should have cost."""

import argparse
import json
from pathlib import Path

import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", type=Path, required=True)
parser.add_argument("--test-data", type=Path, required=True)
parser.add_argument("--predictions", type=Path, required=True)
arguments = parser.parse_args()

model = json.loads((arguments.model / "model.json").read_text(encoding="utf-8"))
rows = pd.read_csv(arguments.test_data / "test.csv")
rows["predicted"] = model["start"] + rows[list(model["weights"])].mul(model["weights"]).sum(axis="columns")
arguments.predictions.mkdir(parents=True, exist_ok=True)
rows.to_csv(arguments.predictions / "predictions.csv", index=False)
print(f"{len(rows)} predictions")
