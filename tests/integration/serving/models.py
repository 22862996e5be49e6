"""Run inside an environment with MLflow: saves two models that answer with what they were given.

python models.py FOLDER      makes FOLDER/columns and FOLDER/tensor
"""

import sys
from typing import Any

import mlflow.pyfunc
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec


class Describe(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # MLflow is not in this environment.
    """Says the type and the values of each column; fails when told to."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        if (model_input["text"] == "fail").any():
            raise ValueError("told to fail")
        described = {str(name): [str(model_input[name].dtype), *map(repr, model_input[name])] for name in model_input}
        return {"columns": described, "factor": (params or {}).get("factor")}


class Shape(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Answers with an array of the input's type, twice its values."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return model_input * 2


def main(folder: str) -> None:
    columns = [
        ColSpec(DataType.long, "count"),
        ColSpec(DataType.integer, "small"),
        ColSpec(DataType.double, "amount"),
        ColSpec(DataType.boolean, "flag"),
        ColSpec(DataType.string, "text"),
        ColSpec(DataType.datetime, "moment", required=False),
        ColSpec(DataType.binary, "blob", required=False),
    ]
    params = ParamSchema([ParamSpec("factor", DataType.double, 1.0)])
    described = ModelSignature(inputs=Schema(columns), params=params)
    mlflow.pyfunc.save_model(f"{folder}/columns", python_model=Describe(), signature=described, pip_requirements=[])
    tensor = ModelSignature(inputs=Schema([TensorSpec(np.dtype("float32"), (-1, 2))]))
    mlflow.pyfunc.save_model(f"{folder}/tensor", python_model=Shape(), signature=tensor, pip_requirements=[])


if __name__ == "__main__":
    main(sys.argv[1])
