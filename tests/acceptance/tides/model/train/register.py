"""Register the model when its error is smaller than that of the newest version."""

import argparse

import mlflow
from mlflow.models import Model

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--model", required=True)
parser.add_argument("--name", required=True)
arguments = parser.parse_args()

candidate = Model.load(arguments.model)
error = candidate.metadata["error"]
versions = mlflow.MlflowClient().search_model_versions(f"name = '{arguments.name}'")
newest = max(versions, key=lambda version: int(version.version), default=None)
if newest is None or error < float(newest.tags["error"]) - 1e-9:
    made = mlflow.register_model(f"runs:/{candidate.run_id}/model", arguments.name, tags={"error": repr(error)})
    print(f"version {made.version} with an error of {error:.4f}")
else:
    print(f"version {newest.version} stays: {newest.tags['error']} is not worse than {error:.4f}")
