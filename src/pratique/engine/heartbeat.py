"""Keeps a lease alive while long work is done outside any transaction."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

LEASE: Final = timedelta(seconds=60)
"""How long a claim lasts without a heartbeat."""
_EVERY: Final = LEASE / 4


@contextmanager
def heartbeat(renew: Callable[[], bool]) -> Iterator[None]:
    """Call `renew` every quarter of a lease until the block ends, or until it says that the lease was lost."""
    done = threading.Event()

    def beat() -> None:
        while not done.wait(_EVERY.total_seconds()):
            if not renew():
                return

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
