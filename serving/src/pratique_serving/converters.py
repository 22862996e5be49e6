"""Converters for parts of a model that skl2onnx has none for, or one that is less exact.

SimpleImputer         in 64 bits, with the indicators of what was missing; of text too
FunctionTransformer   with the functions of numpy that are usual
PolynomialFeatures    in 64 bits
histogram boosting    with thresholds of 64 bits
forests that decide   with votes that are added up without rounding
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
    from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures  # noqa: PLC0415

    update_registered_converter(SimpleImputer, "PratiqueImputer", _shape_of_imputed, _impute)
    update_registered_converter(FunctionTransformer, "PratiqueFunction", _shape_of_columns, _apply)
    update_registered_converter(PolynomialFeatures, "PratiquePolynomial", _shape_of_products, _multiply)
    _register_trees(update_registered_converter)
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


def _shape_of_products(operator: Any) -> None:
    kind = type(operator.inputs[0].type)
    operator.outputs[0].type = kind(
        [operator.inputs[0].get_first_dimension(), operator.raw_operator.n_output_features_]
    )


def _multiply(scope: Any, operator: Any, container: Any) -> None:
    """Every product of as many columns as the degree; a column of ones stands in where there are fewer."""
    powers = operator.raw_operator.powers_
    degree, width = max(1, int(powers.sum(axis=1).max())), powers.shape[1]
    factors = np.full((degree, len(powers)), width, np.int64)
    for place, product in enumerate(powers):
        used = np.repeat(np.arange(width), product)
        factors[: len(used), place] = used
    names = [scope.get_unique_variable_name(name) for name in ("pads", "one", "with_ones")]
    container.add_initializer(names[0], TensorProto.INT64, [4], [0, 0, 0, 1])
    container.add_initializer(names[1], _element(operator), [], [1.0])
    container.add_node("Pad", [_joined(scope, operator, container), *names[:2]], [names[2]], op_version=13)
    last = ""
    for number, places in enumerate(factors):
        chosen, factor = (scope.get_unique_variable_name(name) for name in ("chosen", "factor"))
        container.add_initializer(chosen, TensorProto.INT64, [len(places)], places.tolist())
        container.add_node("Gather", [names[2], chosen], [factor], axis=1, op_version=13)
        product = operator.outputs[0].full_name if number == degree - 1 else scope.get_unique_variable_name("product")
        container.add_node(*(("Mul", [last, factor]) if last else ("Identity", [factor])), [product])
        last = product


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

    def __init__(self, container: Any, model: Any) -> None:
        self._container = container
        trees = [tree for some in getattr(model, "_predictors", ()) for tree in some]
        self._known = [float(node["num_threshold"]) for tree in trees for node in tree.nodes]
        if any(node["is_categorical"] for tree in trees for node in tree.nodes):
            raise Unsupported("a tree of the histogram boosting asks whether a value is one of several categories")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        if op_type.startswith("TreeEnsemble") and "nodes_values" in attributes:
            # The converter of histogram boosting for classes rounds them before.
            values = self._known or [float(value) for value in attributes.pop("nodes_values")]
            attributes.pop("nodes_values", None)
            name = "nodes_values_as_tensor"
            attributes[name] = helper.make_tensor(name, TensorProto.DOUBLE, [len(values)], values)
            attributes["op_version"] = 3
            missing = attributes["nodes_missing_value_tracks_true"]
            # The converter of histogram boosting says true and false, which no attribute can be.
            attributes["nodes_missing_value_tracks_true"] = [int(way) for way in missing]
        self._container.add_node(op_type, inputs, outputs, **attributes)


def _precisely(convert: Any) -> Any:
    """The converter with thresholds of 64 bits, where numbers have them."""

    def converted(scope: Any, operator: Any, container: Any) -> None:
        is_double = type(operator.inputs[0].type).__name__ == "DoubleTensorType"
        convert(scope, operator, _Precise(container, operator.raw_operator) if is_double else container)

    return converted


class _Votes:
    """Where a converter puts its nodes; lets the trees of a forest add up votes, which become shares afterwards.

    32 bits add up whole votes without rounding, so a tie stays one. Of two classes onnxruntime takes the second if
    its score is above 0.5: so the votes for it are made small enough by a power of two, and laid around that.
    """

    def __init__(self, scope: Any, container: Any, trees: Any) -> None:
        self._scope, self._container, self._trees = scope, container, trees

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, op_type: str, inputs: Any, outputs: Any, **attributes: Any) -> None:
        if op_type != "TreeEnsembleClassifier":
            self._container.add_node(op_type, inputs, outputs, **attributes)
            return
        weights, count = self._shares(attributes), len(self._trees)
        scale, shift = 1.0 / count, 0.0
        if not any(attributes["class_ids"]):
            unit = 0.5 ** (count - 1).bit_length()
            weights, scale = weights * unit, scale / unit
            attributes["base_values"], shift = [0.5 - count * unit / 2], 0.5 - scale / 2
        names = [self._scope.get_unique_variable_name(name) for name in ("votes", "scale", "scaled", "shift")]
        attributes["class_weights"] = weights.tolist()
        self._container.add_node(op_type, inputs, [outputs[0], names[0]], **attributes)
        self._container.add_initializer(names[1], TensorProto.FLOAT, [1], [scale])
        self._container.add_node("Mul", names[:2], [names[2]], op_version=13)
        self._container.add_initializer(names[3], TensorProto.FLOAT, [1], [shift])
        self._container.add_node("Add", names[2:], [outputs[1]], op_version=13)

    def _shares(self, attributes: Any) -> Any:
        """Of each weight that the converter has listed the share of a class in a leaf, before it was divided."""
        places = zip(attributes["class_treeids"], attributes["class_nodeids"])
        leaves = np.array([self._trees[tree].tree_.value[node, 0] for tree, node in places])
        asked = np.array(attributes["class_ids"]) if any(attributes["class_ids"]) else np.ones(len(leaves), np.int64)
        return leaves[np.arange(len(leaves)), asked] / leaves.sum(axis=1)


def _by_votes(convert: Any) -> Any:
    """The converter of a forest without rounding of what its trees add up."""

    def converted(scope: Any, operator: Any, container: Any) -> None:
        forest = operator.raw_operator
        if forest.n_outputs_ > 1:
            raise Unsupported(f"a {type(forest).__name__} decides several things at once")
        convert(scope, operator, _Votes(scope, container, forest.estimators_))

    return converted


def _register_trees(update: Any) -> None:
    import sklearn.ensemble  # noqa: PLC0415
    from skl2onnx.common._registration import get_converter, get_shape_calculator  # noqa: PLC0415

    options = {"nocl": [True, False], "zipmap": [True, False, "columns"], "raw_scores": [True, False]}
    of_forests = {**options, "decision_path": [True, False], "decision_leaf": [True, False]}
    for name, better, chosen in (
        ("HistGradientBoostingClassifier", _precisely, {"options": options}),
        ("HistGradientBoostingRegressor", _precisely, {}),
        ("RandomForestClassifier", _by_votes, {"options": of_forests}),
        ("ExtraTreesClassifier", _by_votes, {"options": of_forests}),
    ):
        convert, shapes = better(get_converter(f"Sklearn{name}")), get_shape_calculator(f"Sklearn{name}")
        update(getattr(sklearn.ensemble, name), f"Pratique{name}", shapes, convert, **chosen)


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
        from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier, XGBRFRegressor  # noqa: PLC0415

        for kind in (XGBClassifier, XGBRFClassifier):
            update(kind, f"Pratique{kind.__name__}", classes, convert_xgboost, options=options)
        for kind in (XGBRegressor, XGBRFRegressor):
            update(kind, f"Pratique{kind.__name__}", values, convert_xgboost)
    except ImportError:
        pass
