"""What MLflow's wrappers call, called directly: scikit-learn, xgboost, lightgbm and onnx models.

MLflow's pyfunc enforces the signature anew for every request, which costs more
than many a model. scikit-learn gets the very frame that the signature allows,
the others a matrix of numbers or tensors, without pandas. Except for
scikit-learn that is only done when the stored input example has shown that both
ways give the same.
"""

from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence

import numpy as np

from pratique_serving.columns import build, matrix
from pratique_serving.tables import Column, Table

_NUMBERS = frozenset({"double", "float", "long", "integer"})
_LARGEST_OF_32_BITS = float(np.finfo(np.float32).max)


class Native(NamedTuple):
    """One way to predict rows."""

    prepare: Callable[[Table], Any]
    """Raises Refused for what the signature does not allow."""
    predict: Callable[[Any], Any]
    """What it was prepared to; may raise anything."""
    is_proven: bool
    """Whether it is what MLflow does in any case, or has to be compared first."""


def native(model: Any, columns: Sequence[Column]) -> Optional[Native]:
    """Of a loaded pyfunc model with plain `columns`; None when there is no such way."""
    described = model.metadata.flavors.get("python_function", {})
    inner = getattr(model, "_model_impl", None)
    module = str(described.get("loader_module", ""))
    if inner is None or not columns:
        return None
    if module == "mlflow.sklearn":
        method = getattr(getattr(inner, "sklearn_model", None), described.get("predict_fn", "predict"), None)
        return Native(lambda table: build(columns, table), method, True) if callable(method) else None
    if not all(column.type in _NUMBERS and column.is_required for column in columns):
        return None
    make = {"mlflow.xgboost": _xgboost, "mlflow.lightgbm": _lightgbm, "mlflow.onnx": _onnx}.get(module)
    predict = make(inner) if make is not None else None
    return Native(lambda table: matrix(columns, table), predict, False) if predict is not None else None


def agree(one: Any, other: Any) -> bool:
    """Whether two results say exactly the same, frames of any labels among them."""
    first, second = _plain(one), _plain(other)
    if isinstance(first, dict) or isinstance(second, dict):
        return (
            isinstance(first, dict)
            and isinstance(second, dict)
            and list(first) == list(second)
            and all(agree(first[name], second[name]) for name in first)
        )
    left, right = np.asarray(first), np.asarray(second)
    if left.shape != right.shape:
        return False
    return bool(np.array_equal(left, right, equal_nan=left.dtype.kind == "f" and right.dtype.kind == "f"))


def _plain(result: Any) -> Any:
    """A frame as its columns by name."""
    if hasattr(result, "columns") and hasattr(result, "iloc"):
        return {str(name): result[name].tolist() for name in result.columns}
    if isinstance(result, list) and result and all(isinstance(row, dict) for row in result):
        return {str(name): [row[name] for row in result] for name in result[0]}
    return result


def _xgboost(inner: Any) -> Optional[Callable[[Any], Any]]:
    """Of a bare booster what needs no matrix of its own to be built; it refuses what such a matrix refuses."""
    model = getattr(inner, "xgb_model", None)
    in_place, method = getattr(model, "inplace_predict", None), getattr(model, "predict", None)
    if not callable(in_place):
        return method if callable(method) else None

    def predict(values: Any) -> Any:
        if (np.abs(values) > _LARGEST_OF_32_BITS).any():
            raise ValueError("a value is infinite, or too large for 32 bits")
        return in_place(values)

    return predict


def _lightgbm(inner: Any) -> Optional[Callable[[Any], Any]]:
    """Of a model with scikit-learn's face its booster, because the face warns of missing names with every request."""
    model = getattr(inner, "lgb_model", None)
    booster, classes = getattr(model, "_Booster", model), getattr(model, "_classes", None)
    predict: Any = getattr(booster, "predict", None)
    if not callable(predict) or callable(getattr(model, "objective", None)):
        return None
    if classes is None:
        direct: Callable[[Any], Any] = predict
        return direct

    def decide(values: Any) -> Any:
        chances = predict(values)
        places = np.argmax(chances, axis=1) if chances.ndim > 1 else (chances > 1 - chances).astype(int)
        return np.asarray(classes)[places]

    return decide


def _onnx(inner: Any) -> Optional[Callable[[Any], Any]]:
    """As MLflow has it: a frame goes in as one matrix, a record for each row comes out."""
    session = getattr(inner, "rt", None)
    if session is None:
        return None
    inputs = session.get_inputs()
    if len(inputs) != 1 or inputs[0].type not in ("tensor(float)", "tensor(double)"):
        return None
    name, wanted = inputs[0].name, np.float32 if inputs[0].type == "tensor(float)" else np.float64
    outputs = [output.name for output in session.get_outputs()]

    def predict(values: Any) -> Any:
        found: Dict[str, Any] = dict(zip(outputs, session.run(outputs, {name: values.astype(wanted)})))
        columns = [values.reshape(len(values), -1)[:, 0].tolist() for values in found.values()]
        if any(values.ndim > 1 and values.shape[1] != 1 for values in found.values()):
            raise TypeError("a row has more than one value")
        return [dict(zip(found, row)) for row in zip(*columns)]

    return predict
