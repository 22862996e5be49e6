"""Run inside an environment with MLflow: the models of `mlflow_contract`, most of which say what they were given.

python contract_models.py FOLDER
"""

import datetime
import sys
from pathlib import Path
from typing import Any

import lightgbm
import mlflow.lightgbm
import mlflow.models
import mlflow.onnx
import mlflow.pyfunc
import mlflow.sklearn
import mlflow.xgboost
import numpy as np
import pandas as pd
import xgboost
from mlflow.models import ModelSignature, infer_signature
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema, TensorSpec
from mlflow.types.schema import Array, Map, Object, Property
from skl2onnx import to_onnx
from sklearn.linear_model import LinearRegression, LogisticRegression

HOW: dict[str, Any] = {"pip_requirements": []}
PICKLED: dict[str, Any] = {"serialization_format": "cloudpickle", **HOW}


def say(value: Any) -> Any:
    """What a value is, in JSON."""
    if isinstance(value, pd.DataFrame):
        return {"index": list(map(str, value.index)), "frame": {str(name): say(value[name]) for name in value}}
    if isinstance(value, pd.Series):
        return [str(value.dtype), *map(say, value)]
    if isinstance(value, np.ndarray):
        return {"array": str(value.dtype), "shape": list(value.shape), "values": repr(value.tolist())}
    if isinstance(value, dict):
        return {str(name): say(item) for name, item in value.items()}
    if isinstance(value, list):
        return ["list", *map(say, value)]
    value = value.item() if isinstance(value, (np.str_, np.bool_, np.number)) else value
    return f"{type(value).__name__} {value!r}"


class Echo(mlflow.pyfunc.PythonModel):  # type: ignore[misc] # MLflow is not in this environment.
    """Says what it is given."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return {"input": say(model_input), "params": say(params)}


class Hinted(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Takes what its hint says."""

    def predict(self, model_input: list[str]) -> list[Any]:
        return [say(one) for one in model_input]


class Files(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Reads an artifact, and imports a module that comes with it."""

    def load_context(self, context: Any) -> None:
        rates: Any = __import__("rates")
        self.rates = dict(line.split() for line in Path(context.artifacts["table"]).read_text().splitlines())
        self.factor = rates.FACTOR

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        return [float(self.rates[key]) * self.factor for key in model_input["key"]]


MOMENT = datetime.datetime(2026, 1, 2, 3, 4, 5)

RESULTS: dict[str, Any] = {
    "frame": pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
    "frame_nan": pd.DataFrame({"a": [1.5, float("nan")]}),
    "frame_index": pd.DataFrame({"a": [1, 2]}, index=["r", "s"]),
    "frame_ints": pd.DataFrame([[1, 2], [3, 4]]),
    "frame_dates": pd.DataFrame({"t": [pd.Timestamp(MOMENT), pd.Timestamp(MOMENT, tz="UTC")]}),
    "frame_lists": pd.DataFrame({"t": [[1, 2], [3]]}),
    "frame_nullable": pd.DataFrame({"t": pd.array([1, 2], dtype="Int64")}),
    "frame_empty": pd.DataFrame({"a": []}),
    "series": pd.Series([1.5, 2.5]),
    "series_named": pd.Series([1, 2], name="n", index=["x", "y"]),
    "dict": {"a": 1, "b": [1, 2]},
    "dict_arrays": {"a": np.array([1, 2]), "b": np.eye(2)},
    "dict_of_whole": {1: "a"},
    "dict_of_series": {"a": pd.Series([1, 2])},
    "texts": ["a", "ä"],
    "objects": [{"a": 1}, {"a": np.int64(2)}],
    "mixed": ["a", 1, None, 1.5, True],
    "tuple": (1, 2),
    "array1": np.array([1, 2]),
    "array2": np.array([[1.5, 2], [3, 4]]),
    "array3": np.zeros((2, 1, 2), "float32"),
    "array_of_text": np.array(["a", "b"]),
    "array_of_true": np.array([True, False]),
    "array_of_dates": np.array(["2026-01-02"], "datetime64[D]"),
    "array_nan": np.array([np.nan, np.inf, 1.0]),
    "array_0d": np.array(3),
    "whole": 3,
    "float32": np.float32(0.5),
    "text": "text",
    "true": True,
    "none": None,
    "moment": MOMENT,
    "day": MOMENT.date(),
    "timestamp": pd.Timestamp(MOMENT),
    "bytes_inside": [b"\x00\xff"],
    "huge": 2**70,
    "set": {1},
    "object": object,
}


class Results(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """Answers with what it is asked for."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        what = model_input["what"].iloc[0]
        if what == "raises":
            raise ValueError("told to")
        return RESULTS[what]


CODED = """
import mlflow
class Coded(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return [f"{text}{(params or {}).get('mark')}" for text in model_input["text"]]
mlflow.models.set_model(Coded())
"""

LOADER = """
class Twice:
    def predict(self, frame):
        return frame.iloc[:, 0] * 2
def _load_pyfunc(path):
    return Twice()
"""


def main(root: Path) -> None:
    save_echoes(root)
    kind = DataType
    sources = root / "sources"
    sources.mkdir()
    for name, text in (
        ("rates.py", "FACTOR = 2.5\n"), ("own_loader.py", LOADER), ("coded.py", CODED), ("table.txt", "a 1\nb 2\n")
    ):  # fmt: skip
        (sources / name).write_text(text)
    sys.path.insert(0, str(sources))
    hinted = mlflow.pyfunc.save_model
    hinted(str(root / "hinted"), python_model=Hinted(), **HOW)
    marked = ParamSchema([ParamSpec("mark", kind.string, "!")])
    said = ModelSignature(inputs=Schema([ColSpec(kind.string, "text")]), params=marked)
    mlflow.pyfunc.save_model(str(root / "coded"), python_model=str(sources / "coded.py"), signature=said, **HOW)
    mlflow.pyfunc.save_model(
        str(root / "files"), python_model=Files(), artifacts={"table": str(sources / "table.txt")},
        code_paths=[str(sources / "rates.py")], signature=ModelSignature(Schema([ColSpec(kind.string, "key")])), **HOW,
    )  # fmt: skip
    mlflow.pyfunc.save_model(
        str(root / "loader"), loader_module="own_loader", data_path=str(sources / "table.txt"),
        code_paths=[str(sources / "own_loader.py")], signature=ModelSignature(Schema([ColSpec(kind.double, "a")])),
        **HOW,
    )  # fmt: skip
    save_trained(root)


def save_echoes(root: Path) -> None:
    """Models that answer with what they are given, or with what they are told to."""
    kind = DataType
    plain = [ColSpec(getattr(kind, type_), name) for name, type_ in (
        ("count", "long"), ("small", "integer"), ("amount", "double"), ("ratio", "float"), ("flag", "boolean"),
        ("text", "string"))]  # fmt: skip
    optional = [ColSpec(getattr(kind, type_), name, required=False) for name, type_ in (
        ("b", "double"), ("c", "string"), ("d", "long"))]  # fmt: skip
    who = Object([Property("name", kind.string), Property("age", kind.long, required=False)])
    parameters = ParamSchema([
        ParamSpec("factor", kind.double, 1.0), ParamSpec("count", kind.long, 3), ParamSpec("name", kind.string, "x"),
        ParamSpec("flag", kind.boolean, False), ParamSpec("many", kind.double, [1.0, 2.0], shape=(-1,)),
        ParamSpec("when", kind.datetime, np.datetime64("2026-01-02T00:00:00")),
    ])  # fmt: skip
    parts = [("float64", (-1, 2), "x"), ("int32", (-1, 1), "ids"), ("float32", (-1, 2, 2), "image")]
    schemas: dict[str, list[Any]] = {
        "columns": plain,
        "optional": [ColSpec(kind.double, "a"), *optional],
        "dates": [ColSpec(kind.datetime, "moment"), ColSpec(kind.binary, "blob")],
        "unnamed": [ColSpec(kind.double), ColSpec(kind.double)],
        "text": [ColSpec(kind.string)],
        "parameters": [ColSpec(kind.double, "a")],
        "tensor": [TensorSpec(np.dtype("float32"), (-1, 2))],
        "tensors": [TensorSpec(np.dtype(type_), shape, name) for type_, shape, name in parts],
        "objects": [ColSpec(Array(kind.string), "tags"), ColSpec(who, "who"), ColSpec(kind.double, "amount")],
        "maps": [ColSpec(Map(kind.double), "weights"), ColSpec(kind.string, "id")],
        "results": [ColSpec(kind.string, "what")],
    }
    mlflow.pyfunc.save_model(str(root / "unsigned"), python_model=Echo(), **HOW)
    for name, inputs in schemas.items():
        signature = ModelSignature(inputs=Schema(inputs), params=parameters if name == "parameters" else None)
        model = Results() if name == "results" else Echo()
        mlflow.pyfunc.save_model(str(root / name), python_model=model, signature=signature, **HOW)


def save_trained(root: Path) -> None:
    """Models of libraries, of three numbers."""
    rows = pd.DataFrame(np.random.default_rng(17).normal(size=(60, 3)), columns=["a", "b", "c"])
    array = rows.to_numpy()
    line = LinearRegression().fit(rows, rows["a"] * 2)
    two = LinearRegression().fit(rows, array[:, :2])
    matrix = LinearRegression().fit(array, rows["a"])
    logistic = LogisticRegression().fit(rows, rows["a"] > 0)

    def described(given: Any, example: bool = True, **more: Any) -> dict[str, Any]:
        return {"signature": infer_signature(given, [0.5]), **({"input_example": given[:2]} if example else {}), **more}

    save = mlflow.sklearn.save_model
    save(line, str(root / "regression"), **described(rows), **PICKLED)
    save(logistic, str(root / "chances"), pyfunc_predict_fn="predict_proba", **described(rows, False), **PICKLED)
    save(two, str(root / "two"), **described(rows), **PICKLED)
    save(matrix, str(root / "matrix"), **described(array), **PICKLED)
    boosted = xgboost.XGBRegressor(n_estimators=5).fit(rows, rows["a"])
    mlflow.xgboost.save_model(boosted, str(root / "xgboost"), **described(rows), **HOW)
    light = lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(rows, rows["a"])
    mlflow.lightgbm.save_model(light, str(root / "lightgbm"), **described(rows), **PICKLED)
    narrow = array.astype("float32")
    mlflow.onnx.save_model(to_onnx(line, narrow[:1]), str(root / "onnx"), **described(narrow, False), **HOW)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
