"""`python -m pratique_serving.convert MODEL FOLDER`: an MLflow model to ONNX, with proof that it says the same.

Runs in an environment of its own: what the model needs to be loaded, and
`skl2onnx` and `onnxruntime` beside it (for xgboost and lightgbm `onnxmltools`).
The model's own environment and the server's stay as they are.

    FOLDER/model.onnx     the converted model; its metadata says how rows become its inputs
    FOLDER/parity.json    the proof, also when it fails

Exit codes: 0 converted and proven, 3 not converted; the reason is in
parity.json and on stdout. What cannot be converted stays as it is.
"""

import contextlib
import importlib
import json
import os
import re
import sys
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np
import onnx
from onnx import TensorProto, helper

from pratique_serving import boosters, converters, oip
from pratique_serving.graph import Unsupported, finish, note
from pratique_serving.parity import Proof, parts, prove
from pratique_serving.tables import Column

EXIT_NOT_CONVERTED = 3

# Types of a signature's columns that become numbers.
NUMBERS = frozenset({"double", "float", "long", "integer"})


FLAVOURS = ("sklearn", "xgboost", "lightgbm")


class Source(NamedTuple):
    """A model as it was trained."""

    model: Any
    columns: Tuple[Column, ...]
    examples: Any
    """A DataFrame: the stored input example; None when there is none."""
    outputs: Tuple[Dict[str, Any], ...] = ()
    """As the signature has them, in the words of the Open Inference Protocol."""


def main(arguments: List[str]) -> int:
    """Convert, prove, write; the exit code."""
    if len(arguments) != 2:
        sys.exit("usage: python -m pratique_serving.convert MODEL FOLDER")
    folder, target = arguments
    os.makedirs(target, exist_ok=True)
    try:
        source = read(folder)
        proof = convert(source, os.path.join(target, "model.onnx"), _say)
    except Unsupported as error:
        proof = Proof.impossible(str(error))
    # A converter may raise anything for a model that it does not know.
    except Exception as error:  # noqa: BLE001
        proof = Proof.impossible(_explained(error))
    with open(os.path.join(target, "parity.json"), "w", encoding="utf-8") as file:
        json.dump(proof.as_dict(), file, indent=2)
    print(proof.sentence())
    return 0 if proof.holds else EXIT_NOT_CONVERTED


def _say(what: str) -> None:
    """What is done next; the platform hands on what begins like this."""
    print(f"progress: {what}", file=sys.stderr, flush=True)


def read(folder: str) -> Source:
    """Load the model with its own flavour. Raises Unsupported for what is not converted."""
    # Whoever only serves has no MLflow.
    import mlflow.models  # noqa: PLC0415

    described = mlflow.models.Model.load(folder)
    schema = described.get_input_schema()
    if schema is None or not schema.inputs or schema.is_tensor_spec():
        raise Unsupported("the model was logged without a signature that names its columns")
    columns = tuple(_column(spec) for spec in schema.inputs)
    if not described.signature.outputs:
        raise Unsupported("the model was logged without a signature of its outputs")
    flavour = next((name for name in FLAVOURS if name in described.flavors), None)
    if flavour is None:
        raise Unsupported(f"models of the flavour {', '.join(sorted(described.flavors))} are not converted")
    predict = described.flavors.get("python_function", {}).get("predict_fn", "predict")
    if predict != "predict":
        raise Unsupported(f"the model answers with {predict}(), only predict() is converted")
    model = importlib.import_module(f"mlflow.{flavour}").load_model(folder)
    model = boosters.Bare(model) if boosters.is_bare(model) else model
    example = described.load_input_example(folder) if described.saved_input_example_info else None
    return Source(model, columns, example, tuple(_output(spec) for spec in described.signature.outputs.inputs))


def _output(spec: Any) -> Dict[str, Any]:
    kind = str(getattr(spec.type, "name", spec.type))
    return oip.describe_tensor(spec.name or "predictions", kind, getattr(spec, "shape", (-1,)))


def _column(spec: Any) -> Column:
    kind = str(getattr(spec.type, "name", spec.type))
    if spec.name is None or (kind not in NUMBERS and kind not in ("string", "boolean")):
        raise Unsupported(f"the column {spec.name!r} is of type {kind}")
    return Column(str(spec.name), kind, bool(getattr(spec, "required", True)))


def convert(source: Source, path: str, say: Callable[[str], None]) -> Proof:
    """Try the converted forms in turn, the exact one first; write the first one that is proven.

    What is told of two that fail is of the exact one, unless that could not even be made.
    """
    proofs = []
    for element in (TensorProto.DOUBLE, TensorProto.FLOAT):
        proofs.append(_try(source, path, element, say))
        if proofs[-1].holds:
            note(path, {"pratique.outputs": json.dumps(source.outputs)})
            return proofs[-1]
        if os.path.exists(path):
            os.unlink(path)
    told = next((proof for proof in proofs if proof.rows), proofs[0])
    return told if told is proofs[0] else told._replace(reason=f"{told.reason}, in 32 bits; in 64: {proofs[0].reason}")


def _try(source: Source, path: str, element: int, say: Callable[[str], None]) -> Proof:
    try:
        say(f"converting to numbers of {64 if element == TensorProto.DOUBLE else 32} bits")
        graph = _graph(source, element)
        onnx.save(finish(graph, source.columns, element, _learned_missing(source.model)), path)
        return prove(source.model, path, source.columns, source.examples, say)
    except Unsupported:
        raise
    # Not every operator exists for every type of number.
    except Exception as error:  # noqa: BLE001
        return Proof.impossible(_explained(error))


def _explained(error: Exception) -> str:
    """What a converter means, in one line; most of them say much more to their own developers."""
    said = str(error)
    unknown = re.search(r"for type '<class '([\w.]+)'>'", said)
    if unknown:
        return f"there is no converter for {unknown.group(1)}"
    first = next((line.strip() for line in said.splitlines() if line.strip()), "")
    return f"the converter failed: {type(error).__name__}: {first[:300]}"


def _graph(source: Source, element: int) -> onnx.ModelProto:
    from skl2onnx import to_onnx  # noqa: PLC0415
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, StringTensorType  # noqa: PLC0415

    converters.register()
    number = DoubleTensorType if element == TensorProto.DOUBLE else FloatTensorType
    bare = source.model if isinstance(source.model, boosters.Bare) else None
    model, threshold = _without_threshold(_without_search(bare.estimator if bare else source.model))
    _check_parts(model)
    if not all(np.isfinite(tree.threshold).all() for tree in _trees(model)):
        # The converter would look for ever for a number that divides them.
        raise Unsupported("a tree of the model asks whether a value is missing, which ONNX's trees cannot")
    if _takes_columns(model):
        inputs = [
            (column.name, StringTensorType([None, 1]) if column.type == "string" else number([None, 1]))
            for column in source.columns
        ]
    elif any(column.type == "string" for column in source.columns):
        raise Unsupported("the model has columns of text and does not begin with a ColumnTransformer that encodes them")
    else:
        inputs = [("numbers", number([None, len(source.columns)]))]
    with _without_names(model), _without_flattening(model):
        made = to_onnx(model, initial_types=inputs, options=_options(model), target_opset=_versions(model))
    _send_missing(made, model)
    if threshold is not None:
        _decide_by(made, threshold)
    if bare is not None:
        bare.choose(made)
    return made


def _options(model: Any) -> Any:
    """Probabilities as a matrix; what has none (LinearSVC) must not be told so, but must be named."""
    if hasattr(model, "predict_proba"):
        return {id(model): {"zipmap": False}}
    return {id(_last(model)): {"nocl": False}} if type(_last(model)).__name__ == "LinearSVC" else None


def _without_search(model: Any) -> Any:
    """The best estimator of a search over parameters, which is what predicts."""
    return getattr(model, "best_estimator_", model)


def _check_parts(model: Any) -> None:
    """Raises Unsupported for what converters make something else of without a word."""
    for part in parts(model):
        if type(part).__name__ in ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"):
            raise Unsupported(f"a {type(part).__name__} takes other words from a text than ONNX's operators do")
        if not type(part).__module__.startswith("xgboost"):
            continue
        missing, kind = getattr(part, "missing", None), boosters.kind_of_xgboost(part.get_booster())
        if missing is not None and not np.isnan(missing):
            raise Unsupported(f"the model of xgboost takes {missing:g} as missing; only NaN is converted")
        if kind != "gbtree":
            raise Unsupported(f"the booster of the model of xgboost is {kind}; only gbtree is converted")


def _learned_missing(model: Any) -> Dict[str, List[Any]]:
    """The missing words (None, NaN) that one-hot encoders have learned, which come last, by column.

    Raises Unsupported where they cannot be told from words that only look like them.
    """
    found: Dict[str, List[Any]] = {}
    for part in parts(_without_threshold(_without_search(model))[0]):
        encodes = type(part).__name__ in ("OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
        for place, words in enumerate(getattr(part, "categories_", ()) if encodes else ()):
            missing = [word for word in words if word is None or (isinstance(word, float) and word != word)]
            if words.dtype != object or not missing:
                continue
            names = getattr(part, "feature_names_in_", None)
            if names is None or type(part).__name__ != "OneHotEncoder" or getattr(part, "_infrequent_enabled", False):
                raise Unsupported(f"a {type(part).__name__} has learned missing words, which it cannot be asked for")
            found[str(names[place])] = missing
    return found


def _versions(model: Any) -> Any:
    """What the converters of xgboost and lightgbm know at most; the newest for all others."""
    return {"": 15, "ai.onnx.ml": 3} if type(_last(model)).__module__.startswith(("xgboost", "lightgbm")) else None


@contextlib.contextmanager
def _without_names(model: Any) -> Iterator[None]:
    """The converter of xgboost wants its features to be called f0, f1, …"""
    is_xgboost = type(_last(model)).__module__.startswith("xgboost")
    booster: Any = _last(model).get_booster() if is_xgboost else None
    names = getattr(booster, "feature_names", None)
    if names is not None:
        booster.feature_names = None
    try:
        yield
    finally:
        if names is not None:
            booster.feature_names = names


@contextlib.contextmanager
def _without_flattening(model: Any) -> Iterator[None]:
    """The converter of a vote refuses how `transform` would answer, though nothing is asked for but `predict`."""
    votes = [part for part in parts(model) if getattr(part, "flatten_transform", False)]
    for part in votes:
        part.flatten_transform = False
    try:
        yield
    finally:
        for part in votes:
            part.flatten_transform = True


def _last(model: Any) -> Any:
    """The estimator at the end of a pipeline."""
    return model.steps[-1][1] if hasattr(model, "steps") else model


class Threshold(NamedTuple):
    """How scikit-learn's threshold classifiers decide, in place of the largest probability."""

    at: float
    place: int
    """Of the positive class among the probabilities."""
    labels: Tuple[Any, Any]
    """Below, and at or above."""


def _without_threshold(model: Any) -> Tuple[Any, Optional[Threshold]]:
    """The estimator inside a FixedThresholdClassifier or TunedThresholdClassifierCV, and the threshold."""
    kind = type(model).__name__
    if kind not in ("FixedThresholdClassifier", "TunedThresholdClassifierCV"):
        return model, None
    inner = model.estimator_
    classes = list(inner.classes_)
    if len(classes) != 2 or not hasattr(inner, "predict_proba") or model.response_method == "decision_function":
        raise Unsupported(f"a {kind} that does not decide by the probability of two classes")
    positive = getattr(model, "pos_label", None)
    place = classes.index(positive) if positive is not None else 1
    at = getattr(model, "best_threshold_", None) if kind.startswith("Tuned") else model.threshold
    value = 0.5 if at in (None, "auto") else float(at)
    return inner, Threshold(value, place, (classes[1 - place], classes[place]))


def _decide_by(made: onnx.ModelProto, threshold: Threshold) -> None:
    """Replace the label by: whether the probability is at or above the threshold."""
    label, probabilities = made.graph.output[0], made.graph.output[1]
    element = probabilities.type.tensor_type.elem_type
    kind = label.type.tensor_type.elem_type
    numbers = {TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64}
    constants = {
        "decide_place": helper.make_tensor("decide_place", TensorProto.INT64, [], [threshold.place]),
        "decide_at": helper.make_tensor("decide_at", element, [], [numbers[element](threshold.at)]),
        "decide_labels": helper.make_tensor(
            "decide_labels",
            kind,
            [2],
            [str(name).encode() if kind == TensorProto.STRING else int(name) for name in threshold.labels],
        ),
    }
    made.graph.initializer.extend(constants.values())
    made.graph.node.extend(
        [
            helper.make_node("Gather", [probabilities.name, "decide_place"], ["decide_chance"], axis=1),
            helper.make_node("Less", ["decide_chance", "decide_at"], ["decide_below"]),
            helper.make_node("Not", ["decide_below"], ["decide_above"]),
            helper.make_node("Cast", ["decide_above"], ["decide_index"], to=TensorProto.INT64),
            helper.make_node("Gather", ["decide_labels", "decide_index"], ["decided"], axis=0),
        ]
    )
    label.name = "decided"


def _send_missing(made: onnx.ModelProto, model: Any) -> None:
    """Send a missing value down the branch that scikit-learn's trees send it; the converter does not."""
    ways = [int(way) for tree in _trees(model) for way in getattr(tree, "missing_go_to_left", ())]
    said = [one for node in made.graph.node for one in node.attribute if one.name == "nodes_missing_value_tracks_true"]
    if sum(len(one.ints) for one in said) != len(ways):
        return
    for one in said:
        count = len(one.ints)
        one.ints[:] = ways[:count]
        del ways[:count]


def _trees(model: Any) -> List[Any]:
    """The trees of a tree or forest at the end of a pipeline."""
    last = _last(model)
    inner = getattr(last, "estimators_", [last])
    flat = inner.ravel() if isinstance(inner, np.ndarray) else inner
    return [tree.tree_ for tree in flat if hasattr(tree, "tree_")]


def _takes_columns(model: Any) -> bool:
    """Whether the first thing the model does is to choose columns by their names."""
    first = model
    while hasattr(first, "steps"):
        first = first.steps[0][1]
    return type(first).__name__ == "ColumnTransformer"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
