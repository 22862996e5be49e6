"""Every function of the expression language: how many parameters it takes and what it gives.

A function gets its parameters unevaluated, because `and`, `or`, `coalesce`,
`in`, `notIn` and `containsValue` stop at the first that decides. Source:
Azure Pipelines, Expressions, "Functions".
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from pratique.delivery.expressions.dates import formatted_date
from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.values import (
    Array,
    Record,
    Value,
    compare,
    folded,
    is_equal,
    to_boolean,
    to_number,
    to_text,
)

Lazy = Callable[[], Value]
Parameters = Sequence[Lazy]
MAX_TEXT: Final = 1_000_000
"""Characters that one function may give."""


@dataclass(frozen=True)
class Function:
    """One function of the language."""

    name: str
    least: int
    most: int | None
    """None: any number."""
    run: Callable[[Parameters], Value]

    def check_count(self, count: int, *, position: int = 0) -> None:
        """Raise `ExpressionError` when it cannot take `count` parameters."""
        if count < self.least or (self.most is not None and count > self.most):
            said = f"{self.name} takes {self._range()}; got {count}"
            raise ExpressionError(said, position=position)

    def _range(self) -> str:
        if self.most is None:
            return f"at least {_counted(self.least)}"
        return _counted(self.least) if self.least == self.most else f"{self.least} to {_counted(self.most)}"


def _counted(number: int) -> str:
    return {0: "no parameters", 1: "1 parameter"}.get(number, f"{number} parameters")


def _and(given: Parameters) -> Value:
    return all(to_boolean(one()) for one in given)


def _or(given: Parameters) -> Value:
    return any(to_boolean(one()) for one in given)


def _xor(given: Parameters) -> Value:
    return to_boolean(given[0]()) != to_boolean(given[1]())


def _not(given: Parameters) -> Value:
    return not to_boolean(given[0]())


def _eq(given: Parameters) -> Value:
    return is_equal(given[0](), given[1]())


def _ne(given: Parameters) -> Value:
    return not is_equal(given[0](), given[1]())


def _in(given: Parameters) -> Value:
    left = given[0]()
    return any(is_equal(left, one()) for one in given[1:])


def _not_in(given: Parameters) -> Value:
    return not _in(given)


def _ordering(holds: Callable[[int], bool]) -> Callable[[Parameters], Value]:
    return lambda given: holds(compare(given[0](), given[1]()))


def _contains(given: Parameters) -> Value:
    return folded(to_text(given[1]())) in folded(to_text(given[0]()))


def _starts_with(given: Parameters) -> Value:
    return folded(to_text(given[0]())).startswith(folded(to_text(given[1]())))


def _ends_with(given: Parameters) -> Value:
    return folded(to_text(given[0]())).endswith(folded(to_text(given[1]())))


def _contains_value(given: Parameters) -> Value:
    wanted = given[1]()
    return any(is_equal(wanted, item) for item in members(given[0]()))


def members(value: Value) -> list[Value]:
    """The items of an array, the values of an object, nothing otherwise."""
    if isinstance(value, Array):
        return list(value.items)
    return [inner for _, inner in value.items()] if isinstance(value, Record) else []


def _coalesce(given: Parameters) -> Value:
    found: Value = None
    for one in given:
        found = one()
        if found is not None and found != "":
            return found
    return found


def _iif(given: Parameters) -> Value:
    # All three are evaluated: the hosted service does not short-circuit here.
    condition, then, otherwise = (one() for one in given)
    return then if to_boolean(condition) else otherwise


def _join(given: Parameters) -> Value:
    separator, value = to_text(given[0]()), given[1]()
    if not isinstance(value, Array):
        return to_text(value)
    return bounded(separator.join("" if isinstance(one, Array | Record) else to_text(one) for one in value.items))


def _split(given: Parameters) -> Value:
    text, separators = to_text(given[0]()), to_text(given[1]())
    if not separators:
        return Array((text,))
    for separator in separators[1:]:
        text = text.replace(separator, separators[0])
    return Array(tuple(text.split(separators[0])))


def _replace(given: Parameters) -> Value:
    text, old, new = (to_text(one()) for one in given)
    if not old:
        raise ExpressionError("replace: the text to replace is empty")
    if len(text) + text.count(old) * (len(new) - len(old)) > MAX_TEXT:
        raise _too_long()
    return text.replace(old, new)


def _substring(given: Parameters) -> Value:
    text, start, length = to_text(given[0]()), _position(given[1]()), _position(given[2]())
    if start + length > len(text):
        raise ExpressionError(f"substring: {start} and {length} reach beyond the {len(text)} characters of the text")
    return text[start : start + length]


def _position(value: Value) -> int:
    number = to_number(value)
    if number < 0 or number != number.to_integral_value():
        raise ExpressionError(f"substring: {to_text(number)} is no position or length")
    return int(number)


def _length(given: Parameters) -> Value:
    value = given[0]()
    if isinstance(value, Array):
        return Decimal(len(value.items))
    return Decimal(len(value) if isinstance(value, Record) else len(to_text(value)))


def _lower(given: Parameters) -> Value:
    return "".join(low if len(low := one.lower()) == 1 else one for one in to_text(given[0]()))


def _upper(given: Parameters) -> Value:
    return folded(to_text(given[0]()))


def _trim(given: Parameters) -> Value:
    return to_text(given[0]()).strip()


def _convert_to_json(given: Parameters) -> Value:
    return bounded(json.dumps(to_data(given[0]()), indent=2, ensure_ascii=False))


def to_data(value: Value) -> object:
    """`value` as JSON's types."""
    match value:
        case Array():
            return [to_data(item) for item in value.items]
        case Record():
            return {name: to_data(inner) for name, inner in value.items()}
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bool() | None:
            return value
        case _:
            return to_text(value)


def bounded(text: str) -> str:
    """`text`, unless it has grown beyond every use."""
    if len(text) > MAX_TEXT:
        raise _too_long()
    return text


def _too_long() -> ExpressionError:
    return ExpressionError(f"the result is longer than {MAX_TEXT:,} characters")


def _format(given: Parameters) -> Value:
    """`{0}` and `{0:yyyyMMdd}` replaced; `{{` and `}}` are braces."""
    template, out, at = to_text(given[0]()), list[str](), 0
    while at < len(template):
        one = template[at]
        if one in "{}" and template[at + 1 : at + 2] == one:
            out.append(one)
            at += 2
        elif one == "{":
            end = template.find("}", at)
            out.append(_slot(template[at + 1 : end] if end > 0 else "", given, template))
            at = end + 1
        elif one == "}":
            raise _bad_format(template)
        else:
            out.append(one)
            at += 1
    return bounded("".join(out))


def _slot(slot: str, given: Parameters, template: str) -> str:
    number, colon, style = slot.partition(":")
    if not number.isascii() or not number.isdigit() or len(number) > 3:
        raise _bad_format(template)
    if int(number) + 1 >= len(given):
        raise ExpressionError(f"format: {{{number}}} has no parameter in {template!r}")
    value = given[int(number) + 1]()
    if not colon:
        return to_text(value)
    if not isinstance(value, datetime):
        raise ExpressionError(f"format: {style!r} formats a date, and {{{number}}} is none")
    return formatted_date(value, style)


def _bad_format(template: str) -> ExpressionError:
    return ExpressionError(f"format: the text is not valid: {template!r}", hint="write { as {{ and } as }}")


def _table(*functions: Function) -> dict[str, Function]:
    return {folded(function.name): function for function in functions}


BASIC: Final = _table(
    Function("and", 2, None, _and),
    Function("coalesce", 2, None, _coalesce),
    Function("contains", 2, 2, _contains),
    Function("containsValue", 2, 2, _contains_value),
    Function("convertToJson", 1, 1, _convert_to_json),
    Function("endsWith", 2, 2, _ends_with),
    Function("eq", 2, 2, _eq),
    Function("format", 1, None, _format),
    Function("ge", 2, 2, _ordering(lambda order: order >= 0)),
    Function("gt", 2, 2, _ordering(lambda order: order > 0)),
    Function("iif", 3, 3, _iif),
    Function("in", 1, None, _in),
    Function("join", 2, 2, _join),
    Function("le", 2, 2, _ordering(lambda order: order <= 0)),
    Function("length", 1, 1, _length),
    Function("lower", 1, 1, _lower),
    Function("lt", 2, 2, _ordering(lambda order: order < 0)),
    Function("ne", 2, 2, _ne),
    Function("not", 1, 1, _not),
    Function("notIn", 1, None, _not_in),
    Function("or", 2, None, _or),
    Function("replace", 3, 3, _replace),
    Function("startsWith", 2, 2, _starts_with),
    Function("substring", 3, 3, _substring),
    Function("trim", 1, 1, _trim),
    Function("upper", 1, 1, _upper),
    Function("xor", 2, 2, _xor),
)
"""What both compile time and run time have."""

COMPILE_TIME: Final = BASIC | _table(Function("split", 2, 2, _split))
"""The functions of `${{ }}`."""
