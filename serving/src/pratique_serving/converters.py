"""Converters for parts of a model that skl2onnx has none for, or one that is less exact.

SimpleImputer         in 64 bits, with the indicators of what was missing; of text too
FunctionTransformer   with the functions of numpy that are usual
xgboost, lightgbm     the converters of onnxmltools, where all three are installed
"""

import math
from typing import Any, Dict, List

import numpy as np
from onnx import TensorProto, helper

from pratique_serving.graph import Unsupported


def register() -> None:
    """Let skl2onnx know them."""
    from skl2onnx import update_registered_converter  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.preprocessing import FunctionTransformer  # noqa: PLC0415

    update_registered_converter(SimpleImputer, "PratiqueImputer", _shape_of_imputed, _impute)
    update_registered_converter(FunctionTransformer, "PratiqueFunction", _shape_of_columns, _apply)
    _register_histograms(update_registered_converter)
    _register_boosting(update_registered_converter)


def _columns(operator: Any) -> int:
    return sum(int(given.type.shape[1]) for given in operator.inputs)


def _shape_of_columns(operator: Any) -> None:
    kind = type(operator.inputs[0].type)
    operator.outputs[0].type = kind([operator.inputs[0].get_first_dimension(), _columns(operator)])


def _shape_of_imputed(operator: Any) -> None:
    indicator = getattr(operator.raw_operator, "indicator_", None)
    kind = type(operator.inputs[0].type)
    width = _columns(operator) + (len(indicator.features_) if indicator is not None else 0)
    operator.outputs[0].type = kind([operator.inputs[0].get_first_dimension(), width])


def _impute(scope: Any, operator: Any, container: Any) -> None:
    model, output = operator.raw_operator, operator.outputs[0].full_name
    given = _joined(scope, operator, container)
    if not isinstance(model.missing_values, float) or not math.isnan(model.missing_values):
        raise Unsupported(
            f"a SimpleImputer that replaces {model.missing_values!r} is not converted, only missing values"
        )
    if _element(operator) == TensorProto.STRING:
        # What a request misses is None, and that is not the NaN which scikit-learn replaces.
        container.add_node("Identity", [given], [output])
        return
    values = np.asarray(model.statistics_, np.float64)
    if np.isnan(values).any():
        raise Unsupported("a SimpleImputer has seen a column with no value at all")
    missing, filler = scope.get_unique_variable_name("missing"), scope.get_unique_variable_name("filler")
    container.add_initializer(filler, _element(operator), [1, len(values)], values.tolist())
    container.add_node("IsNaN", [given], [missing], op_version=13)
    indicator = getattr(model, "indicator_", None)
    filled = scope.get_unique_variable_name("filled") if indicator is not None else output
    container.add_node("Where", [missing, filler, given], [filled], op_version=9)
    if indicator is None:
        return
    names = [scope.get_unique_variable_name(name) for name in ("features", "chosen", "indicators")]
    features = np.asarray(indicator.features_, np.int64)
    container.add_initializer(names[0], TensorProto.INT64, [len(features)], features.tolist())
    container.add_node("Gather", [missing, names[0]], [names[1]], axis=1, op_version=13)
    container.add_node("Cast", [names[1]], [names[2]], to=_element(operator), op_version=13)
    container.add_node("Concat", [filled, names[2]], [output], axis=1, op_version=13)


_FUNCTIONS: Dict[Any, List[str]] = {
    np.log1p: ["+1", "Log"],
    np.log: ["Log"],
    np.exp: ["Exp"],
    np.expm1: ["Exp", "-1"],
    np.sqrt: ["Sqrt"],
    np.abs: ["Abs"],
    None: [],
}


def _apply(scope: Any, operator: Any, container: Any) -> None:
    model = operator.raw_operator
    steps = _FUNCTIONS.get(model.func) if not model.kw_args else None
    if steps is None:
        known = ", ".join(f"numpy.{function.__name__}" for function in _FUNCTIONS if function)
        name = getattr(model.func, "__name__", str(model.func))
        raise Unsupported(f"a FunctionTransformer calls {name}; what is converted is {known}")
    last = _joined(scope, operator, container)
    for step in steps:
        made = scope.get_unique_variable_name("calculated")
        if step[0] in "+-":
            one = scope.get_unique_variable_name("one")
            container.add_initializer(one, _element(operator), [1], [float(step)])
            container.add_node("Add", [last, one], [made], op_version=13)
        else:
            container.add_node(step, [last], [made], op_version=13)
        last = made
    container.add_node("Identity", [last], [operator.outputs[0].full_name])


def _joined(scope: Any, operator: Any, container: Any) -> str:
    if len(operator.inputs) == 1:
        return str(operator.inputs[0].full_name)
    made = scope.get_unique_variable_name("joined")
    container.add_node("Concat", [given.full_name for given in operator.inputs], [made], axis=1, op_version=13)
    return str(made)


def _element(operator: Any) -> int:
    name = type(operator.inputs[0].type).__name__
    kinds = {"DoubleTensorType": TensorProto.DOUBLE, "StringTensorType": TensorProto.STRING}
    return int(kinds.get(name, TensorProto.FLOAT))


class _Precise:
    """Where a converter puts its nodes; keeps the thresholds of trees in the 64 bits that they are compared in."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        if op_type.startswith("TreeEnsemble") and "nodes_values" in attributes:
            values = [float(value) for value in attributes.pop("nodes_values")]
            name = "nodes_values_as_tensor"
            attributes[name] = helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
            attributes["op_version"] = 3
        self._container.add_node(op_type, inputs, outputs, **attributes)


def _precisely(convert: Any) -> Any:
    """The converter with thresholds of 64 bits, where numbers have them."""

    def converted(scope: Any, operator: Any, container: Any) -> None:
        is_double = type(operator.inputs[0].type).__name__ == "DoubleTensorType"
        convert(scope, operator, _Precise(container) if is_double else container)

    return converted


def _register_histograms(update: Any) -> None:
    from skl2onnx.common._registration import get_converter, get_shape_calculator  # noqa: PLC0415
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor  # noqa: PLC0415

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"], "raw_scores": [True, False]}
    for kind in (HistGradientBoostingClassifier, HistGradientBoostingRegressor):
        known = f"Sklearn{kind.__name__}"
        convert, shapes = _precisely(get_converter(known)), get_shape_calculator(known)
        chosen = {"options": options} if kind is HistGradientBoostingClassifier else {}
        update(kind, f"Pratique{kind.__name__}", shapes, convert, **chosen)


def _register_boosting(update: Any) -> None:
    from skl2onnx.common.shape_calculator import (  # noqa: PLC0415
        calculate_linear_classifier_output_shapes as classes,
    )
    from skl2onnx.common.shape_calculator import (  # noqa: PLC0415
        calculate_linear_regressor_output_shapes as values,
    )

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
    try:
        from lightgbm import LGBMClassifier, LGBMRegressor  # noqa: PLC0415
        from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm  # noqa: PLC0415

        update(LGBMClassifier, "LgbmC", classes, _precisely(convert_lightgbm), options=options)
        update(LGBMRegressor, "LgbmR", values, _precisely(convert_lightgbm), options={"split": None})
    except ImportError:
        pass
    try:
        from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost  # noqa: PLC0415
        from xgboost import XGBClassifier, XGBRegressor  # noqa: PLC0415

        update(XGBClassifier, "XgbC", classes, convert_xgboost, options=options)
        update(XGBRegressor, "XgbR", values, convert_xgboost)
    except ImportError:
        pass
