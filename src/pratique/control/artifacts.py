"""The files of runs: MLflow's artifacts, kept as content like everything else."""

from datetime import datetime

from pratique.base.errors import NotFound
from pratique.content.manifest import Entry, Manifest
from pratique.store import artifacts, holdings
from pratique.store.artifacts import Artifact
from pratique.store.database import Transaction


def of_run(tx: Transaction, workspace: str, run_id: str, path: str) -> Manifest:
    """The files of a run at or below `path` (empty: all of them); raises `NotFound` when there are none.

    Paths of the manifest are relative to `path`; a `path` that is one file gives its base name.
    """
    marker = f"{run_id}/artifacts/"
    entries = [
        Entry(file.path[file.path.index(marker) + len(marker) :], file.blob, file.size)
        for file in artifacts.of_run(tx, workspace, run_id)
    ]
    whole = Manifest(tuple(entries))
    found = whole.subtree(path.strip("/")) if path.strip("/") else whole
    if not found.entries:
        raise NotFound(f"run {run_id!r} of workspace {workspace!r} has no files at {path!r}")
    return found


def add(tx: Transaction, workspace: str, root: str, manifest: Manifest, *, now: datetime) -> None:
    """Write the files of `manifest`, whose bytes are stored already, below `root`, such as ``1/ab…/artifacts/outputs``."""
    holdings.hold(tx, workspace, "blob", [(entry.digest, entry.size) for entry in manifest.entries], now=now)
    artifacts.put(
        tx, [Artifact(workspace, f"{root}/{entry.path}", entry.digest, entry.size, now) for entry in manifest.entries]
    )
