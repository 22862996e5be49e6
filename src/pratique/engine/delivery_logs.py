"""The logs of a run: one for each step, as its worker sends it, and one of all for people who read along.

<home>/deliveries/<run>/stream.log               everything, line by line, each with its job in front
<home>/deliveries/<run>/<unit>/steps/<step>.log  a step, byte by byte

Nothing is remembered here: what a step's log ends with after its last line end
is what the stream lacks. A worker that sends a piece again, because it never
heard that it was taken, adds nothing.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Final

from pratique.base.clock import iso
from pratique.base.errors import Conflict
from pratique.base.home import Home
from pratique.delivery.pipeline import DEFAULT_STAGE
from pratique.store.blobs import storage_errors
from pratique.store.delivery_runs import UnitRow

_TURN: Final = Lock()
"""Pieces of one step come one after the other; of a whole server they are few."""
_LONGEST_LINE: Final = 1 << 16
"""Bytes; a longer line is cut in the stream, not in the step's own log."""


def stream_of(home: Home, run: int) -> Path:
    """The log of everything that happens in a run."""
    return home.delivery_run(run) / "stream.log"


def step_log(home: Home, run: int, unit: str, step: int) -> Path:
    """The log of one step; -1 is the job itself."""
    return home.delivery_run(run) / unit / "steps" / f"{step}.log"


def label(stage: str, job: str, unit: str = "") -> str:
    """What people call a unit: an implicit stage is not named."""
    return "/".join(part for part in ("" if stage == DEFAULT_STAGE else stage, job, unit) if part)


def add(home: Home, unit: UnitRow, step: int, offset: int, data: bytes) -> int:
    """Add `data`, which begins at byte `offset` of the step's log; the size of that log afterwards.

    Raises `Conflict` when something before `offset` never came.
    """
    path = step_log(home, unit.run, unit.id, step)
    with _TURN, storage_errors():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        size = path.stat().st_size if path.exists() else 0
        if offset > size:
            raise Conflict(f"the log has {size} bytes, so nothing can be added at {offset}")
        new = data[size - offset :]
        if not new:
            return size
        whole, _, _ = (_rest(path, size) + new).rpartition(b"\n")
        # First the stream: a server that is killed between the two tells a line twice rather than never.
        if whole:
            _append(stream_of(home, unit.run), _labelled(unit, whole.split(b"\n")))
        _append(path, new)
        return size + len(new)


def close(home: Home, unit: UnitRow, step: int) -> None:
    """Tell the last line of a step, if it has no end."""
    path = step_log(home, unit.run, unit.id, step)
    with _TURN, suppress(OSError):
        if path.exists() and (rest := _rest(path, path.stat().st_size)):
            _append(stream_of(home, unit.run), _labelled(unit, [rest]))
            _append(path, b"\n")


def tell(home: Home, run: int, lines: Iterable[str], now: datetime) -> None:
    """Say something of the platform's own; a disk that is full keeps nothing from going on."""
    text = "".join(f"[{iso(now)}] {line}\n" for line in lines)
    with suppress(OSError):
        if text:
            _append(stream_of(home, run), text.encode())


def _labelled(unit: UnitRow, lines: Iterable[bytes]) -> bytes:
    name = label(unit.stage, unit.job, unit.name).encode()
    return b"".join(name + b" | " + line.rstrip(b"\r")[:_LONGEST_LINE] + b"\n" for line in lines)


def _rest(path: Path, size: int) -> bytes:
    """What stands behind the last line end."""
    if not size:
        return b""
    with path.open("rb") as stream:
        stream.seek(max(0, size - _LONGEST_LINE))
        tail = stream.read()
    return tail.rpartition(b"\n")[2]


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(data)
