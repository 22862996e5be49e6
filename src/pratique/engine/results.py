"""What a job leaves: outputs into the content store, ./outputs and ./logs beside the run, registrations."""

from functools import partial
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.base.logging import get_logger
from pratique.content.manifest import Manifest
from pratique.control import artifacts
from pratique.control.actor import PLATFORM
from pratique.engine.attempts import Attempt
from pratique.store import holdings

_log = get_logger(__name__)
_CHUNK: Final = 1 << 20
_RUN_FOLDERS: Final = ("outputs", "logs")
"""Folders of the working folder that become files of the run, as Azure does."""


def collect(attempt: Attempt) -> dict[str, Any]:
    """Store the bytes of every output and of the run's folders; returns what `outputs.register` needs, by output.

    Raises `ComputeFailed` for an output that is not there.
    """
    job = attempt.job
    _add_to_run(attempt)
    found: dict[str, Any] = {}
    for name, wanted in job.resolved["outputs"].items():
        kind = str(wanted.get("type") or "uri_folder")
        place = attempt.output(name)
        _check_output(place, name, kind)
        manifest = attempt.bench.blobs.put_folder(place)
        _hold(attempt, manifest)
        found[name] = {"type": kind, "manifest": manifest.digest, "name": name, "mode": wanted.get("mode")}
    return found


def keep_what_failed(attempt: Attempt) -> None:
    """Put ./outputs and ./logs of a job that did not end well beside its run; what cannot be kept is let go."""
    try:
        _add_to_run(attempt)
    except (PratiqueError, OSError) as error:
        _log.warning("run.folders_not_kept", job=attempt.job.name, reason=str(error))


def _check_output(place: Path, name: str, kind: str) -> None:
    shown = f"${{{{outputs.{name}}}}}"
    if kind == "uri_file" and not place.is_file():
        raise ComputeFailed(
            f"output {name!r} of type uri_file was not written", hint=f"the command must write the file {shown}"
        )
    if kind != "uri_file" and not place.is_dir():
        raise ComputeFailed(
            f"output {name!r} is not a folder any more", hint=f"the command must leave {shown} the folder that it is"
        )


def keep_log(attempt: Attempt) -> None:
    """Put the log beside the run, where Azure has it: user_logs/std_log.txt; a job does not fail for want of it."""
    if not attempt.job.run_id or not attempt.log.is_file():
        return
    try:
        with attempt.log.open("rb") as stream:
            digest, size = attempt.bench.blobs.put(iter(partial(stream.read, _CHUNK), b""))
        path = f"{_run_root(attempt)}/user_logs/std_log.txt"
        with attempt.bench.database.write() as tx:
            artifacts.add_file(tx, PLATFORM, attempt.job.workspace, path, digest, size, now=utc_now())
    except (PratiqueError, OSError) as error:
        _log.warning("run.log_not_kept", job=attempt.job.name, reason=str(error))


def _add_to_run(attempt: Attempt) -> None:
    for name in _RUN_FOLDERS:
        folder = attempt.code / name
        if attempt.job.run_id and folder.is_dir() and any(folder.iterdir()):
            manifest = attempt.bench.blobs.put_folder(folder)
            with attempt.bench.database.write() as tx:
                artifacts.add(tx, attempt.job.workspace, f"{_run_root(attempt)}/{name}", manifest, now=utc_now())


def _run_root(attempt: Attempt) -> str:
    return f"{attempt.job.experiment_id}/{attempt.job.run_id}/artifacts"


def _hold(attempt: Attempt, manifest: Manifest) -> None:
    now = utc_now()
    with attempt.bench.database.write() as tx:
        blobs = [(entry.digest, entry.size) for entry in manifest.entries]
        holdings.hold(tx, attempt.job.workspace, "blob", blobs, now=now)
        holdings.add_manifest(tx, attempt.job.workspace, manifest, now=now)
