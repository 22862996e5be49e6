"""Between nodes of YAML and values of expressions."""

from pratique.delivery.expressions.values import Array, Record, Value, to_text
from pratique.delivery.nodes import Mapping, Node, Place, Scalar, Sequence


def value_of(node: Node) -> Value:
    """`node` as a value; scalars are text."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return Array(tuple(value_of(item) for item in node.items), node)
        case Mapping():
            return Record(((key.text, value_of(inner)) for key, inner in node.pairs), node)


def node_of(value: Value, place: Place) -> Node:
    """`value` as a node; what was read from a file keeps its places, the rest stands at `place`."""
    match value:
        case Array():
            if value.origin is not None:
                return value.origin
            return Sequence(tuple(node_of(item, place) for item in value.items), place)
        case Record():
            if value.origin is not None:
                return value.origin
            pairs = ((_scalar(name, place), node_of(inner, place)) for name, inner in value.items())
            return Mapping(tuple(pairs), place)
        case _:
            return _scalar(to_text(value), place)


def _scalar(text: str, place: Place) -> Scalar:
    return Scalar(text, place, is_expanded=True)
