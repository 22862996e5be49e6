"""Waiting for what the platform does by itself, with its state shown."""

import time
from collections.abc import Callable
from typing import Final

from pratique.base.errors import ComputeFailed, NotFound
from pratique.cli.table import Document
from pratique.cli.talk import Progress, goes_on

POLL: Final = 2
"""Seconds that one question to the platform waits for an answer."""

_PAUSE: Final = 0.1
"""Seconds between two questions, for a platform that answers at once."""


def wait_until(
    ask: Callable[[int], Document], *, settled: Callable[[Document], bool], state: str, name: str, resume: str
) -> Document:
    """Ask until the answer is `settled`; `state` is the field to show, `resume` the command that goes on."""
    progress = Progress()
    with goes_on(resume):
        try:
            while True:
                found = ask(POLL)
                progress.show(f"{name}: {found.get(state, '')}")
                if settled(found):
                    return found
                time.sleep(_PAUSE)
        finally:
            progress.end()


def wait_until_succeeded(
    ask: Callable[[int], Document],
    *,
    settled: Callable[[Document], bool],
    what: str,
    name: str,
    resume: str,
    state: str = "provisioning_state",
) -> Document:
    """Ask until the answer is `settled`, and return it; raises `ComputeFailed` unless it is a success.

    `what` is the noun of which `name` is one, for the error.
    """
    done = wait_until(ask, settled=settled, state=state, name=name, resume=resume)
    if done[state] != "Succeeded":
        raise failure_of(done, f"the {what} {name} is {done[state]}")
    return done


def wait_until_gone(ask: Callable[[int], Document], *, state: str, name: str, resume: str) -> None:
    """Ask until there is no such thing any more; raises `ComputeFailed` when removing it failed."""

    def question(seconds: int) -> Document:
        try:
            return ask(seconds)
        except NotFound:
            return {state: "Deleted"}

    done = wait_until(
        question, settled=lambda found: found.get(state) in ("Deleted", "Failed"), state=state, name=name, resume=resume
    )
    if done.get(state) == "Failed":
        raise failure_of(done, f"{name} could not be deleted")


def failure_of(document: Document, words: str) -> ComputeFailed:
    """What a document says of its failure, the last lines of its log among it."""
    error = document.get("error") or {}
    lines = [f"{words}: {error['message']}" if error.get("message") else words]
    lines += [f"  | {line}" for line in (error.get("log_tail") or [])[-20:]]
    return ComputeFailed("\n".join(lines), hint=str(error.get("hint") or ""))
