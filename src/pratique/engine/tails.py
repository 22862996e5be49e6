"""The ends of logs: what is added there, and the last lines for the error that ends with them."""

import contextlib
import os
from pathlib import Path
from typing import Final

_FAR_ENOUGH: Final = 64 * 1024


def add_lines(log: Path, text: str) -> None:
    """Add `text`, of whole lines, and make the log's folder when there is none.

    A disk that is full keeps nothing from going on.
    """
    with contextlib.suppress(OSError):
        try:
            stream = _opened(log)
        except FileNotFoundError:
            log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            stream = _opened(log)
        try:
            os.write(stream, text.encode(errors="replace"))
        finally:
            os.close(stream)


def _opened(log: Path) -> int:
    return os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def last_lines(log: Path, count: int) -> list[str]:
    """Up to `count` last lines, oldest first, without line ends; empty when there is no log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _FAR_ENOUGH))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]
