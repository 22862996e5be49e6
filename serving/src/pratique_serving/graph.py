"""What is done to a converted graph so that a row becomes its inputs quickly and exactly.

skl2onnx makes one input for each column, and feeding twenty costs more than the
model. `finish` leaves two:

    numbers   (rows, n)   every number, in the order of the columns
    codes     (rows, m)   for each column of text the place of its value among the known
                          ones, -1 for an unknown one

The words are looked up before the graph; what they mean is in the model's
metadata (`pratique.columns`). A column of text that is used for anything but
one-hot encoding keeps its own input.
"""

import json
from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import onnx
import onnx.shape_inference
from onnx import TensorProto, helper, numpy_helper

from pratique_serving.tables import Column


class Unsupported(Exception):
    """The model cannot be converted; the message says why, to a person."""


def finish(
    model: onnx.ModelProto, columns: Sequence[Column], element: int, missing: Dict[str, List[Any]]
) -> onnx.ModelProto:
    """The model with few inputs, exact trees, and metadata that says how it is fed.

    `missing` are the missing words (None, NaN) that encoders have learned beside real ones. Raises Unsupported.
    """
    graph = model.graph
    _make_trees_exact(graph)
    codes = _codes(graph, columns)
    described: List[Dict[str, Any]] = []
    numbers = [column.name for column in columns if column.type != "string"]
    for column in columns:
        one: Dict[str, Any] = {"name": column.name, "type": column.type, "required": column.is_required}
        if column.name in codes:
            one.update(_coded(codes[column.name], missing.get(column.name, [])))
        elif column.name in missing:
            raise Unsupported(
                f"an encoder has learned the missing words of {column.name!r} and cannot be asked for them"
            )
        elif column.type == "string":
            one["feeds"] = column.name
        described.append(one)
    if [given.name for given in graph.input] != ["numbers"]:
        _join_numbers(graph, numbers, element)
    label = graph.output[0].name
    entry = model.metadata_props.add()
    entry.key, entry.value = "pratique.columns", json.dumps(described)
    entry = model.metadata_props.add()
    entry.key, entry.value = "pratique.answer", label
    _declare_outputs(model)
    onnx.checker.check_model(model)
    return model


def _declare_outputs(model: onnx.ModelProto) -> None:
    """Let the outputs be of the type that their nodes make: trees answer in 32 bits, whatever the converter thought."""
    guess = onnx.ModelProto()
    guess.CopyFrom(model)
    del model.graph.value_info[:], guess.graph.value_info[:]
    for output in guess.graph.output:
        output.type.Clear()
    # The inference does not know what trees answer, and so nothing of what is made of it.
    of_trees = [node.output[-1] for node in guess.graph.node if node.op_type.startswith("TreeEnsemble")]
    guess.graph.value_info.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in of_trees)
    for output, inferred in zip(model.graph.output, onnx.shape_inference.infer_shapes(guess).graph.output):
        if inferred.type.tensor_type.elem_type:
            output.type.tensor_type.elem_type = inferred.type.tensor_type.elem_type


def _coded(codes: Dict[str, int], missing: List[Any]) -> Dict[str, Any]:
    """Its last words are no words when they are missing ones: a request says None, and can never say NaN."""
    places = sorted(codes.items(), key=lambda pair: pair[1])
    words, rest = places[: len(places) - len(missing)], places[len(places) - len(missing) :]
    null = [place for (_, place), value in zip(rest, missing) if value is None]
    return {"codes": dict(words), **({"null": null[0]} if null else {})}


def describe(path: str, columns: Dict[str, Dict[str, Any]]) -> None:
    """Add what was found out about columns to the metadata of the file at `path`."""
    model = onnx.load(path)
    entry = next(one for one in model.metadata_props if one.key == "pratique.columns")
    found = [{**one, **columns.get(one["name"], {})} for one in json.loads(entry.value)]
    entry.value = json.dumps(found)
    onnx.save(model, path)


def note(path: str, values: Dict[str, str]) -> None:
    """Add entries to the metadata of the file at `path`."""
    model = onnx.load(path)
    for key, value in values.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    onnx.save(model, path)


def _make_trees_exact(graph: onnx.GraphProto) -> None:
    """Let every tree compare what its original compares: ONNX's compare 32 bits, whatever they are given."""
    if not _of_type(graph):
        return
    for number, node in enumerate([node for node in graph.node if node.op_type.startswith("TreeEnsemble")]):
        precise = next((one for one in node.attribute if one.name == "nodes_values_as_tensor"), None)
        if precise is not None:
            node.attribute.remove(precise)
        if precise is not None and _only_compares(node):
            before = _rank(graph, node, numpy_helper.to_array(precise.t).tolist(), f"ranked_{number}")
        else:
            if precise is not None:
                node.attribute.append(helper.make_attribute("nodes_values", numpy_helper.to_array(precise.t).tolist()))
            before = [helper.make_node("Cast", [node.input[0]], [f"rounded_{number}"], to=TensorProto.FLOAT)]
        at = list(graph.node).index(node)
        for place, made in enumerate(before):
            graph.node.insert(at + place, made)
        node.input[0] = before[-1].output[0]


def _only_compares(node: onnx.NodeProto) -> bool:
    """Whether no node asks if a value is one of several, and at least one asks for its size."""
    modes = next(set(one.strings) for one in node.attribute if one.name == "nodes_modes")
    return modes == {b"BRANCH_LEQ", b"LEAF"}


def _rank(graph: onnx.GraphProto, node: onnx.NodeProto, values: List[float], name: str) -> List[onnx.NodeProto]:
    """Trees that compare 64 bits are given places instead: how many of a feature's thresholds a value is above.

    A value is above a threshold exactly if its place is above the threshold's. What is missing stays NaN.
    """
    attributes = {one.name: one for one in node.attribute}
    features, modes = list(attributes["nodes_featureids"].ints), list(attributes["nodes_modes"].strings)
    asked = sorted({(feature, value) for feature, value, mode in zip(features, values, modes) if mode != b"LEAF"})
    lowest = {feature: place for place, (feature, _) in reversed(list(enumerate(asked)))}
    places = {one: float(place - lowest[one[0]]) for place, one in enumerate(asked)}
    ranks = [places.get((feature, value), 0.0) for feature, value in zip(features, values)]
    node.attribute.append(helper.make_attribute("nodes_values", ranks))
    widest = max(features) + 1
    owners = np.zeros((len(asked), widest), np.float32)
    owners[np.arange(len(asked)), [feature for feature, _ in asked]] = 1
    constants = {
        "features": np.array([feature for feature, _ in asked], np.int64),
        "thresholds": np.array([value for _, value in asked], np.float64),
        "owners": owners,
        "used": np.arange(widest, dtype=np.int64),
        "nan": np.array(np.nan, np.float32),
    }
    graph.initializer.extend(numpy_helper.from_array(value, f"{name}_{key}") for key, value in constants.items())
    given = node.input[0]
    return [
        helper.make_node("Gather", [given, f"{name}_features"], [f"{name}_asked"], axis=1),
        helper.make_node("Greater", [f"{name}_asked", f"{name}_thresholds"], [f"{name}_above"]),
        helper.make_node("Cast", [f"{name}_above"], [f"{name}_ones"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", [f"{name}_ones", f"{name}_owners"], [f"{name}_places"]),
        helper.make_node("Gather", [given, f"{name}_used"], [f"{name}_values"], axis=1),
        helper.make_node("IsNaN", [f"{name}_values"], [f"{name}_missing"]),
        helper.make_node("Where", [f"{name}_missing", f"{name}_nan", f"{name}_places"], [name]),
    ]


def _of_type(graph: onnx.GraphProto) -> bool:
    return any(given.type.tensor_type.elem_type == TensorProto.DOUBLE for given in graph.input)


def _codes(graph: onnx.GraphProto, columns: Sequence[Column]) -> Dict[str, Dict[str, int]]:
    """Replace the one-hot encoders of text by one input; the places of the words, by column."""
    texts = {column.name for column in columns if column.type == "string"}
    encoders = {node.output[0]: node for node in graph.node if _encodes_text(node, texts)}
    for joint in graph.node:
        if joint.op_type == "Concat" and joint.input and all(name in encoders for name in joint.input):
            chosen = [encoders[name] for name in joint.input]
            used = [node.input[0] for node in chosen]
            if len(set(used)) == len(used) and all(_readers(graph, name) == 1 for name in [*used, *joint.input]):
                return _replace_encoders(graph, joint, chosen)
    return {}


def _encodes_text(node: onnx.NodeProto, texts: "set[str]") -> bool:
    attributes = {attribute.name: attribute for attribute in node.attribute}
    return (
        node.op_type == "OneHotEncoder"
        and node.input[0] in texts
        and "cats_strings" in attributes
        and ("zeros" not in attributes or attributes["zeros"].i == 1)
    )


def _readers(graph: onnx.GraphProto, name: str) -> int:
    inside = sum(list(node.input).count(name) for node in graph.node)
    return inside + [output.name for output in graph.output].count(name)


def _replace_encoders(
    graph: onnx.GraphProto, joint: onnx.NodeProto, encoders: List[onnx.NodeProto]
) -> Dict[str, Dict[str, int]]:
    """Each place of all words is one where the code of its column is the same; no word is at -1."""
    codes: Dict[str, Dict[str, int]] = {}
    place = 0
    for encoder in encoders:
        words = next(attribute.strings for attribute in encoder.attribute if attribute.name == "cats_strings")
        codes[encoder.input[0]] = {word.decode(): place + number for number, word in enumerate(words)}
        place += len(words)
    owners = [number for number, words in enumerate(codes.values()) for _ in words]
    constants = {"codes_owners": np.array(owners, np.int64), "codes_all": np.arange(place, dtype=np.int64)}
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    made = [
        helper.make_node("Gather", ["codes", "codes_owners"], ["codes_wide"], axis=1),
        helper.make_node("Equal", ["codes_wide", "codes_all"], ["codes_known"]),
        helper.make_node("Cast", ["codes_known"], [joint.output[0]], to=TensorProto.FLOAT),
    ]
    at = list(graph.node).index(joint)
    for number, node in enumerate(made):
        graph.node.insert(at + number, node)
    for node in [joint, *encoders]:
        graph.node.remove(node)
    _replace_inputs(graph, [encoder.input[0] for encoder in encoders], ("codes", TensorProto.INT64))
    return codes


def _join_numbers(graph: onnx.GraphProto, numbers: List[str], element: int) -> None:
    """One input in the place of one for each number."""
    if not numbers:
        return
    for node in list(graph.node):
        if node.op_type == "Concat" and list(node.input) == numbers:
            for other in graph.node:
                for place, name in enumerate(other.input):
                    if name == node.output[0]:
                        other.input[place] = "numbers"
            graph.node.remove(node)
            break
    for place, name in enumerate(numbers):
        if _readers(graph, name):
            graph.initializer.append(numpy_helper.from_array(np.array([place], np.int64), f"place_of_{place}"))
            graph.node.insert(0, helper.make_node("Gather", ["numbers", f"place_of_{place}"], [name], axis=1))
    _replace_inputs(graph, numbers, ("numbers", element), len(numbers))


def _replace_inputs(graph: onnx.GraphProto, gone: List[str], new: Tuple[str, int], width: int = 0) -> None:
    kept = [given for given in graph.input if given.name not in gone]
    shape = ["rows", width or len(gone)]
    added = helper.make_tensor_value_info(new[0], new[1], shape)
    del graph.input[:]
    graph.input.extend([*kept, added])
