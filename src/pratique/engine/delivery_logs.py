"""The logs of a run: one for each step, as its worker sends it, and one of all for people who read along.

<home>/deliveries/<run>/stream.log               everything, line by line, each with its job in front
<home>/deliveries/<run>/<unit>/steps/<step>.log  a step, byte by byte
                                     <step>.told how many bytes of it the stream has

A worker sends what a step printed before the record that says that it began, so
the stream gets a step's lines once it has its title. A piece that is sent
again, because its sender never heard that it was taken, adds nothing.
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
from pratique.store.delivery_units import UnitRow

_TURN: Final = Lock()
"""Pieces of one step come one after the other; of a whole server they are few."""
_LONGEST_LINE: Final = 1 << 16
"""Bytes; a longer line is cut in the stream, not in the step's own log."""
_PIECE: Final = 1 << 20
"""Bytes that are read at once."""


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
        if new := data[size - offset :]:
            _append(path, new)
            _tell_lines(home, unit, path, is_over=False)
        return size + len(new)


def append(home: Home, unit: UnitRow, step: int, data: bytes) -> None:
    """Add `data` to the end of a step's log, which nobody else writes."""
    path = step_log(home, unit.run, unit.id, step)
    add(home, unit, step, path.stat().st_size if path.exists() else 0, data)


def begin(home: Home, unit: UnitRow, step: int, title: str, now: datetime) -> None:
    """Tell that a step began, once, and what it has printed so far."""
    path = step_log(home, unit.run, unit.id, step)
    with _TURN, suppress(OSError):
        if _told(path) is None:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            tell(home, unit.run, [title], now)
            _note_told(path, 0)
            _tell_lines(home, unit, path, is_over=False)


def close(home: Home, unit: UnitRow, step: int) -> None:
    """Tell the rest of a step that has ended, its last line also when that has no end."""
    path = step_log(home, unit.run, unit.id, step)
    with _TURN, suppress(OSError):
        _tell_lines(home, unit, path, is_over=True)


def close_all(home: Home, unit: UnitRow) -> None:
    """Tell the rest of everything that a unit has printed: it says nothing any more."""
    with _TURN, suppress(OSError):
        for path in sorted((home.delivery_run(unit.run) / unit.id / "steps").glob("*.log")):
            if _told(path) is None:
                _note_told(path, 0)
            _tell_lines(home, unit, path, is_over=True)


def _tell_lines(home: Home, unit: UnitRow, path: Path, *, is_over: bool) -> None:
    """Bring the whole lines that the stream lacks there; at the end of the step, the rest as well."""
    told = _told(path)
    if told is None or not path.exists():
        return
    with path.open("rb") as log:
        log.seek(told)
        while piece := log.read(_PIECE):
            whole = piece if is_over and len(piece) < _PIECE else piece[: piece.rfind(b"\n") + 1] or b""
            if not whole:
                if len(piece) < _PIECE:
                    return
                whole = piece  # A line longer than any that is read.
            _append(stream_of(home, unit.run), _labelled(unit, whole.removesuffix(b"\n").split(b"\n")))
            told += len(whole)
            # A server that is killed between the two tells a piece twice rather than never.
            _note_told(path, told)
            log.seek(told)


def _told(log: Path) -> int | None:
    """How many bytes of a step's log the stream has; None before it has its title."""
    try:
        return int(log.with_suffix(".told").read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def _note_told(log: Path, count: int) -> None:
    log.with_suffix(".told").write_text(str(count), encoding="ascii")


def tell(home: Home, run: int, lines: Iterable[str], now: datetime) -> None:
    """Say something of the platform's own; a disk that is full keeps nothing from going on."""
    text = "".join(f"[{iso(now)}] {line}\n" for line in lines)
    with suppress(OSError):
        if text:
            _append(stream_of(home, run), text.encode())


def _labelled(unit: UnitRow, lines: Iterable[bytes]) -> bytes:
    name = label(unit.stage, unit.job, unit.name).encode()
    return b"".join(name + b" | " + line.rstrip(b"\r")[:_LONGEST_LINE] + b"\n" for line in lines)


def _append(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(data)
