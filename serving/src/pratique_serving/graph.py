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
from onnx import TensorProto, helper, numpy_helper

from pratique_serving.tables import Column


class Unsupported(Exception):
    """The model cannot be converted; the message says why, to a person."""


def finish(model: onnx.ModelProto, columns: Sequence[Column], element: int) -> onnx.ModelProto:
    """The model with few inputs, exact trees, and metadata that says how it is fed."""
    graph = model.graph
    _round_before_trees(graph)
    version = next(used.version for used in model.opset_import if not used.domain)
    codes = _codes(graph, columns, version)
    described: List[Dict[str, Any]] = []
    numbers = [column.name for column in columns if column.type != "string"]
    for column in columns:
        one: Dict[str, Any] = {"name": column.name, "type": column.type, "required": column.is_required}
        if column.name in codes:
            one["codes"] = codes[column.name]
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
    onnx.checker.check_model(model)
    return model


def _round_before_trees(graph: onnx.GraphProto) -> None:
    """scikit-learn's trees compare a number after rounding it to 32 bits; do the same."""
    doubles = _of_type(graph)
    nodes = list(graph.node)
    for number, node in enumerate(nodes):
        if not node.op_type.startswith("TreeEnsemble") or not doubles:
            continue
        name = f"rounded_{number}"
        cast = helper.make_node("Cast", [node.input[0]], [name], to=TensorProto.FLOAT)
        node.input[0] = name
        graph.node.insert(list(graph.node).index(node), cast)


def _of_type(graph: onnx.GraphProto) -> bool:
    return any(given.type.tensor_type.elem_type == TensorProto.DOUBLE for given in graph.input)


def _codes(graph: onnx.GraphProto, columns: Sequence[Column], version: int) -> Dict[str, Dict[str, int]]:
    """Replace the one-hot encoders of text by one input; the places of the words, by column."""
    texts = {column.name for column in columns if column.type == "string"}
    encoders = {node.output[0]: node for node in graph.node if _encodes_text(node, texts)}
    for joint in graph.node:
        if joint.op_type == "Concat" and joint.input and all(name in encoders for name in joint.input):
            chosen = [encoders[name] for name in joint.input]
            used = [node.input[0] for node in chosen]
            if len(set(used)) == len(used) and all(_readers(graph, name) == 1 for name in [*used, *joint.input]):
                return _replace_encoders(graph, joint, chosen, version)
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
    graph: onnx.GraphProto, joint: onnx.NodeProto, encoders: List[onnx.NodeProto], version: int
) -> Dict[str, Dict[str, int]]:
    codes: Dict[str, Dict[str, int]] = {}
    place = 0
    for encoder in encoders:
        words = next(attribute.strings for attribute in encoder.attribute if attribute.name == "cats_strings")
        codes[encoder.input[0]] = {word.decode(): place + number for number, word in enumerate(words)}
        place += len(words)
    # An unknown word is -1 and would count from the end: one place more, cut off again.
    constants = {
        "codes_depth": np.array(place + 1, np.int64),
        "codes_values": np.array([0, 1], np.float32),
        "codes_from": np.array([0], np.int64),
        "codes_to": np.array([place], np.int64),
        "codes_axis": np.array([2], np.int64),
    }
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    made = [
        helper.make_node("OneHot", ["codes", "codes_depth", "codes_values"], ["codes_wide"], axis=-1),
        helper.make_node("Slice", ["codes_wide", "codes_from", "codes_to", "codes_axis"], ["codes_known"]),
        _largest_of_each(graph, version, joint.output[0]),
    ]
    at = list(graph.node).index(joint)
    for number, node in enumerate(made):
        graph.node.insert(at + number, node)
    for node in [joint, *encoders]:
        graph.node.remove(node)
    _replace_inputs(graph, [encoder.input[0] for encoder in encoders], ("codes", TensorProto.INT64))
    return codes


def _largest_of_each(graph: onnx.GraphProto, version: int, output: str) -> onnx.NodeProto:
    """Since version 18 of the operators the axes are an input."""
    if version < 18:
        return helper.make_node("ReduceMax", ["codes_known"], [output], axes=[1], keepdims=0)
    graph.initializer.append(numpy_helper.from_array(np.array([1], np.int64), "codes_columns"))
    return helper.make_node("ReduceMax", ["codes_known", "codes_columns"], [output], keepdims=0)


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
