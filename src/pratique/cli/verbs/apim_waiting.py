"""What the `wait` verbs of API management have in common: az's flags, and looking again until it is so."""

import time
from collections.abc import Callable
from typing import Final

from pratique.base.errors import ComputeFailed, NotFound
from pratique.cli.table import Document, flag, switch
from pratique.cli.usage import UsageError
from pratique.cli.waiting import failure_of

FOR: Final = (
    switch("created", help="Until it is there, and so as it is wished."),
    switch("updated", help="Until it is so as it is wished."),
    switch("exists", help="Until it is there."),
    switch("deleted", help="Until it is gone."),
    flag("interval", type=int, default=1, help="Seconds between two looks; 1 when unset."),
    flag("timeout", type=int, default=3600, help="Seconds to wait at most; 3600 when unset."),
)
_STATE: Final = "provisioningState"


def wait_for(ask: Callable[[], Document], name: str, *, there: bool, gone: bool, interval: int, timeout: int) -> None:
    """Ask until what is called `name` is there and settled, or is gone.

    Raises `ComputeFailed` when it failed, or is not so after `timeout` seconds.
    """
    if there is gone:
        raise UsageError("wait: what for is not said", hint="give one of --created, --updated, --exists and --deleted")
    deadline = time.monotonic() + timeout
    while True:
        found = _asked(ask)
        if found and there and found[_STATE] == "Failed":
            raise failure_of(found, f"{name} is {found[_STATE]}")
        if found is None if gone else found and found[_STATE] == "Succeeded":
            return
        if time.monotonic() >= deadline:
            state = found[_STATE] if found else "not there"
            raise ComputeFailed(f"{name} is {state} after {timeout} s", hint="wait longer with --timeout")
        time.sleep(max(0.1, min(interval, deadline - time.monotonic())))


def _asked(ask: Callable[[], Document]) -> Document | None:
    try:
        return ask()
    except NotFound:
        return None
