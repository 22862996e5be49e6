"""The last lines of a log, for the error that ends with them."""

from pathlib import Path
from typing import Final

_FAR_ENOUGH: Final = 64 * 1024


def last_lines(log: Path, count: int) -> list[str]:
    """Up to `count` last lines, oldest first, without line ends; empty when there is no log."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - _FAR_ENOUGH))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-count:]
