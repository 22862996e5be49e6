"""Macros, `$(name)`, replaced exactly as the agent scans for them.

The scan looks for `$(`, then for the first `)` behind it; when what stands
between names no variable it goes on one character further, so that in
`$(az ml model list -w $(wsName))` the inner macro is found and the outer text
stays for the shell. What was put in is not scanned again, and a macro without
a variable stays as it is. Variables that hold macros are expanded in the
store of variables instead (`expanded`), to 50 levels, where a variable that
holds a secret becomes a secret itself. Source: azure-pipelines-agent, VarUtil
and Variables.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from pratique.delivery.expressions.values import folded

MAX_DEPTH: Final = 50
MAX_EXPANDED: Final = 1_000_000
"""Characters that one variable may grow to."""
_OUTSIDE: Final = ("build.source", "build.requestedfor", "system.pullrequest.")
"""The beginnings of the names of variables whose values strangers choose: messages of commits, names of branches."""
_MAX_WALKS: Final = 10_000
"""Visits after which a variable in a tangle of cycles is not walked again."""


@dataclass(frozen=True)
class Variable:
    """A variable as a run has it."""

    name: str
    value: str
    is_secret: bool = False
    is_readonly: bool = False


def replaced(text: str, lookup: Callable[[str], str | None]) -> str:
    """`text` with every macro that `lookup` knows; None leaves one as it is."""
    out: list[str] = []
    copied = at = 0
    close = -1
    while (start := text.find("$(", at)) >= 0:
        if close < start + 2:
            close = text.find(")", start + 2)
        if close < 0:
            break
        # A name is short; without this bound a text of many "$(" and one ")" would take quadratic time.
        name = text[start + 2 : close] if close - start <= 1000 else ""
        value = lookup(name) if name else None
        if value is None:
            at = start + 1
            continue
        out += [text[copied:start], value]
        copied = at = close + 1
    out.append(text[copied:])
    return "".join(out)


def macros_in(text: str) -> list[str]:
    """Every name that the scan would ask for, in order."""
    asked: list[str] = []

    def note(name: str) -> None:
        asked.append(name)

    replaced(text, note)
    return asked


def is_from_outside(name: str) -> bool:
    """Whether strangers choose the value of the platform's variable `name`, so that nothing in it may act."""
    return name.lower().startswith(_OUTSIDE)


def expanded(variables: Iterable[Variable]) -> tuple[dict[str, Variable], list[str]]:
    """Each variable with the variables inside it put in, by folded name, and warnings.

    A variable that contains itself, directly or not, keeps that macro as text,
    and so does one that strangers wrote: a commit message cannot read a secret.
    """
    store = {folded(variable.name): variable for variable in variables}
    return _Store(store).all()


class _Store:
    def __init__(self, raw: Mapping[str, Variable]) -> None:
        self._raw = raw
        self._done: dict[str, Variable] = {}
        self._warnings: list[str] = []
        self._walks = 0
        self._is_cut = False
        """Whether the variable that was looked at last met a cycle."""

    def all(self) -> tuple[dict[str, Variable], list[str]]:
        found = {key: self._whole(key, ()) for key in self._raw}
        return found, [*dict.fromkeys(self._warnings)]

    def _whole(self, key: str, above: tuple[str, ...]) -> Variable:
        self._is_cut = False
        if key in self._done:
            return self._done[key]
        raw = self._raw[key]
        if is_from_outside(raw.name):
            return raw
        path, secret = (*above, key), raw.is_secret
        is_cut = False

        def lookup(name: str) -> str | None:
            nonlocal secret, is_cut
            inner = folded(name)
            if inner not in self._raw:
                return None
            if inner in path or len(path) > MAX_DEPTH:
                is_cut = True
                why = "refers to itself" if inner in path else f"is nested deeper than {MAX_DEPTH} levels"
                self._warnings.append(f"$({name}) in the variable {raw.name} {why}; it stays as it is")
                return None
            found = self._whole(inner, path)
            secret = secret or found.is_secret
            is_cut = is_cut or self._is_cut
            return found.value

        value = replaced(raw.value, lookup)
        if len(value) > MAX_EXPANDED:
            self._warnings.append(
                f"the variable {raw.name} expands to more than {MAX_EXPANDED:,} characters; it is left"
            )
            value = raw.value
        whole = replace(raw, value=value, is_secret=secret)
        self._walks += 1
        # Inside a cycle the value depends on where the walk came in, so each variable begins its own walk.
        if not is_cut or self._walks > _MAX_WALKS:
            self._done[key] = whole
        self._is_cut = is_cut
        return whole
