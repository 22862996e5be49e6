"""MLflow's little search language for models: ``name LIKE 'credit%' AND tags.`team` = 'risk'``.

Comparisons joined by AND; what they are about is a name on the left, a value in
quotes (or a number, or a list in brackets for IN) on the right. `parse_filter`
gives one predicate, `parse_order` a sort; neither knows a database.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pratique.base.errors import InvalidInput

_TOKEN: Final = re.compile(
    r"""\s*(?:
        (?P<list>\((?:\s*(?:'[^']*'|"[^"]*")\s*,?)*\s*\))
      | (?P<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")
      | (?P<number>-?[0-9]+(?:\.[0-9]+)?)
      | (?P<operator><=|>=|!=|=|<|>)
      | (?P<word>[A-Za-z_]\w*(?:\.(?:`[^`]+`|"[^"]+"|[^\s=!<>`'"]+))?|`[^`]+`)
    )""",
    re.VERBOSE | re.ASCII,
)
_WORD_OPERATORS: Final = ("LIKE", "ILIKE", "IN")
_ORDERING: Final = ("<", ">", "<=", ">=")
_MAX_LENGTH: Final = 6000


@dataclass(frozen=True)
class Fields:
    """What can be asked about one kind of thing: column → whether it is a number; tags when it has them."""

    columns: Mapping[str, bool]
    tags: bool = True


@dataclass(frozen=True)
class _Comparison:
    field: str
    is_tag: bool
    operator: str
    value: Any

    def holds(self, thing: Mapping[str, Any]) -> bool:
        found = thing["tags"].get(self.field) if self.is_tag else thing[self.field]
        if found is None:
            return self.operator == "!="  # What is not there differs from everything and equals nothing.
        return _COMPARE[self.operator](found, self.value)


def parse_filter(text: str, fields: Fields) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a thing (its columns, and ``tags``) fits `text`; raises `InvalidInput` with the place."""
    if len(text) > _MAX_LENGTH:
        raise InvalidInput(f"a filter has at most {_MAX_LENGTH} characters")
    tokens = _tokens(text)
    comparisons: list[_Comparison] = []
    while tokens:
        comparisons.append(_comparison(tokens[:3], fields, text))
        tokens = tokens[3:]
        if tokens and (tokens[0][1].upper() != "AND" or len(tokens) == 1):
            raise InvalidInput(f"expected AND and another comparison in the filter {text!r}")
        tokens = tokens[1:]
    return lambda thing: all(one.holds(thing) for one in comparisons)


T = TypeVar("T", bound=Mapping[str, Any])


def parse_order(clauses: Sequence[str], fields: Fields) -> Callable[[Sequence[T]], list[T]]:
    """A sort by `clauses` such as ``name ASC`` and ``version_number DESC``; stable, so ties keep their order."""
    keys: list[tuple[str, bool]] = []
    for clause in clauses:
        words = clause.replace("`", "").split()
        if not words or len(words) > 2 or words[0] not in fields.columns:
            raise InvalidInput(f"cannot order by {clause!r}; known: {', '.join(fields.columns)}")
        direction = words[1].upper() if len(words) == 2 else "ASC"
        if direction not in ("ASC", "DESC"):
            raise InvalidInput(f"the order of {clause!r} is neither ASC nor DESC")
        keys.append((words[0], direction == "DESC"))

    def ordered(things: Sequence[T]) -> list[T]:
        result = list(things)
        for field, descending in reversed(keys):
            result.sort(key=lambda thing, field=field: thing[field], reverse=descending)  # type: ignore[misc]
        return result

    return ordered


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidInput(f"the filter {text!r} is not understood at character {position + 1}")
        kind = str(match.lastgroup)
        found.append((kind, match.group(kind)))
        position = match.end()
    return found


def _comparison(tokens: Sequence[tuple[str, str]], fields: Fields, text: str) -> _Comparison:
    if len(tokens) < 3 or tokens[0][0] != "word":
        raise InvalidInput(f"expected <name> <operator> <value> in the filter {text!r}")
    field, is_tag = _field(tokens[0][1], fields, text)
    operator = tokens[1][1].upper()
    if tokens[1][0] != "operator" and operator not in _WORD_OPERATORS:
        raise InvalidInput(f"{tokens[1][1]!r} is not an operator in the filter {text!r}")
    is_number = not is_tag and fields.columns[field]
    kind, raw = tokens[2]
    wanted = "list" if operator == "IN" else ("number" if is_number else "text")
    unfit = _WORD_OPERATORS if is_number else _ORDERING
    if kind != wanted or operator in unfit:
        raise InvalidInput(f"{field!r} cannot be compared with {operator} {raw} in the filter {text!r}")
    return _Comparison(field, is_tag, operator, _value(kind, raw))


def _field(word: str, fields: Fields, text: str) -> tuple[str, bool]:
    head, dot, rest = word.partition(".")
    if dot and head.lower() in ("tag", "tags") and fields.tags:
        return rest.strip("`\"'"), True
    name = word.strip("`")
    if name not in fields.columns:
        raise InvalidInput(
            f"{word!r} cannot be asked for in the filter {text!r}; known: {', '.join(fields.columns)}, tags.<key>"
        )
    return name, False


def _value(kind: str, raw: str) -> Any:
    if kind == "list":
        return tuple(one[1:-1] for one in re.findall(r"'[^']*'|\"[^\"]*\"", raw))
    if kind == "number":
        return float(raw)
    return re.sub(r"\\(.)", r"\1", raw[1:-1])


def _like(text: str, pattern: str) -> bool:
    """SQL's LIKE: ``%`` is any text, ``_`` one character; in steps of len(text) * len(pattern) at worst.

    No regex is made of it: that of ``%a%a%a%a%`` takes time without bound.
    """
    here, there, star, mark = 0, 0, -1, 0
    while here < len(text):
        if there < len(pattern) and pattern[there] == "%":
            star, mark = there, here
            there += 1
        elif there < len(pattern) and pattern[there] in ("_", text[here]):
            here, there = here + 1, there + 1
        elif star >= 0:
            mark += 1
            here, there = mark, star + 1
        else:
            return False
    return not pattern[there:].strip("%")


_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda found, value: bool(found == value),
    "!=": lambda found, value: bool(found != value),
    "<": lambda found, value: bool(found < value),
    ">": lambda found, value: bool(found > value),
    "<=": lambda found, value: bool(found <= value),
    ">=": lambda found, value: bool(found >= value),
    "IN": lambda found, value: found in value,
    "LIKE": _like,
    "ILIKE": lambda found, value: _like(found.lower(), value.lower()),
}
