"""A small load on one endpoint: counted, every broken connection a failure."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_CALLERS: Final = 8
_TIMEOUT: Final = 30.0
_CAUGHT_UP: Final = 1.0
"""Seconds of a steady load that are made up for at most after a stall."""


@dataclass
class Tally:
    """What became of the requests."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each answered request took."""
    lasted: float = 0.0
    """Seconds of a steady load."""

    @property
    def rate(self) -> float:
        """Requests a second of a steady load."""
        return (self.answered + self.failed) / self.lasted if self.lasted else 0.0

    @property
    def failed(self) -> int:
        """How many requests had another end than status 200."""
        return len(self.failures)

    def quantile(self, share: float) -> float:
        """The seconds within which `share` (0 to 1) of the answers came; 0 when there are none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def send(uri: str, headers: Mapping[str, str], body: bytes, *, requests: int) -> Tally:
    """POST `body` to `uri` `requests` times over eight kept connections, without any retry."""
    left = iter(range(requests))
    with _callers(uri, headers, body, lambda: next(left, None) is not None, interval=0.0) as (tally, _):
        pass
    return tally


@contextmanager
def steady(uri: str, headers: Mapping[str, str], body: bytes, *, rate: float) -> Iterator[Tally]:
    """POST `body` to `uri` `rate` times a second while the block runs, over eight kept connections, without any retry.

    A machine that cannot keep up is sent as many as it answers.
    """
    over = threading.Event()
    with _callers(uri, headers, body, lambda: not over.is_set(), interval=_CALLERS / rate) as (tally, callers):
        began = time.perf_counter()
        try:
            yield tally
        finally:
            over.set()
            for caller in callers:
                caller.join()
            tally.lasted = time.perf_counter() - began


@contextmanager
def _callers(
    uri: str, headers: Mapping[str, str], body: bytes, goes_on: Callable[[], bool], *, interval: float
) -> Iterator[tuple[Tally, Sequence[threading.Thread]]]:
    """The callers, begun; their end is awaited."""
    tally, lock = Tally(), threading.Lock()

    def call() -> None:
        _call(uri, dict(headers), body, goes_on, interval, tally, lock)

    callers = [threading.Thread(target=call, daemon=True) for _ in range(_CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield tally, callers
    finally:
        for caller in callers:
            caller.join()


def _call(
    uri: str,
    headers: dict[str, str],
    body: bytes,
    goes_on: Callable[[], bool],
    interval: float,
    tally: Tally,
    lock: threading.Lock,
) -> None:
    parts, due = urlsplit(uri), time.perf_counter()
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
    while _may(goes_on, lock):
        began = time.perf_counter()
        try:
            connection.request("POST", parts.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            failure = "" if answer.status == 200 else f"status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            failure = f"{type(error).__name__}: {error}"
            connection.close()
        ended = time.perf_counter()
        with lock:
            if failure:
                tally.failures.append(failure)
            else:
                tally.answered += 1
                tally.seconds.append(ended - began)
        due = max(due + interval, ended - _CAUGHT_UP)
        if (pause := due - ended) > 0:
            time.sleep(pause)
    connection.close()


def _may(goes_on: Callable[[], bool], lock: threading.Lock) -> bool:
    with lock:
        return goes_on()
