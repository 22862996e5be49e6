"""Compare with what it did cost, and log how far off the model is."""

import argparse
import json
from pathlib import Path

import mlflow
import pandas as pd

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--predictions", type=Path, required=True)
parser.add_argument("--report", type=Path, required=True)
arguments = parser.parse_args()

rows = pd.read_csv(arguments.predictions / "predictions.csv")
off = rows.predicted - rows.fare
metrics = {
    "mean_absolute_error": float(off.abs().mean()),
    "root_mean_squared_error": float((off**2).mean() ** 0.5),
    "r2": float(1 - (off**2).sum() / ((rows.fare - rows.fare.mean()) ** 2).sum()),
}
arguments.report.mkdir(parents=True, exist_ok=True)
(arguments.report / "report.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
with mlflow.start_run():
    mlflow.log_metrics(metrics)
print(", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
