"""What the code of users sees of the machine: a job its own folders, a replica its own model.

Neither sees the home: no database, no keys, no blobs, and nothing of another
job or replica. What is shared with others, the environment, can be read only.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pratique.compute.interpreters import places_of
from pratique.compute.view import View

_WORKED_IN: Final = ("code", "outputs", "home", "tmp")


def of_job(folder: Path, python: Path, *, written_inputs: Iterable[str], has_network: bool) -> View:
    """The view of the attempt in `folder`, whose environment is `python`'s; of its inputs it may change some."""
    inputs = folder / "inputs"
    return View(
        readable=(*places_of(python), *([inputs] if inputs.is_dir() else [])),
        writable=(*(folder / part for part in _WORKED_IN), *(inputs / name for name in written_inputs)),
        scratch=folder / "tmp",
        has_network=has_network,
    )


def of_replica(
    files: Path,
    python: Path,
    sources: Path,
    scratch: Path,
    *,
    spool: str | None = None,
    door: Path | None = None,
    has_network: bool = False,
) -> View:
    """The view of a replica: its working folder `files`, in which model and code stay as they were written.

    `spool` is the folder into which it collects, `door` the one where it makes a socket of its own.
    """
    return View(
        readable=(*places_of(python), sources, files / "model", files / "code"),
        writable=(files, *([Path(spool)] if spool else []), *([door] if door else [])),
        scratch=scratch,
        has_network=has_network,
    )
