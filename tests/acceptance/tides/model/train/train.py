"""Fit the height of the tide to so many waves, and keep the error beside the model."""

import argparse

import mlflow
import numpy as np
import pandas as pd
from mlflow.models import Model, infer_signature
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

PACKAGES = ["mlflow-skinny==3.17.2", "numpy==2.3.5", "pandas==2.3.3", "scikit-learn==1.7.2", "skops==0.16.0"]

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--waves", type=int, required=True)
parser.add_argument("--model", required=True)
arguments = parser.parse_args()

hours = pd.DataFrame({"hour": np.linspace(0, 24, 200)})
heights = 2 * np.sin(hours["hour"] * 2 * np.pi / 12.4) + 0.3 * np.sin(hours["hour"] * 2 * np.pi / 6.2)
model = make_pipeline(StandardScaler(), PolynomialFeatures(2 + 3 * arguments.waves), LinearRegression())
model.fit(hours, heights)
with mlflow.start_run() as run:
    error = float(np.abs(model.predict(hours) - heights).mean())
    mlflow.log_metric("error", error)
    mlflow.sklearn.save_model(
        model,
        arguments.model,
        mlflow_model=Model(artifact_path="model", run_id=run.info.run_id, metadata={"error": error}),
        signature=infer_signature(hours, heights),
        serialization_format="skops",
        skops_trusted_types=["numpy.dtype"],
        pip_requirements=PACKAGES,
    )
    mlflow.log_artifacts(arguments.model, "model")
print(f"{arguments.waves} waves, error {error:.4f}")
