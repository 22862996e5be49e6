"""Probes: is a replica ready for requests, and does it live?

A deployment's `readiness_probe` and `liveness_probe` say how often, how
patiently and by which path the replica is asked; what they leave out has
Azure's value. While a replica starts it is asked sooner and more often than
the settings say: a success counts at once, and only its patience,
`initial_delay` + `period` x `failure_threshold`, ends in a failure.
"""

import http.client
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.unix_http import bounded

_READY: Final = "/health/ready"
_LIVE: Final = "/health/live"
_LOADING: Final = timedelta(minutes=10)
"""How long a model may take to load when no readiness probe says otherwise."""


@dataclass(frozen=True)
class Probe:
    """How one question is asked, again and again."""

    path: str
    method: str
    initial_delay: timedelta
    period: timedelta
    timeout: timedelta
    success_threshold: int
    failure_threshold: int
    patience: timedelta
    """After which a replica that starts will not become ready any more."""

    def failure(self, socket: Path) -> str:
        """Why the replica behind `socket` does not pass now; empty when it does."""
        try:
            with bounded(socket, within=self.timeout.total_seconds()) as connection:
                connection.request(self.method, self.path)
                status = connection.getresponse().status
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"{self.method} {self.path} was not answered: {str(error) or type(error).__name__}"
        return "" if status == http.client.OK else f"{self.method} {self.path} was answered with status {status}"


def readiness(spec: Mapping[str, Any]) -> Probe:
    """The readiness probe of a deployment."""
    given = spec.get("readiness_probe")
    return _probe(given or {}, _READY, patience=None if given else _LOADING)


def liveness(spec: Mapping[str, Any]) -> Probe:
    """The liveness probe of a deployment."""
    return _probe(spec.get("liveness_probe") or {}, _LIVE, patience=None)


def _probe(given: Mapping[str, Any], path: str, *, patience: timedelta | None) -> Probe:
    def of(key: str, default: int) -> int:
        value = given.get(key)
        return default if value is None else int(value)

    delay, period, failures = of("initial_delay", 10), of("period", 10), of("failure_threshold", 30)
    return Probe(
        path=str(given.get("path") or path),
        method=str(given.get("method") or "GET").upper(),
        initial_delay=timedelta(seconds=delay),
        period=timedelta(seconds=period),
        timeout=timedelta(seconds=of("timeout", 2)),
        success_threshold=of("success_threshold", 1),
        failure_threshold=failures,
        patience=timedelta(seconds=delay + period * failures) if patience is None else patience,
    )


class Pulse:
    """One probe of one replica over time; not for two threads at once."""

    def __init__(self, probe: Probe, *, passes: bool = True) -> None:
        self.probe = probe
        self.passes = passes
        """What the probe has settled on."""
        self.why = ""
        """What the last failure was."""
        self._in_a_row = 0
        self._due = time.monotonic() + probe.initial_delay.total_seconds()

    @property
    def is_due(self) -> bool:
        """Whether it is time to ask."""
        return time.monotonic() >= self._due

    def ask(self, socket: Path) -> None:
        """Ask now, and change `passes` when it has had enough answers of the other kind in a row."""
        self._due = time.monotonic() + self.probe.period.total_seconds()
        self.hear(self.probe.failure(socket))

    def hear(self, why: str) -> None:
        """Take one answer: empty for a success."""
        self.why = why or self.why
        if (not why) == self.passes:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row >= (self.probe.failure_threshold if self.passes else self.probe.success_threshold):
            self.passes, self._in_a_row = not self.passes, 0
