"""Asking before something is destroyed."""

import sys

from pratique.base.errors import Conflict
from pratique.cli.talk import say


def confirm(plan: str, *, yes: bool) -> None:
    """Show `plan` and ask, unless `yes`; raises `Conflict` when the answer is no, or nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Conflict(f"{plan}\nnobody is here to confirm it", hint="add --yes")
    _ask(plan)


def confirm_if_somebody_is_here(plan: str, *, yes: bool) -> None:
    """Do as `confirm`, but go on where nobody can answer: what az never asks, its scripts do not expect to be asked."""
    if yes:
        return
    if sys.stdin.isatty():
        _ask(plan)
    else:
        say(plan)


def _ask(plan: str) -> None:
    print(f"{plan}\nAre you sure? (y/n): ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Conflict("nothing was done")
