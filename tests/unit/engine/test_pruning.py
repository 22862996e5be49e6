"""What nothing names goes, what is in use or on its way stays."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from pratique.base.home import Home
from pratique.compute.environments import Environments
from pratique.engine.pruning import Pruning
from pratique.store import groups, holdings, workspaces
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.migrate import migrate
from pratique.store.workspaces import Workspace

NOW = datetime.now(UTC)
LONG_AGO = (1, 1)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", str(tmp_path / "run"))
    made = Home(tmp_path / "home")
    made.prepare()
    return made


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    with closing(Database.at(home.database)) as opened:
        migrate(opened)
        with opened.write() as tx:
            groups.add(tx, ResourceGroup("rg", "local", {}, NOW))
            workspaces.add(tx, Workspace("dev", "rg", "local", "dev", "", {}, NOW, {"name": "ada"}))
        yield opened


def pruning(home: Home, database: Database, **more: tuple[str, ...]) -> Pruning:
    environments = Environments(home.environments)
    return Pruning(home, database, environments, now=NOW, unused_for=timedelta(days=30), **more)


def kinds(found: Pruning) -> list[tuple[str, str]]:
    return sorted((one.kind, Path(one.name).name) for one in found.folders())


def an_environment(home: Home, number: int, *, is_old: bool = True) -> str:
    digest = sha256(str(number).encode()).hexdigest()
    place = home.environments / digest
    place.mkdir()
    (place / ".ready").write_text("")
    if is_old:
        os.utime(place / ".ready", LONG_AGO)
    return digest


def test_an_upload_beside_a_pruning_loses_nothing(home: Home, database: Database) -> None:
    blobs = BlobStore(home.blobs)
    contents = [f"content {number}".encode() for number in range(300)]
    digests = [sha256(content).hexdigest() for content in contents]
    for content, digest in zip(contents, digests, strict=True):
        blobs.put([content])  # Left by somebody long ago, and named by nobody.
        os.utime(blobs.path(digest), LONG_AGO)

    def upload() -> None:
        for start in range(0, 300, 10):
            with blobs.batch() as batch:
                for content, digest in zip(contents[start : start + 10], digests[start : start + 10], strict=True):
                    batch.add(digest, content)
                kept = batch.keep()
                with database.write() as tx:
                    holdings.hold(tx, "dev", "blob", kept, now=NOW)

    def prune() -> int:
        return sum(one.remove() for one in pruning(home, database).forget_content())

    with ThreadPoolExecutor(2) as pool:
        uploading, pruned = pool.submit(upload), pool.submit(prune)
        uploading.result()
        pruned.result()
    assert all(blobs.has(digest) for digest in digests)
    assert prune() == 0


def test_an_environment_that_nobody_asked_for_goes(home: Home, database: Database) -> None:
    gone, young, ours = an_environment(home, 1), an_environment(home, 2, is_old=False), an_environment(home, 3)
    (found,) = pruning(home, database, own=(ours,)).folders()
    assert (found.kind, found.name) == ("environments", gone)
    assert found.remove()
    assert not (home.environments / gone).exists()
    assert (home.environments / young).is_dir()
    assert (home.environments / ours).is_dir()


def test_an_environment_that_is_asked_for_meanwhile_stays(home: Home, database: Database) -> None:
    digest = an_environment(home, 1)
    (found,) = pruning(home, database).folders()
    os.utime(home.environments / digest / ".ready")
    assert not found.remove()
    assert (home.environments / digest / ".ready").is_file()


def test_an_environment_that_a_replica_is_started_from_stays(home: Home, database: Database) -> None:
    digest = an_environment(home, 1)
    launch = home.replicas / "a-deployment" / "files" / "1.json"
    launch.parent.mkdir(parents=True)
    launch.write_text(f'{{"argv": ["{home.environments}/{digest}/bin/python"]}}')
    assert kinds(pruning(home, database)) == []


def test_environments_that_other_homes_share_are_left_alone(home: Home, database: Database, tmp_path: Path) -> None:
    an_environment(home, 1)
    home.environments.rename(tmp_path / "shared")
    home.environments.symlink_to(tmp_path / "shared")
    assert kinds(pruning(home, database)) == []


def test_folders_without_a_row_and_old_logs_go(home: Home, database: Database) -> None:
    (home.jobs / "no-such-job" / "1").mkdir(parents=True)
    (home.root / "conversions" / "no-such-model").mkdir(parents=True)
    (home.deliveries / "7" / "a-unit").mkdir(parents=True)
    for path in (home.jobs / "no-such-job", home.root / "conversions" / "no-such-model", home.deliveries / "7"):
        os.utime(path, LONG_AGO)
    (home.logs / "old.log").write_text("old")
    os.utime(home.logs / "old.log", LONG_AGO)
    (home.logs / "new.log").write_text("new")
    (home.jobs / "young" / "1").mkdir(parents=True)
    found = pruning(home, database)
    assert kinds(found) == [
        ("attempts", "no-such-job"), ("conversions", "no-such-model"), ("delivery runs", "7"), ("logs", "old.log"),
    ]  # fmt: skip
    assert all(one.remove() for one in found.folders())
    assert kinds(found) == []


def test_the_runtime_folder_of_a_deleted_home_goes(home: Home, database: Database, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    assert kinds(pruning(home, database)) == []
    other.root.rename(tmp_path / "moved away")
    assert kinds(pruning(home, database)) == [("runtime folders", other.runtime.name)]
