"""The same model behind a script: answers with the probability beside the decision."""

import json
import os
from pathlib import Path

import mlflow.sklearn
import pandas as pd

model = None


def init():
    """Load the model once; it lies somewhere below AZUREML_MODEL_DIR, in the folder that has the file MLmodel."""
    global model
    folder = next(Path(os.environ["AZUREML_MODEL_DIR"]).rglob("MLmodel")).parent
    model = mlflow.sklearn.load_model(str(folder))


def run(raw_data):
    """One object for each row of ``{"input_data": {"columns": […], "data": […]}}``."""
    frame = json.loads(raw_data)["input_data"]
    rows = pd.DataFrame(frame["data"], columns=frame["columns"])
    bad = model.predict_proba(rows)[:, list(model.classes_).index("bad")]
    return [
        {"risk": str(risk), "probability_bad": round(float(probability), 4)}
        for risk, probability in zip(model.predict(rows), bad)
    ]
