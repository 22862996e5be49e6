"""A steady load on one endpoint: every request is sent once, and every failure is kept with its moment."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_TIMEOUT = 30.0


@dataclass(frozen=True)
class Failure:
    """A request that was not answered with 200."""

    caller: int
    began: float
    """Monotonic seconds, when it was sent."""
    ended: float
    said: str


@dataclass
class Tally:
    """What became of the requests; `seconds` is how long the load lasted."""

    answered: int = 0
    failures: list[Failure] = field(default_factory=list)
    answers: Counter[bytes] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0

    @property
    def failed(self) -> int:
        return len(self.failures)

    @property
    def rate(self) -> float:
        """Requests a second."""
        return (self.answered + self.failed) / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Target:
    """One endpoint."""

    uri: str
    key: str
    deployment: str = ""

    def headers(self) -> dict[str, str]:
        pin = {"azureml-model-deployment": self.deployment} if self.deployment else {}
        return {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json", **pin}


@contextmanager
def steady(
    target: Target, *, callers: int = 8, rate: float, body: Callable[[int], bytes] = lambda _: b"{}"
) -> Iterator[Tally]:
    """Send `rate` requests a second over `callers` kept connections while the block runs; none is ever repeated."""
    tally, lock, over = Tally(), threading.Lock(), threading.Event()
    threads = [
        threading.Thread(target=_call, args=(target, number, callers / rate, body, tally, lock, over))
        for number in range(callers)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    try:
        yield tally
    finally:
        over.set()
        for thread in threads:
            thread.join()
        tally.seconds = time.monotonic() - began


def _call(
    target: Target,
    caller: int,
    interval: float,
    body: Callable[[int], bytes],
    tally: Tally,
    lock: threading.Lock,
    over: threading.Event,
) -> None:
    parts, headers = urlsplit(target.uri), target.headers()
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
    number, due = caller, time.monotonic()
    while not over.is_set():
        began = time.monotonic()
        said, answer = _send(connection, parts.path, body(number), headers)
        ended = time.monotonic()
        with lock:
            if said:
                tally.failures.append(Failure(caller, began, ended, said))
            else:
                tally.answered += 1
                tally.answers[answer] += 1
                tally.slowest = max(tally.slowest, ended - began)
        number += 1000
        due = max(due + interval, ended - 1.0)  # What was missed is made up for, a second of it at most.
        if (pause := due - ended) > 0:
            time.sleep(pause)
    connection.close()


def _send(
    connection: http.client.HTTPConnection, path: str, body: bytes, headers: Mapping[str, str]
) -> tuple[str, bytes]:
    """Why the request failed, empty when it did not; and the answer."""
    try:
        connection.request("POST", path, body, dict(headers))
        answer = connection.getresponse()
        read = answer.read()
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return f"{type(error).__name__}: {error}", b""
    return ("", read) if answer.status == 200 else (f"status {answer.status}: {read[:200]!r}", read)
