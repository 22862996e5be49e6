"""Work that may be left: because the engine stops, or because somebody wishes something else meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

T = TypeVar("T")
Say = Callable[[str], None]
_LOOK: Final = 0.5
"""Seconds between two looks at whether the work is still wanted."""


class Left(Exception):
    """The work is no longer ours to finish: write nothing, and stop nothing that another may go on with."""


def while_wanted(work: Callable[[Say], T], *, say: Say, check: Callable[[], None]) -> T:
    """What `work` returns or raises, or what `check` raises first.

    `work` cannot be interrupted, such as the build of an environment. It runs in a
    thread of its own and goes on when it is left, for the next who asks for the
    same; what it speaks through falls silent then.
    """
    outcome: Future[T] = Future()
    left = threading.Event()

    def tell(line: str) -> None:
        if not left.is_set():
            say(line)

    def run() -> None:
        try:
            outcome.set_result(work(tell))
        except BaseException as error:  # noqa: BLE001 - raised again where somebody waits for it.
            outcome.set_exception(error)

    threading.Thread(target=run, name="long-work", daemon=True).start()
    while not _is_done(outcome):
        try:
            check()
        except BaseException:
            left.set()
            raise
    return outcome.result()


def _is_done(outcome: "Future[T]") -> bool:
    try:
        outcome.exception(timeout=_LOOK)
    except TimeoutError:
        return outcome.done()
    return True
