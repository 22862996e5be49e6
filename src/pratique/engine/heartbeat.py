"""Keeps a lease alive while long work is done outside any transaction."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from pratique.base.logging import get_logger

_log = get_logger(__name__)
LEASE: Final = timedelta(seconds=60)
"""How long a claim lasts without a heartbeat."""
_EVERY: Final = LEASE / 4


@contextmanager
def heartbeat(renew: Callable[[], bool], *, every: timedelta = _EVERY) -> Iterator[None]:
    """Call `renew` time and again until the block ends, or until it says that the lease was lost.

    A `renew` that raises, because the database is busy for a while, is called
    again the next time: three may fail before the lease is over.
    """
    done = threading.Event()

    def beat() -> None:
        while not done.wait(every.total_seconds()):
            try:
                if not renew():
                    return
            except Exception as error:  # noqa: BLE001 - whoever holds the lease finds out at its next write.
                _log.warning("lease.not_renewed", reason=str(error))

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
