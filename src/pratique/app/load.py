"""A small load on one endpoint: bounded, counted, every broken connection a failure."""

import http.client
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

_CALLERS: Final = 4
_TIMEOUT: Final = 30.0


@dataclass
class Tally:
    """What became of the requests."""

    answered: int = 0
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    """How long each answered request took."""

    @property
    def failed(self) -> int:
        """How many requests had another end than status 200."""
        return len(self.failures)

    def quantile(self, share: float) -> float:
        """The seconds within which `share` (0 to 1) of the answers came; 0 when there are none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def send(uri: str, headers: Mapping[str, str], body: bytes, *, requests: int) -> Tally:
    """POST `body` to `uri` `requests` times over four kept connections, without any retry."""
    tally, lock = Tally(), threading.Lock()
    shares = [requests // _CALLERS + (caller < requests % _CALLERS) for caller in range(_CALLERS)]
    callers = [
        threading.Thread(target=_call, args=(uri, dict(headers), body, share, tally, lock)) for share in shares if share
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    return tally


def _call(uri: str, headers: dict[str, str], body: bytes, count: int, tally: Tally, lock: threading.Lock) -> None:
    parts = urlsplit(uri)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT)
    for _ in range(count):
        began = time.perf_counter()
        try:
            connection.request("POST", parts.path, body, headers)
            answer = connection.getresponse()
            answer.read()
            failure = "" if answer.status == 200 else f"status {answer.status}"
        except (OSError, http.client.HTTPException) as error:
            failure = f"{type(error).__name__}: {error}"
            connection.close()
        with lock:
            if failure:
                tally.failures.append(failure)
            else:
                tally.answered += 1
                tally.seconds.append(time.perf_counter() - began)
    connection.close()
