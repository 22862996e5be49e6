"""Whether something runs, and why: a condition with what it was evaluated on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import Context, evaluate
from pratique.delivery.expressions.functions import BASIC, Function
from pratique.delivery.expressions.parser import Expression, Literal, described
from pratique.delivery.expressions.values import Value, to_boolean
from pratique.delivery.run.masking import masked

DEFAULT: Final = "succeeded()"


@dataclass(frozen=True)
class Verdict:
    """What a condition gave."""

    holds: bool
    condition: str
    """As written, or the default."""
    trace: tuple[str, ...] = ()
    """Each part that was evaluated with its value, from the inside out."""
    error: str = ""
    """Why it could not be evaluated; then it does not hold."""

    def __str__(self) -> str:
        if self.error:
            return f"{self.condition} cannot be evaluated: {self.error}"
        return f"{self.condition} is {self.holds}"


def verdict(
    condition: str,
    names: Mapping[str, Value],
    functions: Mapping[str, Function],
    *,
    secrets: frozenset[str] = frozenset(),
) -> Verdict:
    """Evaluate `condition`, or `succeeded()` when it is empty; values among `secrets` are not shown."""
    text = condition.strip() or DEFAULT
    trace: dict[str, None] = {}

    def note(part: Expression, value: Value) -> None:
        is_shown = not isinstance(part, Literal) and described(value) not in ("Object", "Array")
        if is_shown:
            trace[f"{part} → {masked(described(value), secrets)}"] = None

    try:
        value = evaluate(text, Context(names, {**BASIC, **functions}), observer=note)
    except ExpressionError as error:
        return Verdict(False, text, tuple(trace), masked(error.message, secrets))
    return Verdict(to_boolean(value), text, tuple(trace))
