"""Turns what the API refused into MLflow's own exception, so that its clients see the right code."""

from typing import Any

from pratique_tracking.api import ApiError


def as_mlflow(error: ApiError) -> Any:
    """An ``MlflowException`` with the same code, which has to be the proto's own constant."""
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import INTERNAL_ERROR, ErrorCode

    known = dict(ErrorCode.items())
    return MlflowException(error.message, error_code=known.get(error.code, INTERNAL_ERROR))
