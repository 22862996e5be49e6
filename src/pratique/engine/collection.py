"""What replicas collect: from the spools that they write to Parquet in the workspace's datastore.

    <home>/collected/<deployment>/about.json      whose it is, which collections, how much time a folder covers
    <home>/collected/<deployment>/tally.json      how much came, and how much was dropped
    <home>/collected/<deployment>/*.spool         complete: taken away here
    <home>/collected/<deployment>/*.spool.part    is being written

    azureml://datastores/workspaceblobstore/paths/modelDataCollector/<endpoint>/<deployment>/<collection>/<time>/…

A spool is removed after its files are stored under a name that comes from its
own, so one that is taken twice after a crash is there once. A data asset shows
each collection: see `control.collections`.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import Conflict, InvalidInput
from pratique.base.home import Home
from pratique.base.logging import get_logger
from pratique.control import collections, datastores
from pratique.engine.workbench import Workbench
from pratique.specs.deployment import assets_of, collections_of
from pratique.specs.references import DatastorePath
from pratique.store import deployments, workspaces
from pratique.store.deployments import OnlineDeployment

_log = get_logger(__name__)
REDACT: Final = "pratique.collect.redact"
"""The tag that names columns whose values are not kept."""
_AT_ONCE: Final = 16
_LONGEST_SECONDS: Final = 300
_ORPHANED_SECONDS: Final = 300
"""A part that nobody has written for so long belongs to a replica that was killed."""


def folder_of(home: Home, deployment_id: str) -> Path:
    """Where the replicas of a deployment write."""
    return home.root / "collected" / deployment_id


def prepare(bench: Workbench, deployment: OnlineDeployment) -> Mapping[str, str]:
    """Make the place for what the deployment collects; the variables that say so to its replicas.

    Raises `Conflict` when an asset of something else has the name of one that shall show what is collected.
    """
    wanted = collections_of(deployment.spec.get("data_collector"))
    if not wanted:
        return {}
    assets = assets_of(deployment.spec.get("data_collector"), deployment.endpoint, deployment.name)
    with bench.database.read() as tx:
        for collection, (name, version) in assets.items():
            place = _place(deployment.endpoint, deployment.name, collection)
            collections.check_free(tx, deployment.workspace, name, version, place)
    folder = folder_of(bench.home, deployment.id)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = {
        "workspace": deployment.workspace,
        "endpoint": deployment.endpoint,
        "deployment": deployment.name,
        "collections": wanted,
        "assets": assets,
        "rolling_rate": (deployment.spec.get("data_collector") or {}).get("rolling_rate"),
    }
    _write(folder / "about.json", about)
    return {
        "PRATIQUE_COLLECT": str(folder),
        "PRATIQUE_COLLECT_ONLY": ",".join(wanted),
        "PRATIQUE_COLLECT_SAMPLING": str(max(wanted.values())),
        "PRATIQUE_COLLECT_REDACT": str((deployment.spec.get("tags") or {}).get(REDACT, "")),
    }


def tally(home: Home, deployment_id: str) -> Mapping[str, int]:
    """How many records came and how many were dropped, so far; empty where nothing was collected."""
    try:
        found: dict[str, int] = json.loads((folder_of(home, deployment_id) / "tally.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


class Collector:
    """Takes spools away, a few at a time."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def step(self) -> bool:
        """Look into every spool; True when there is more in one."""
        more = [self._take(folder) for folder in sorted((self._bench.home.root / "collected").glob("*"))]
        return any(more)

    def _take(self, folder: Path) -> bool:
        complete = sorted(folder.glob("*.spool")) + [part for part in folder.glob("*.spool.part") if _is_orphan(part)]
        if not complete:
            self._forget(folder)
            return False
        try:
            about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            _log.warning("collection.unknown", folder=str(folder), reason=str(error))
            return False
        self._store(folder, about, complete[:_AT_ONCE])
        return len(complete) > _AT_ONCE

    def _store(self, folder: Path, about: Mapping[str, Any], spools: Sequence[Path]) -> None:
        with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as made:
            out = Path(made)
            (out / "files").mkdir()
            argv = [sys.executable, "-m", "pratique.signals.collected", str(folder / "about.json"), made]
            done = subprocess.run(
                ["nice", *argv, *map(str, spools)],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LONGEST_SECONDS,
                check=False,
            )
            if done.returncode:
                self._set_aside(folder, about, spools, done.stderr.decode(errors="replace"))
                return
            self._keep(about, out / "files")
            outcome = json.loads((out / "outcome.json").read_text(encoding="utf-8"))
        _count(folder, **outcome)
        for spool in spools:
            spool.unlink()

    def _keep(self, about: Mapping[str, Any], files: Path) -> None:
        if not any(files.iterdir()):
            return
        manifest = self._bench.blobs.put_folder(files)
        workspace, of, now = str(about["workspace"]), (str(about["endpoint"]), str(about["deployment"])), utc_now()
        filled = {entry.path.partition("/")[0] for entry in manifest.entries}
        with self._bench.database.write() as tx:
            if not workspaces.get(tx, workspace):
                return
            datastores.put(tx, workspace, _place(*of), manifest, now=now)
            for collection in sorted(filled):
                name, version = about.get("assets", {}).get(collection) or (f"{'-'.join(of)}-{collection}", "1")
                try:
                    collections.show(tx, workspace, name, version, _place(*of, collection), now=now)
                except (Conflict, InvalidInput) as error:  # What is collected is kept all the same.
                    _log.warning("collection.not_shown", collection=collection, reason=str(error))

    def _set_aside(self, folder: Path, about: Mapping[str, Any], spools: Sequence[Path], said: str) -> None:
        """One that cannot be read must not keep the others: alone it is renamed, of several each is tried alone."""
        if len(spools) > 1:
            for spool in spools:
                self._store(folder, about, [spool])
            return
        [spool] = spools
        _log.warning("collection.unreadable", spool=str(spool), reason=said.strip().rpartition("\n")[2])
        spool.rename(spool.with_suffix(".unreadable"))
        _count(folder, unreadable=1)

    def _forget(self, folder: Path) -> None:
        """Remove the place of a deployment that is gone."""
        with self._bench.database.read() as tx:
            is_known = deployments.by_id(tx, folder.name) is not None
        if not is_known and not any(folder.glob("*.spool*")):
            shutil.rmtree(folder, ignore_errors=True)


def _place(*names: str) -> DatastorePath:
    """Where what a deployment of an endpoint collects lies, or one collection of it."""
    return DatastorePath(datastores.DEFAULT, "/".join(("modelDataCollector", *names)))


def _is_orphan(part: Path) -> bool:
    try:
        return time.time() - part.stat().st_mtime > _ORPHANED_SECONDS
    except FileNotFoundError:
        return False


def _count(folder: Path, **more: int) -> None:
    try:
        known = json.loads((folder / "tally.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    _write(folder / "tally.json", {name: known.get(name, 0) + more.get(name, 0) for name in {**known, **more}})


def _write(path: Path, document: Mapping[str, Any]) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)
