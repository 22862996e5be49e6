"""What pydantic found wrong, as problems that name file, line and key and say what to do."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.specs.keys import Key
from pratique.specs.reader import YamlDocument
from pratique.specs.words import did_you_mean, shown

UNKNOWN_KEY: Final = "unknown_key"
REFUSED: Final = "refused"
NOT_YET: Final = "not_yet"

BRANCHES: Final = frozenset(
    {
        "<text>", "<mapping>", "<literal>", "<data>",
        "<AccountKey>", "<SasToken>", "<ServicePrincipal>", "<Certificate>", "<NoCredentials>",
        "<command>", "<pipeline>", "<component>", "<parameter>", "<port>",
    }
)  # fmt: skip
"""The tags of unions: pydantic puts them into places, people do not."""

MAX_PROBLEMS: Final = 100
"""Told at once; a file with more is another kind of file, and looking for near names takes time."""

_EXPECTED: Final = (
    # Beginning of pydantic's error type, and what to tell a person.
    ("int", "a whole number"),
    ("float", "a number"),
    ("finite_number", "a number"),
    ("bool", "true or false"),
    ("string_type", "text"),
    ("dict", "a mapping"),
    ("mapping", "a mapping"),
    ("model", "a mapping"),
    ("list", "a list"),
    ("greater_than_equal", "at least {ge}"),
    ("greater_than", "more than {gt}"),
    ("less_than_equal", "at most {le}"),
    ("less_than", "less than {lt}"),
    ("string_too_short", "text that is not empty"),
)


def refused(message: str, *, hint: str = "") -> PydanticCustomError:
    """The error with which a validator refuses a value."""
    # The message is a value, not the template: it may hold braces of the user.
    return PydanticCustomError(REFUSED, "{said}", {"said": message, "hint": hint})


def not_yet(message: str, *, hint: str = "") -> PydanticCustomError:
    """The error with which a validator refuses what this version does not run."""
    return PydanticCustomError(NOT_YET, "{said}", {"said": message, "hint": hint})


def left_empty(title: str, names: Iterable[str]) -> ValidationError:
    """The error with which a mapping refuses keys that have no value."""
    said = refused("expected a value; got nothing", hint="remove the key, or give it a value")
    return ValidationError.from_exception_data(title, [{"type": said, "loc": (name,), "input": None} for name in names])


def with_known_keys(error: ValidationError, known: Sequence[str]) -> ValidationError:
    """`error` with the keys that were possible added to each unknown one."""
    return ValidationError.from_exception_data(
        error.title,
        [
            {"type": _with_known(details, known), "loc": details["loc"], "input": details["input"]}
            for details in error.errors(include_url=False)
        ],
    )


def _with_known(details: ErrorDetails, known: Sequence[str]) -> PydanticCustomError:
    if details["type"] == "extra_forbidden":
        return PydanticCustomError(UNKNOWN_KEY, "unknown key", {"known": [*known]})
    return PydanticCustomError(details["type"], "{said}", {"said": details["msg"]} | details.get("ctx", {}))


def problems_of(error: ValidationError, document: YamlDocument) -> Iterator[tuple[bool, Problem]]:
    """Each problem, and whether it is only that this version does not run it."""
    for details in error.errors(include_url=False)[:MAX_PROBLEMS]:
        key = tuple(part for part in details["loc"] if part not in BRANCHES)
        message, hint = _said(details, key, document)
        yield details["type"] == NOT_YET, document.problem(key, message, hint=hint)


def refuse(problems: Iterable[tuple[bool, Problem]], document: YamlDocument) -> None:
    """Raise for `problems` in the order of lines: `NotYet` when nothing else is wrong, else `InvalidInput`."""
    unique = dict.fromkeys(sorted(problems, key=lambda found: found[1].line))
    if not unique:
        return
    kind = NotYet if all(is_not_yet for is_not_yet, _ in unique) else InvalidInput
    raise kind.of([problem for _, problem in unique], what=document.file or "input")


def _said(details: ErrorDetails, key: Key, document: YamlDocument) -> tuple[str, str]:
    """The message and the hint for one error of pydantic."""
    kind, context = details["type"], details.get("ctx", {})
    got = shown(details["input"], document.written.get(key))
    match kind:
        case "missing":
            return "this key is required", ""
        case "unknown_key":
            known = sorted(context["known"])
            return "unknown key", did_you_mean(key[-1], known) or f"known: {', '.join(known)}"
        case "refused" | "not_yet":
            return str(context["said"]), str(context["hint"])
        case "literal_error":
            choices = re.findall(r"'([^']*)'", str(context["expected"]))
            return f"expected one of {', '.join(choices)}; got {got}", did_you_mean(details["input"], choices)
        case "string_type" if isinstance(details["input"], int | float):
            return f"expected text; got {got}", f'quote it: {key[-1] if key else ""}: "{got}"'
    for beginning, expected in _EXPECTED:
        if kind.startswith(beginning):
            return f"expected {expected.format_map(context)}; got {got}", ""
    return f"{details['msg']}; got {got}", ""
