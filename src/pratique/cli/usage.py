"""What a user typed that is no command: exit code 2."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import ClassVar

from pratique.base.errors import InvalidInput


class UsageError(InvalidInput):
    """The command line itself is wrong, before anything was asked of the platform."""

    exit_code: ClassVar[int] = 2


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """At most three of `known` that `word` may have meant, nearest first."""
    return get_close_matches(word, list(known), n=3, cutoff=0.6)


def pairs(words: Sequence[str], *, flag: str) -> dict[str, str]:
    """``a=1 b=2`` as a mapping; raises `UsageError` for a word without ``=``."""
    if wrong := [word for word in words if "=" not in word]:
        raise UsageError(f"{flag}: expected NAME=VALUE; got {', '.join(map(repr, wrong))}")
    return dict(word.split("=", 1) for word in words)
