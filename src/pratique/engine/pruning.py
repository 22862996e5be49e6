"""What a home holds and nothing names any more: found, told, removed; safe while the platform runs.

| what | it stays while |
|---|---|
| content | any row names it, or it is younger than a day: an upload may be on its way (`store.reach`) |
| environments | a version or a replica names it, a process runs in it, or it was asked for within some days |
| conversions | a deployment or a registered version names the model |
| attempts | the job has a row |
| delivery runs | the run has a row: `pipelines delete` takes those of a pipeline; see `delivery_retention` |
| logs | they are younger than some days |
| runtime folders | their home is there |
"""

import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import PratiqueError
from pratique.base.home import OWNER, Home
from pratique.compute.environments import Environments
from pratique.compute.local import LocalCompute
from pratique.compute.shim import processes
from pratique.compute.task import Running
from pratique.engine import workshop
from pratique.specs.translation import translate
from pratique.store import assets, delivery_runs, deployments, jobs, reach, workspaces
from pratique.store.assets import AssetVersion
from pratique.store.blobs import BlobStore
from pratique.store.database import Database, Transaction
from pratique.store.reach import SAFE_AGE

_IN_ENVIRONMENT: Final = re.compile(rb"/environments/([0-9a-f]{64})/")


@dataclass(frozen=True)
class Leftover:
    """One thing that may go."""

    kind: str
    name: str
    size: int
    """In bytes."""
    remove: Callable[[], bool]
    """False when it has come into use meanwhile, and stays."""


class Pruning:
    """One look at one home at one moment."""

    def __init__(
        self,
        home: Home,
        database: Database,
        environments: Environments,
        *,
        now: datetime,
        unused_for: timedelta,
        own: Collection[str] = (),
    ) -> None:
        """`unused_for` is how long environments and logs stay that nothing names; `own` are environments of ours."""
        self._own = frozenset(own)
        self._home = home
        self._database = database
        self._environments = environments
        self._blobs = BlobStore(home.blobs)
        self._before = now - SAFE_AGE
        self._unused_since = now - unused_for

    def content(self) -> Iterator[Leftover]:
        """Blobs that nothing names; the rows stay as they are."""
        with self._database.read() as tx:
            living = reach.unreached(tx, before=self._before).living
        yield from self._dead(living)

    def forget_content(self) -> Iterator[Leftover]:
        """The same, after the rows of manifests and holdings that nothing names are gone: now blobs may go."""
        with self._database.write() as tx:
            living = reach.forget(tx, before=self._before).living
        yield from self._dead(living)

    def _dead(self, living: frozenset[str]) -> Iterator[Leftover]:
        for digest in self._blobs.every():
            size = None if digest in living else self._blobs.old(digest, before=self._before)
            if size is not None:
                yield Leftover("blobs", digest, size, partial(self._discard, digest))

    def _discard(self, digest: str) -> bool:
        return self._blobs.discard(digest, before=self._before)

    def folders(self) -> Iterator[Leftover]:
        """Everything beside content."""
        yield from self._unused_environments()
        yield from self._examined("conversions", "pratique.onnx")
        yield from self._examined("scans", "pratique.scan")
        yield from self._attempts()
        yield from self._delivery_runs()
        yield from self._logs()
        yield from self._runtime_folders()

    def _unused_environments(self) -> Iterator[Leftover]:
        if self._home.environments.is_symlink():
            return  # Other homes use them as well.
        idle = self._environments.idle(since=self._unused_since)
        used = self._own | (self._used_environments() if idle else set())
        for digest in idle:
            if digest not in used:
                remove = partial(self._environments.remove, digest, since=self._unused_since)
                yield Leftover("environments", digest, self._environments.size(digest), remove)

    def _used_environments(self) -> set[str]:
        found = {digest.decode() for text in self._speaking() for digest in _IN_ENVIRONMENT.findall(text)}
        with self._database.read() as tx:
            return found | {digest for digest in self._of_versions(tx) if digest}

    def _speaking(self) -> Iterator[bytes]:
        """What names environments outside the database: replicas to be started again, processes."""
        for path in self._home.replicas.glob("*/*/*.json"):
            yield _read(path)
        for pid in processes():
            for name in ("cmdline", "environ"):
                yield _read(Path(f"/proc/{pid}/{name}"))

    def _of_versions(self, tx: Transaction) -> Iterator[str | None]:
        everywhere = [one.name for one in workspaces.every(tx)]
        specs: list[Mapping[str, Any] | None] = [
            version.spec for name in everywhere for version in assets.all_versions(tx, name, "environments")
        ]
        specs += [(one.resolved.get("environment") or {}).get("spec") for one in deployments.every(tx)]
        for spec in specs:
            try:
                lock = self._environments.known(translate(spec)) if spec else None
            except PratiqueError:  # It could not be translated, so it was never built.
                continue
            yield lock.digest if lock else None

    def _examined(self, kind: str, key: str) -> Iterator[Leftover]:
        """What was found out about models that nothing names any more; `key` is the property of those that do."""
        root = self._home.root / kind
        # The folders first: a deployment that is made now has none among them, or one that is young.
        folders = [path for path in root.glob("*") if path.is_dir()]
        found = [path for path in folders if path.stat().st_mtime < self._before.timestamp()]
        with self._database.read() as tx:
            named = {(one.resolved.get("model") or {}).get("manifest") for one in deployments.every(tx)}
            named |= {one.manifest for one in self._models(tx) if key in one.properties}
        gone = [path for path in found if path.name not in named]
        yield from (replace(_folder(kind, path), remove=partial(workshop.remove, path)) for path in gone)

    def _models(self, tx: Transaction) -> Iterator[AssetVersion]:
        for one in workspaces.every(tx):
            yield from assets.all_versions(tx, one.name, "models")

    def _attempts(self) -> Iterator[Leftover]:
        compute = LocalCompute()
        found = [path for path in self._home.jobs.glob("*") if path.stat().st_mtime < self._before.timestamp()]
        for path in found:
            with self._database.read() as tx:
                is_known = jobs.by_id(tx, path.name) is not None
            if not is_known and not any(isinstance(compute.observe(one), Running) for one in path.glob("*")):
                yield _folder("attempts", path)

    def _delivery_runs(self) -> Iterator[Leftover]:
        compute = LocalCompute()
        found = [path for path in self._home.deliveries.glob("*") if path.stat().st_mtime < self._before.timestamp()]
        for path in found:
            with self._database.read() as tx:
                is_known = path.name.isdecimal() and delivery_runs.get(tx, int(path.name)) is not None
            if not is_known and not any(isinstance(compute.observe(one), Running) for one in path.glob("*-*")):
                yield _folder("delivery runs", path)

    def _logs(self) -> Iterator[Leftover]:
        for path in self._home.logs.glob("*.log"):
            facts = path.stat()
            if facts.st_mtime < self._unused_since.timestamp():
                yield Leftover("logs", str(path), facts.st_size, partial(_unlink, path))

    def _runtime_folders(self) -> Iterator[Leftover]:
        for path in self._home.runtime.parent.glob("pratique-*"):
            root = _read(path / OWNER)
            if root and path.lstat().st_uid == os.getuid() and not os.path.lexists(root) and not _is_used(root):
                yield _folder("runtime folders", path)


def _is_used(root: bytes) -> bool:
    return any(root in _read(Path(f"/proc/{pid}/{name}")) for pid in processes() for name in ("cmdline", "environ"))


def _folder(kind: str, path: Path) -> Leftover:
    size = sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir())
    return Leftover(kind, str(path), size, partial(_remove, path))


def _remove(path: Path) -> bool:
    shutil.rmtree(path, ignore_errors=True)
    return not path.exists()


def _unlink(path: Path) -> bool:
    path.unlink(missing_ok=True)
    return True


def _read(path: Path) -> bytes:
    """The bytes of a file; none when it has gone, or is somebody else's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
