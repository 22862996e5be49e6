"""The value of an expression, and what can be said about one before it is evaluated."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pratique.delivery.expressions.errors import ConversionError, ExpressionError
from pratique.delivery.expressions.functions import BASIC, Function, members
from pratique.delivery.expressions.parser import Call, Each, Expression, Index, Literal, Name, parse, parts
from pratique.delivery.expressions.values import Array, Record, Value, folded, to_number, to_text
from pratique.specs.words import did_you_mean

Observer = Callable[[Expression, Value], None]


@dataclass(frozen=True)
class Context:
    """What an expression can name."""

    names: Mapping[str, Value]
    """Named values, such as `variables`; looked up without regard to case."""
    functions: Mapping[str, Function] = field(default_factory=lambda: BASIC)
    """By folded name."""
    on_missing: Callable[[str, str], None] | None = None
    """Told of a name that an object of the context does not have: the named value and the key."""


def evaluate(text: str, context: Context, *, observer: Observer | None = None) -> Value:
    """The value of the expression `text`; `observer` sees each part that was evaluated.

    Raises `ExpressionError` for what cannot be read, is not known or cannot be converted.
    """
    return _Evaluator(context, observer).value(parse(text))


@dataclass(frozen=True, eq=False)
class _Filtered:
    """What `a.*` gives until it is used: the items that further keys select from."""

    items: tuple[Value, ...]


class _Evaluator:
    def __init__(self, context: Context, observer: Observer | None) -> None:
        self._names: Final = {folded(name): value for name, value in context.names.items()}
        self._context = context
        self._observer = observer

    def value(self, expression: Expression) -> Value:
        found = self._any(expression)
        value = Array(found.items) if isinstance(found, _Filtered) else found
        if self._observer is not None and not isinstance(expression, Literal):
            self._observer(expression, value)
        return value

    def _any(self, expression: Expression) -> Value | _Filtered:
        match expression:
            case Literal():
                return expression.value
            case Name():
                return self._named(expression)
            case Each():
                target = self._any(expression.target)
                if isinstance(target, _Filtered):
                    return _Filtered(tuple(inner for item in target.items for inner in members(item)))
                return _Filtered(tuple(members(target)))
            case Index():
                return self._index(expression)
            case Call():
                return self._call(expression)

    def _named(self, name: Name) -> Value:
        if folded(name.name) not in self._names:
            raise unknown_name(name, self._context.names)
        return self._names[folded(name.name)]

    def _index(self, index: Index) -> Value | _Filtered:
        target = self._any(index.target)
        key = self.value(index.key)
        if isinstance(target, _Filtered):
            selected = (_selected(item, key) for item in target.items)
            return _Filtered(tuple(item for item in selected if item is not None))
        found = _selected(target, key)
        if self._context.on_missing and isinstance(index.target, Name) and isinstance(key, str):
            is_there = isinstance(target, Record) and key in target
            if not is_there:
                self._context.on_missing(index.target.name, key)
        return found

    def _call(self, call: Call) -> Value:
        function = self._context.functions.get(folded(call.name))
        if function is None:
            raise unknown_function(call, self._context.functions)
        function.check_count(len(call.arguments), position=call.position + 1)
        try:
            return function.run([self._later(argument) for argument in call.arguments])
        except ExpressionError as error:
            if not error.position:
                error.position = call.position + 1
            raise

    def _later(self, argument: Expression) -> Callable[[], Value]:
        return lambda: self.value(argument)


def _selected(target: Value, key: Value) -> Value:
    """The part of `target` that `key` names; Null when there is none."""
    if isinstance(target, Record):
        try:
            return target.get(to_text(key))
        except ConversionError:
            return None
    if isinstance(target, Array):
        try:
            position = to_number(key)
        except ConversionError:
            return None
        inside = position == position.to_integral_value() and Decimal(0) <= position < len(target.items)
        return target.items[int(position)] if inside else None
    return None


def unknown_name(name: Name, known: Mapping[str, Value]) -> ExpressionError:
    """The error for a named value that does not exist here."""
    hint = did_you_mean(name.name, known) or f"known here: {', '.join(sorted(known)) or 'none'}"
    said = f"{name.name} is not known here"
    if name.name.lower() in ("and", "or", "not", "eq", "ne"):
        hint = f"it is a function: {name.name}(…)"
    return ExpressionError(said, position=name.position + 1, hint=hint)


def unknown_function(call: Call, known: Mapping[str, Function]) -> ExpressionError:
    """The error for a function that does not exist here."""
    names = {function.name.lower(): function.name for function in known.values()}
    near = did_you_mean(call.name, names)
    hint = near or f"known here: {', '.join(sorted(names.values(), key=str.lower))}"
    return ExpressionError(f"there is no function {call.name} here", position=call.position + 1, hint=hint)


def checks(
    expression: Expression, *, names: Mapping[str, Value], functions: Mapping[str, Function]
) -> Iterator[ExpressionError]:
    """Everything in `expression` that could not be evaluated whatever the values are."""
    known = {folded(name) for name in names}
    for part in parts(expression):
        match part:
            case Name() if folded(part.name) not in known:
                yield unknown_name(part, names)
            case Call():
                function = functions.get(folded(part.name))
                if function is None:
                    yield unknown_function(part, functions)
                    continue
                try:
                    function.check_count(len(part.arguments), position=part.position + 1)
                except ExpressionError as error:
                    yield error
            case _:
                pass
