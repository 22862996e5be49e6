"""The services that the platform stands on, Envoy and MLflow: started, watched, started again.

A service outlives the server: a server that starts finds it by the folder of its
newest start and goes on watching it. One that holds a token is started anew
before the token ends.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.logging import get_logger
from pratique.compute.local import LocalCompute
from pratique.compute.task import Running, Task
from pratique.engine.starts import LOG_NAME, newest_start, next_start
from pratique.engine.tails import last_lines

_log = get_logger(__name__)
_GRACE: Final = timedelta(seconds=10)
_LONGEST_BACK_OFF: Final = 30.0
_AT_ONCE: Final = timedelta(milliseconds=100)
_BUSY: Final = timedelta(seconds=2)
_STEADY: Final = 60.0
"""Seconds of life after which an earlier fall no longer counts."""


class Service:
    """One service that should always run."""

    def __init__(
        self,
        name: str,
        home: Home,
        compute: LocalCompute,
        make_task: Callable[[Path], Task],
        is_ready: Callable[[timedelta], bool],
        *,
        lifetime: timedelta | None = None,
    ) -> None:
        self.name = name
        self._home = home
        self._compute = compute
        self._make_task = make_task
        self._is_ready = is_ready
        self._lifetime = lifetime
        """How old one start may become; None for as long as it lives."""
        self._was_ready: Path | None = None
        """The start that has answered once."""
        self._falls = 0
        self._not_before = 0.0
        self._started_at = 0.0

    def step(self) -> bool:
        """Start the service when it does not run and may be started; never finds more to do."""
        folder = newest_start(self._home, self.name)
        if folder is not None and isinstance(seen := self._compute.observe(folder), Running):
            if self._falls and time.monotonic() - self._started_at > _STEADY:
                self._falls = 0
            if self._lifetime is None or utc_now() - seen.started < self._lifetime:
                return False
            _log.info("service.renewed", service=self.name)
            self._compute.stop(folder, grace=_GRACE)
        if time.monotonic() < self._not_before:
            return False
        if folder is not None and self._started_at:
            _log.warning("service.ended", service=self.name, log=str(folder), tail=last_lines(folder / LOG_NAME, 5))
        self._start()
        return False

    def state(self) -> str:
        """ready, starting or down; one that has never answered is not waited for, one that is busy is."""
        folder = newest_start(self._home, self.name)
        if folder is None or not isinstance(self._compute.observe(folder), Running):
            return "down" if self._falls > 1 else "starting"
        if not self._is_ready(_BUSY if folder == self._was_ready else _AT_ONCE):
            return "starting"
        self._was_ready = folder
        return "ready"

    def _start(self) -> None:
        self._falls += 1
        self._not_before = time.monotonic() + min(_LONGEST_BACK_OFF, 0.5 * 2.0 ** (self._falls - 1))
        folder = next_start(self._home, self._compute, self.name)
        self._compute.start(self._make_task(folder))
        self._started_at = time.monotonic()
        _log.info("service.started", service=self.name, folder=str(folder))
