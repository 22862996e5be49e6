"""Keeps the logs bounded of whatever runs on and on: server, Envoy, MLflow, and the replicas of deployments.

    console.log ──copied──► console.log.1 ──renamed──► console.log.2 ──► gone

Who writes a log has it open for appending and knows nothing of this: the file
is copied and then cut to nothing, so it stays the same file. What is written
between the last look at its end and the cut, a few microseconds, is lost; that
is the price of asking nothing of Envoy, MLflow and models. A crash in between leaves
lines twice and loses none.
"""

import os
import shutil
from pathlib import Path
from typing import Final

from pratique.base.home import Home
from pratique.base.logging import get_logger
from pratique.engine.starts import LOG_NAME, newest_start

_log = get_logger(__name__)
LIMIT: Final = 20_000_000
"""Bytes at which a log begins anew."""
_KEPT: Final = 2
"""Older pieces beside each log; so each part takes at most three times the limit, and what is written in a moment."""
_CHUNK: Final = 1 << 20


class Rotation:
    """Looks at the log of every service's newest start, and of every replica."""

    def __init__(self, home: Home, *, limit: int = LIMIT) -> None:
        self._home = home
        self._limit = limit

    def step(self) -> bool:
        """Rotate what has grown too large; never finds more to do."""
        for service in self._home.services.glob("*"):
            folder = newest_start(self._home, service.name)
            if folder is not None:
                self._look(folder / LOG_NAME)
        for log in self._home.replicas.glob(f"*/*-*-*/{LOG_NAME}"):
            self._look(log)
        return False

    def _look(self, log: Path) -> None:
        try:
            if log.stat().st_size > self._limit:
                rotate(log)
        except FileNotFoundError:
            pass
        except OSError as error:  # A full disk has no room for the copy: the log goes on until it has.
            _log.warning("log.not_rotated", log=str(log), reason=str(error))


def rotate(log: Path) -> None:
    """Begin `log` anew and keep what it says as `<log>.1`; raises `OSError`, and then it says what it said."""
    part = log.with_name(f"{log.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as copy, log.open("r+b") as stream:
        shutil.copyfileobj(stream, copy, _CHUNK)
        copy.flush()
        for number in range(_KEPT, 1, -1):
            if _piece(log, number - 1).exists():
                _piece(log, number - 1).replace(_piece(log, number))
        part.rename(_piece(log, 1))
        while chunk := stream.read(_CHUNK):  # What came meanwhile.
            copy.write(chunk)
            copy.flush()
        stream.truncate(0)


def _piece(log: Path, number: int) -> Path:
    return log.with_name(f"{log.name}.{number}")
