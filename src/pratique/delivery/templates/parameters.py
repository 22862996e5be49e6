"""Parameters of a pipeline and of its templates: what is declared, and what is given.

parameters:                     typed: unknown names are refused, a parameter without default is required
- name: environment
  type: string
  values: [dev, qa]

parameters:                     the older form: a mapping of defaults; any name may be given, scalars are text
  environment: dev
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pratique.delivery.expressions.values import Record, Value, is_equal, number_of
from pratique.delivery.nodes import Mapping, Node, Place, Scalar, Sequence, kind_of
from pratique.delivery.templates.conversion import value_of
from pratique.delivery.trouble import Troubles
from pratique.specs.words import did_you_mean, shown

_SCALARS: Final = ("string", "number", "boolean", "environment", "filePath", "secureFile", "serviceConnection")
_LISTS: Final = ("stepList", "jobList", "deploymentList", "stageList", "stringList", "containerList")
_MAPPINGS: Final = ("step", "job", "deployment", "stage")
_ANYTHING: Final = ("object", "pool", "container", "legacyObject")
TYPES: Final = (*_SCALARS, *_ANYTHING, *_MAPPINGS, *_LISTS)

BOOLEANS: Final = {
    "true": True, "y": True, "yes": True, "on": True, "false": False, "n": False, "no": False, "off": False,
}  # fmt: skip
"""The words that are a boolean, in any case."""


@dataclass(frozen=True)
class Parameter:
    """One parameter as it was declared."""

    name: str
    type: str
    default: Node | None
    """None: it is required."""
    values: tuple[Value, ...]
    """The only ones allowed; empty: all."""
    place: Place


@dataclass(frozen=True)
class Declared:
    """The parameters of one file."""

    parameters: tuple[Parameter, ...] = ()
    is_typed: bool = False


def declared(node: Node | None, troubles: Troubles) -> Declared:
    """What the value of `parameters:` declares."""
    match node:
        case None:
            return Declared()
        case Mapping():
            return Declared(tuple(Parameter(key.text, "", value, (), key.place) for key, value in node.pairs))
        case Sequence():
            return Declared(tuple(_typed(node, troubles)), is_typed=True)
        case Scalar():
            if node.text:
                troubles.refuse("parameters is a list; got text", node.place)
            return Declared()


def _typed(node: Sequence, troubles: Troubles) -> Iterator[Parameter]:
    seen: set[str] = set()
    for item in node.items:
        name = item.get("name") if isinstance(item, Mapping) else None
        if not isinstance(item, Mapping) or not isinstance(name, Scalar) or not name.text:
            hint = "write - name: …, or a mapping of names and defaults without dashes"
            troubles.refuse("a parameter needs a name", item.place, hint=hint)
            continue
        if name.text.lower() in seen:
            troubles.refuse(f"the parameter {name.text} is declared twice", name.place)
            continue
        seen.add(name.text.lower())
        yield _declaration(name.text, item, troubles)


def _declaration(name: str, item: Mapping, troubles: Troubles) -> Parameter:
    for key, _ in item.pairs:
        if key.text not in ("name", "type", "default", "values", "displayName"):
            hint = did_you_mean(key.text, ("name", "type", "default", "values", "displayName"))
            troubles.refuse(f"unknown key {key.text} of a parameter", key.place, hint=hint)
    written = item.get("type")
    kind = written.text if isinstance(written, Scalar) and written.text else "string"
    known = {one.lower(): one for one in TYPES}
    if kind.lower() not in known:
        hint = did_you_mean(kind, known) or f"known: {', '.join(TYPES)}"
        troubles.refuse(f"there is no type {kind} of parameters", written.place if written else item.place, hint=hint)
    type_ = known.get(kind.lower(), "object")
    parameter = Parameter(name, type_, item.get("default"), (), item.place)
    allowed = item.get("values")
    choices = allowed.items if isinstance(allowed, Sequence) else ()
    values = tuple(converted(parameter, choice, troubles) for choice in choices)
    return Parameter(name, type_, parameter.default, values, item.place)


def bound(declared: Declared, given: Mapping | None, place: Place, troubles: Troubles) -> Record:
    """The parameters as expressions see them: given, or by default; `place` is where they are given."""
    arguments = {key.text.lower(): (key, value) for key, value in given.pairs} if given else {}
    values = Record()
    for parameter in declared.parameters:
        found = arguments.pop(parameter.name.lower(), None)
        values.put(parameter.name, _value(parameter, found[1] if found else None, declared, place, troubles))
    for key, value in arguments.values():
        if declared.is_typed:
            names = [parameter.name for parameter in declared.parameters]
            hint = did_you_mean(key.text, names) or f"declared: {', '.join(names) or 'none'}"
            troubles.refuse(f"unexpected parameter {key.text}", key.place, hint=hint)
        else:
            values.put(key.text, value_of(value))
    return values


def _value(parameter: Parameter, given: Node | None, declared: Declared, place: Place, troubles: Troubles) -> Value:
    node = given if given is not None else parameter.default
    if not declared.is_typed:
        return value_of(node) if node is not None else None
    if node is None:
        hint = f"give it, or add a default in {parameter.place}"
        troubles.refuse(f"a value for the parameter {parameter.name} must be provided", place, hint=hint)
        return None
    value = converted(parameter, node, troubles)
    if parameter.values and not any(is_equal(value, choice) for choice in parameter.values):
        choices = ", ".join(shown(str(choice)) for choice in parameter.values)
        got = shown(node.text) if isinstance(node, Scalar) else kind_of(node)
        troubles.refuse(f"the parameter {parameter.name} is {got}; expected one of {choices}", node.place)
    return value


def converted(parameter: Parameter, node: Node, troubles: Troubles) -> Value:
    """`node` as the type of `parameter`; what does not fit goes to `troubles`."""

    def refuse(expected: str) -> None:
        got = shown(node.text) if isinstance(node, Scalar) and node.text else kind_of(node)
        troubles.refuse(f"the parameter {parameter.name} is {expected}; got {got}", node.place)

    if parameter.type in _SCALARS and not isinstance(node, Scalar):
        if isinstance(node, Sequence) and not node.items:
            # Templates in the wild declare `type: string, default: []` for "nothing".
            troubles.warn(f"the parameter {parameter.name} is text, and an empty list counts as empty", node.place)
            return ""
        refuse({"number": "a number", "boolean": "a boolean"}.get(parameter.type, "text"))
        return None
    if isinstance(node, Scalar):
        if parameter.type == "boolean":
            if (word := node.text.strip().lower()) not in BOOLEANS:
                refuse("a boolean")
            return BOOLEANS.get(word)
        if parameter.type == "number":
            number = number_of(node.text) if node.text else None
            if number is None:
                refuse("a number")
            return number
        if parameter.type in (*_LISTS, *_MAPPINGS) and node.text:
            refuse("a list" if parameter.type in _LISTS else "a mapping")
        return node.text
    if parameter.type in _LISTS and not isinstance(node, Sequence):
        refuse("a list")
    if parameter.type in _MAPPINGS and not isinstance(node, Mapping):
        refuse("a mapping")
    return value_of(node)
