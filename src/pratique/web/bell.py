"""Rings in the event loop whenever a transaction commits, so that a waiting request looks again at once."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")
_NET = 1.0
"""Seconds after which a waiting request looks anyway: another process may have written."""


class Bell:
    """Bound to one event loop by `attach`; before that, ringing does nothing."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rung = asyncio.Event()

    def attach(self) -> None:
        """Ring in the running event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake everybody who waits; from any thread, never blocking."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ring_here)

    async def until(self, look: Callable[[], T], is_done: Callable[[T], bool], *, seconds: float) -> T:
        """What `look` (run in a thread) gives as soon as `is_done`, or when `seconds` have passed."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            rung = self._rung
            seen = await run_in_threadpool(look)
            left = deadline - loop.time()
            if is_done(seen) or left <= 0:
                return seen
            await _wait(rung, min(left, _NET))

    async def next(self, *, seconds: float) -> None:
        """Return at the next ring, or when `seconds` have passed."""
        await _wait(self._rung, seconds)

    def _ring_here(self) -> None:
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()


async def _wait(rung: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await rung.wait()
    except TimeoutError:
        return
