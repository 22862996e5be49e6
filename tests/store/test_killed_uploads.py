"""Uploads that are killed anywhere: what is named is whole, and trying again ends it.

Invariants, after every kill: each blob that a workspace holds is on the disk
with its digest; each manifest that it holds has all of its blobs; a version
has a manifest; and nothing else than strays in ``incoming/`` is left over,
which the next start sweeps.
"""

import hashlib
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import select

from pratique.store import assets, holdings
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.migrate import migrate
from pratique.store.schema import holdings as held

StartPython = Callable[..., "subprocess.Popen[str]"]
FILES = 400
KILLS = 8

SCRIPT = """
    import hashlib, sys
    from datetime import UTC, datetime
    from pathlib import Path

    from pratique.base.ids import new_id
    from pratique.content.manifest import Entry, Manifest
    from pratique.control import assets
    from pratique.control.actor import Actor, Grant
    from pratique.store import groups, holdings, workspaces
    from pratique.store.blobs import BlobStore
    from pratique.store.database import Database
    from pratique.store.groups import ResourceGroup
    from pratique.store.workspaces import Workspace

    home, now, files = Path(sys.argv[1]), datetime.now(UTC), int(sys.argv[2])
    database, blobs = Database.at(home / "pratique.db"), BlobStore(home / "blobs")
    blobs.sweep()
    with database.write() as tx:
        if workspaces.get(tx, "dev") is None:
            groups.add(tx, ResourceGroup("rg", "local", {}, now))
            workspaces.add(tx, Workspace("dev", "rg", "local", "dev", "", {}, now, {}))
    print("ready", flush=True)
    contents = {f"f/{number}": f"this is {number}".encode() * 20 for number in range(files)}
    manifest = Manifest(Entry(path, hashlib.sha256(data).hexdigest(), len(data)) for path, data in contents.items())
    with database.read() as tx:
        there = holdings.held(tx, "dev", "blob", [entry.digest for entry in manifest.entries])
    missing = [data for data in contents.values() if hashlib.sha256(data).hexdigest() not in there]
    for start in range(0, len(missing), 20):
        with blobs.batch() as batch:
            for data in missing[start : start + 20]:
                batch.add(hashlib.sha256(data).hexdigest(), data)
            kept = batch.keep()
        with database.write() as tx:
            holdings.hold(tx, "dev", "blob", kept, now=now)
    with database.write() as tx:
        holdings.add_manifest(tx, "dev", manifest, now=now)
    actor = Actor("1", "ann", "user", (Grant("Owner", "/"),))
    with database.write() as tx:
        spec = {"name": "rows", "version": "1", "path": f"upload:{manifest.digest}/rows"}
        assets.create(tx, actor, "dev", "data", spec, now=now)
    print("done", flush=True)
"""


def problems(home: Path) -> list[str]:
    """What is half-made."""
    database, blobs, found = Database.at(home / "pratique.db"), BlobStore(home / "blobs"), []
    with database.read() as tx:
        digests = set(tx.execute(select(held.c.digest).where(held.c.kind == "blob")).scalars())
        for digest in digests:
            path = blobs.path(digest)
            if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                found.append(f"held and not there: {digest}")
        for digest in tx.execute(select(held.c.digest).where(held.c.kind == "manifest")).scalars():
            manifest = holdings.manifest(tx, "dev", digest)
            assert manifest is not None
            found += [f"manifest without {one.path}" for one in manifest.entries if one.digest not in digests]
        for version in assets.all_versions(tx, "dev", "data"):
            if holdings.manifest(tx, "dev", version.manifest or "") is None:
                found.append(f"a version without its files: {version.version}")
    database.close()
    for path in (home / "blobs").glob("??/*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
            found.append(f"half a blob: {path.name}")
    return found


def test_an_upload_that_is_killed_again_and_again_comes_to_its_end(tmp_path: Path, start_python: StartPython) -> None:
    seed = random.randrange(1 << 32)  # noqa: S311 - for repeating a run, not for secrets.
    print(f"seed {seed}")
    chance = random.Random(seed)  # noqa: S311
    database = Database.at(tmp_path / "pratique.db")
    migrate(database)
    database.close()
    for _ in range(KILLS):
        process = start_python(SCRIPT, tmp_path, FILES)
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            break
        time.sleep(chance.random() * 0.15)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert problems(tmp_path) == []
    process = start_python(SCRIPT, tmp_path, FILES)
    printed, complaints = process.communicate(timeout=120)
    assert printed.splitlines() == ["ready", "done"], complaints
    assert problems(tmp_path) == []
    assert len([*(tmp_path / "blobs").glob("??/*")]) == FILES
    assert not [*(tmp_path / "blobs" / "incoming").iterdir()]
