"""The script of Azure's inference server, and of ours beside it."""

import json
import os

import joblib
import pandas as pd

model = None


def init():
    global model
    model = joblib.load(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.joblib"))


def run(raw_data):
    frame = json.loads(raw_data)["input_data"]
    return model.predict(pd.DataFrame(frame["data"], columns=frame["columns"])).tolist()
