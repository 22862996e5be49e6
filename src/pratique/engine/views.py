"""What the code of users sees of the machine: a job its own folders, a replica its own model.

Neither sees the home: no database, no keys, no blobs, and nothing of another
job or replica. What is shared with others, the environment, can be read only.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pratique.base.errors import ComputeFailed
from pratique.compute import forwarding
from pratique.compute.interpreters import places_of
from pratique.compute.sandbox import REMEDY, Sandbox
from pratique.compute.view import View
from pratique.specs.network import KEY, MACHINE, NONE

_FORWARDER: Final = Path(forwarding.__file__)
"""It runs in the Python of the job or the replica."""
_WORKED_IN: Final = ("code", "outputs", "home", "tmp", "layer")


def leading_to(python: Path, door: str, socket: Path) -> tuple[str, ...]:
    """What a command begins with that has no network: the port of the address `door` leads to `socket` all the same."""
    return str(python), "-I", "-S", str(_FORWARDER), str(urlsplit(door).port), str(socket)


def leading_through(socket: Path) -> tuple[Path, ...]:
    """What such a command has to see for that."""
    return _FORWARDER, socket.parent


def of_job(
    folder: Path, python: Path, *, written_inputs: Iterable[str], has_network: bool, door: Sequence[Path] = ()
) -> View:
    """The view of the attempt in `folder`, whose environment is `python`'s; of its inputs it may change some.

    `door` is what leads it to the platform when it has no network.
    """
    inputs = folder / "inputs"
    return View(
        readable=(*places_of(python), *([inputs] if inputs.is_dir() else []), *door),
        writable=(*(folder / part for part in _WORKED_IN), *(inputs / name for name in written_inputs)),
        scratch=folder / "tmp",
        has_network=has_network,
    )


def check_kept_from_network(sandbox: Sandbox, spec: Mapping[str, Any]) -> None:
    """Raise `ComputeFailed` where what is to have no network would have one all the same."""
    if sandbox.is_in_force:
        return
    tag = f"the tag {KEY}: {NONE}" if (spec.get("tags") or {}).get(KEY) == NONE else f"the setting job_network: {NONE}"
    raise ComputeFailed(
        f"{tag} keeps it from the network, and nothing here can: {sandbox.lack}",
        hint=f"nothing was started; {REMEDY}, or let it have the machine's: {KEY}: {MACHINE}",
    )


def of_replica(
    files: Path,
    python: Path,
    sources: Path,
    scratch: Path,
    *,
    spool: str | None = None,
    door: Path | None = None,
    leading: Sequence[Path] = (),
    has_network: bool = False,
) -> View:
    """The view of a replica: its working folder `files`, in which model and code stay as they were written.

    `spool` is the folder into which it collects, `door` the one where it makes a socket of its own, `leading` what
    leads it to tokens of its identity when it has no network.
    """
    return View(
        readable=(*places_of(python), sources, files / "model", files / "code", *leading),
        writable=(files, *([Path(spool)] if spool else []), *([door] if door else [])),
        scratch=scratch,
        has_network=has_network,
    )
