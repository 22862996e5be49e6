"""What a job leaves: outputs into the content store, ./outputs and ./logs beside the run, and its log.

Bytes are stored first, outside any transaction; that they belong to the job is
written in the transaction that ends it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import ComputeFailed, PratiqueError
from pratique.base.logging import get_logger
from pratique.content.manifest import Entry, Manifest
from pratique.control import artifacts
from pratique.engine import logs
from pratique.engine.attempts import Attempt
from pratique.store import holdings
from pratique.store.database import Transaction
from pratique.store.jobs import Job

_log = get_logger(__name__)
_RUN_FOLDERS: Final = ("outputs", "logs")
"""Folders of the working folder that become files of the run, as Azure does."""


@dataclass
class Results:
    """Bytes that are stored, and what they are of the job."""

    outputs: dict[str, Manifest] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `control.outputs.register` needs, by output."""
    run_files: dict[str, Entry] = field(default_factory=dict)
    """By their path in the run."""

    def write(self, tx: Transaction, job: Job, *, now: datetime) -> None:
        """Let the workspace hold what is stored, and the run have its files."""
        for manifest in self.outputs.values():
            blobs = [(entry.digest, entry.size) for entry in manifest.entries]
            holdings.hold(tx, job.workspace, "blob", blobs, now=now)
            holdings.add_manifest(tx, job.workspace, manifest, now=now)
        if job.experiment_id and self.run_files:
            root = f"{job.experiment_id}/{job.run_id}/artifacts"
            files = Manifest(Entry(path, one.digest, one.size) for path, one in self.run_files.items())
            artifacts.add(tx, job.workspace, root, files, now=now)


def collect(attempt: Attempt) -> Results:
    """Store every output and the run's folders; raises `ComputeFailed` for an output that is not there."""
    found = Results(run_files=_stored_run_folders(attempt))
    for name, wanted in attempt.job.resolved["outputs"].items():
        kind = str(wanted.get("type") or "uri_folder")
        place = attempt.output(name)
        _check_output(place, name, kind)
        manifest = attempt.bench.blobs.put_folder(place)
        found.outputs[name] = manifest
        found.made[name] = {"type": kind, "manifest": manifest.digest, "name": name, "mode": wanted.get("mode")}
    return found


def collect_failed(attempt: Attempt) -> Results:
    """Store ./outputs and ./logs of a job that did not end well; what cannot be kept is let go."""
    try:
        return Results(run_files=_stored_run_folders(attempt))
    except (PratiqueError, OSError) as error:
        _log.warning("run.folders_not_kept", job=attempt.job.name, reason=str(error))
        return Results()


def add_log(attempt: Attempt, results: Results) -> None:
    """Store the log as it is now; a job does not fail for want of it."""
    if entry := logs.stored(attempt.bench.blobs, attempt.log):
        results.run_files[entry.path] = entry


def _stored_run_folders(attempt: Attempt) -> dict[str, Entry]:
    return {f"{name}/{entry.path}": entry for name in _RUN_FOLDERS for entry in _stored(attempt, name)}


def _stored(attempt: Attempt, name: str) -> Iterator[Entry]:
    folder = attempt.code / name
    if folder.is_dir() and any(folder.iterdir()):
        yield from attempt.bench.blobs.put_folder(folder).entries


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
