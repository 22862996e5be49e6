"""Asking before something is destroyed."""

import sys

from pratique.base.errors import Conflict


def confirm(plan: str, *, yes: bool) -> None:
    """Show `plan` and ask, unless `yes`; raises `Conflict` when the answer is no, or nobody can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Conflict(f"{plan}\nnobody is here to confirm it", hint="add --yes")
    print(f"{plan}\nAre you sure? (y/n): ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Conflict("nothing was done")
