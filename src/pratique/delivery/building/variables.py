"""`variables`, as expansion leaves them: a list of names with values, and of groups."""

from collections.abc import Iterator
from typing import Final

from pratique.delivery.building.fields import Fields
from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.parser import parse
from pratique.delivery.pipeline import Group, Setting, VariableItem

MAX_NAME: Final = 450
_RESERVED: Final = ("agent.", "build.", "release.", "system.", "environment.", "pipeline.")
"""What begins so is the platform's."""
_SWITCHES: Final = ("system.debug", "system.prefergit", "agent.diagnostic", "agent.source.", "build.syncsources")
"""What begins so is set by users, all the same."""


def variables_of(fields: Fields) -> tuple[VariableItem, ...]:
    """The items in their order: of two with the same name the last one counts."""
    return tuple(_items(fields))


def _items(around: Fields) -> Iterator[VariableItem]:
    for item in around.mappings("variables"):
        fields = Fields(item, "a variable", ("name", "value", "readonly", "group"), around.troubles)
        if fields.has("group"):
            if fields.has("name"):
                fields.troubles.refuse("a variable is a name or a group, not both", item.place)
            yield Group(fields.text("group"), fields.place("group"))
            continue
        name, value = fields.text("name"), fields.text("value")
        if not name or len(name) > MAX_NAME or ")" in name or not name.isprintable():
            fields.troubles.refuse("a variable needs a name", fields.place("name"), hint="without ) in it")
            continue
        if name.lower().startswith(_RESERVED) and not name.lower().startswith(_SWITCHES):
            fields.troubles.warn(f"{name} is a name of the platform's and may be set over", fields.place("name"))
        if "value" not in item.names():
            fields.troubles.refuse(f"the variable {name} has no value", item.place)
        _check_expression(name, value, fields)
        yield Setting(name, value, fields.boolean("readonly", default=False), fields.place("value"))


def _check_expression(name: str, value: str, fields: Fields) -> None:
    """An expression takes the whole value; one that cannot be read is found before the run."""
    text = value.strip()
    if not text.startswith("$["):
        return
    if not text.endswith("]"):
        said = f"$[ ] takes the whole value of the variable {name}"
        fields.troubles.refuse(said, fields.place("value"), hint="use format(…) within it")
        return
    try:
        parse(text[2:-1])
    except ExpressionError as error:
        fields.troubles.refuse(f"{error.message} (in the variable {name})", fields.place("value"), hint=error.hint)
