"""What replicas collect: from the spools that they write to Parquet in the workspace's datastore.

    <home>/collected/<deployment>/tally.json               how much came, and how much was dropped
    <home>/collected/<deployment>/<revision>/about.json    whose it is, which collections, how much time a folder covers
    …/<revision>/spool/*.spool                             complete
    …/<revision>/spool/*.spool.part                        is being written
    …/<revision>/taken/*.spool                             out of the reach of those who wrote it

What a revision has collected is stored as its own file says, also when the next one says something else.
Only the spool can be written by a replica, whose code is a user's, so nothing in it is believed: a file is taken
out of its reach first, and is left out when it is none.

    azureml://datastores/workspaceblobstore/paths/modelDataCollector/<endpoint>/<deployment>/<collection>/<time>/…

A spool is removed after its files are stored under a name that comes from its
own, so one that is taken twice after a crash is there once. A data asset shows
each collection: see `control.collections`.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
import stat
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
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+\.spool(?:\.part)?", re.ASCII)
_LEFT_SECONDS: Final = 3600
"""How long the place of a revision stays when nothing comes: its replicas may still finish their requests."""
_CONVERTER: Final = ("-m", "pratique.signals.collected")
_AT_ONCE: Final = 16
_LONGEST_SECONDS: Final = 300
_STARTED_SECONDS: Final = 5
"""A part that is younger may not be locked yet."""
_ORPHANED_SECONDS: Final = 300
"""Where files cannot be locked, a part that nobody has written for so long belongs to a replica that was killed."""


def folder_of(home: Home, deployment_id: str, revision: int) -> Path:
    """What belongs to the collection of a revision of a deployment."""
    return home.root / "collected" / deployment_id / str(revision)


def spool_of(home: Home, deployment_id: str, revision: int) -> Path:
    """Where its replicas write."""
    return folder_of(home, deployment_id, revision) / "spool"


def prepare(bench: Workbench, deployment: OnlineDeployment) -> Mapping[str, str]:
    """Make the place for what the deployment collects; the variables that say so to its replicas.

    Raises `Conflict` when an asset of something else has the name of one that shall show what is collected.
    """
    collector = deployment.spec.get("data_collector") or {}
    wanted = collections_of(collector)
    if not wanted:
        return {}
    assets = assets_of(collector, deployment.endpoint, deployment.name)
    with bench.database.read() as tx:
        for collection, (name, version) in assets.items():
            place = _place(deployment.endpoint, deployment.name, collection)
            collections.check_free(tx, deployment.workspace, name, version, place)
    folder = folder_of(bench.home, deployment.id, deployment.revision)
    spool = spool_of(bench.home, deployment.id, deployment.revision)
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    about = {
        "workspace": deployment.workspace,
        "endpoint": deployment.endpoint,
        "deployment": deployment.name,
        "collections": wanted,
        "assets": assets,
        "rolling_rate": collector.get("rolling_rate"),
        "has_script": bool(deployment.resolved.get("code")),
    }
    _write(folder / "about.json", about)
    return {
        "PRATIQUE_COLLECT": str(spool),
        "PRATIQUE_COLLECT_ONLY": ",".join(wanted),
        "PRATIQUE_COLLECT_SAMPLING": str(max(wanted.values())),
        "PRATIQUE_COLLECT_REDACT": str((deployment.spec.get("tags") or {}).get(REDACT, "")),
        "PRATIQUE_COLLECT_HEADERS": ",".join((collector.get("request_logging") or {}).get("capture_headers") or ()),
    }


def tally(home: Home, deployment_id: str) -> Mapping[str, int]:
    """How many records came and how many were dropped, so far; empty where nothing was collected."""
    try:
        tallied = home.root / "collected" / deployment_id / "tally.json"
        found: dict[str, int] = json.loads(tallied.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


class OutOfRoom(OSError):
    """The disk is full, or fails; what is collected waits where it is."""


class Collector:
    """Takes spools away, a few at a time."""

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench

    def step(self) -> bool:
        """Look into every spool; True when there is more in one.

        Raises the first thing that went wrong after all were looked into; what went wrong besides is in the log.
        """
        more = False
        failures: list[Exception] = []
        for folder in sorted((self._bench.home.root / "collected").glob("*/[0-9]*/")):
            try:
                more |= self._take(folder)
            except OutOfRoom:  # All of them are on this disk.
                raise
            except Exception as error:  # noqa: BLE001 - raised below; it must not keep the others where they are.
                if failures:
                    _log.warning("collection.failed", folder=str(folder), error=f"{type(error).__name__}: {error}")
                failures.append(error)
        if failures:
            raise failures[0]
        return more

    def _take(self, folder: Path) -> bool:
        for left in folder.glob("making-*"):  # By a process that was killed.
            shutil.rmtree(left, ignore_errors=True)
        taken = _taken(folder)
        if not taken:
            self._forget(folder)
            return False
        try:
            about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            _log.warning("collection.unknown", folder=str(folder), reason=str(error))
            return False
        self._store(folder, about, taken[:_AT_ONCE])
        return len(taken) > _AT_ONCE

    def _store(self, folder: Path, about: Mapping[str, Any], spools: Sequence[Path]) -> None:
        with tempfile.TemporaryDirectory(dir=folder, prefix="making-") as made:
            out = Path(made)
            (out / "files").mkdir()
            if said := _run([sys.executable, *_CONVERTER, str(folder / "about.json"), made, *map(str, spools)]):
                self._set_aside(folder, about, spools, said)
                return
            try:
                self._keep(about, out / "files")
            except (Conflict, InvalidInput) as error:
                self._set_aside(folder, about, spools, str(error))
                return
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
        _log.warning("collection.unreadable", spool=str(spool), reason=said)
        spool.rename(spool.with_suffix(".unreadable"))
        _count(folder, unreadable=1)

    def _forget(self, folder: Path) -> None:
        """Remove the place of a revision that is gone."""
        spool = folder / "spool"
        if any(folder.glob("*/*.spool*")) or (spool.is_dir() and _age(spool.lstat()) < _LEFT_SECONDS):
            return
        with self._bench.database.read() as tx:
            known = deployments.by_id(tx, folder.parent.name)
        if known is None or int(folder.name) < (known.applied or 0):
            shutil.rmtree(folder, ignore_errors=True)
        if known is None and not any(folder.parent.glob("*/")):
            shutil.rmtree(folder.parent, ignore_errors=True)


def _place(*names: str) -> DatastorePath:
    """Where what a deployment of an endpoint collects lies, or one collection of it."""
    return DatastorePath(datastores.DEFAULT, "/".join(("modelDataCollector", *names)))


def _taken(folder: Path) -> list[Path]:
    """The spools that are complete, or whose replica has ended, where no replica reaches them any more."""
    place = folder / "taken"
    found = sorted((folder / "spool").glob("*.spool"))
    found += [part for part in (folder / "spool").glob("*.spool.part") if _is_orphan(part)]
    if found:
        place.mkdir(mode=0o700, exist_ok=True)
    for spool in found:
        with contextlib.suppress(FileNotFoundError):  # Its replica may take it away again.
            _take_out(spool, place / spool.name)
    return sorted(one for pattern in ("*.spool", "*.spool.part") for one in place.glob(pattern))


def _take_out(spool: Path, place: Path) -> None:
    """Move it to where no replica reaches it; what is no spool goes, also when it has become none on the way."""
    if _NAME.fullmatch(spool.name) and _is_file(spool):
        spool.rename(place)
        if _is_file(place):
            return
        spool = place
    _log.warning("collection.no_spool", file=str(spool))
    _remove(spool)


def _is_file(path: Path) -> bool:
    """Whether it is a file itself, and no link to one."""
    return stat.S_ISREG(path.lstat().st_mode)


def _remove(path: Path) -> None:
    if stat.S_ISDIR(path.lstat().st_mode):
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _run(argv: Sequence[str]) -> str:
    """Convert; why that did not go, else nothing. Raises `OutOfRoom` where it is nothing about the spools."""
    try:
        done = subprocess.run(
            ["nice", *argv], stdin=subprocess.DEVNULL, capture_output=True, timeout=_LONGEST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"not done in {_LONGEST_SECONDS} s"
    said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    if done.returncode == os.EX_TEMPFAIL:
        raise OutOfRoom(f"what was collected cannot be written: {said}")
    return said or f"ended with {done.returncode}" if done.returncode else ""


def _is_orphan(part: Path) -> bool:
    """Whether the replica that wrote it has ended: it holds a lock while it lives, also while it sleeps."""
    try:
        about = part.lstat()
    except OSError:
        return False
    age = _age(about)
    if age < _STARTED_SECONDS or not stat.S_ISREG(about.st_mode):
        return False
    try:
        # Neither waited for nor followed, should it be a pipe or a link by now.
        with open(os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (FileNotFoundError, BlockingIOError):
        return False
    except OSError:
        return age > _ORPHANED_SECONDS
    return True


def _age(about: os.stat_result) -> float:
    return time.time() - about.st_mtime


def _count(folder: Path, **more: int) -> None:
    tallied = folder.parent / "tally.json"
    try:
        known = json.loads(tallied.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        known = {}
    _write(tallied, {name: known.get(name, 0) + more.get(name, 0) for name in {**known, **more}})


def _write(path: Path, document: Mapping[str, Any]) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(document), encoding="utf-8")
    part.replace(path)
