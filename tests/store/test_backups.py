"""A home in one file and back: whole and proven, or not at all."""

import json
import sqlite3
import stat
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from pratique.base.errors import Conflict, InvalidInput, NotFound, Unavailable
from pratique.base.home import Home
from pratique.store import backups, groups, holdings, reach, workspaces
from pratique.store.blobs import BlobStore
from pratique.store.copies import copy_database
from pratique.store.database import Database
from pratique.store.git import Repositories
from pratique.store.groups import ResourceGroup
from pratique.store.migrate import migrate
from pratique.store.workspaces import Workspace


@pytest.fixture
def home(tmp_path: Path, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", str(tmp_path / "run"))
    made = Home(tmp_path / "home")
    made.prepare()
    (made.keys / "sealing.key").write_bytes(b"secret")
    (made.root / "config.toml").write_text('log_level = "info"\n')
    (made.job_attempt("a-job", 1)).mkdir(parents=True)
    (made.job_attempt("a-job", 1) / "stream.log").write_text("said\n")
    with closing(sqlite3.connect(made.mlflow / "mlflow.db")) as connection:
        connection.execute("CREATE TABLE runs (id TEXT)")
    manifest = BlobStore(made.blobs).put_folder(made.keys)
    BlobStore(made.blobs).put([b"nobody names this"])
    with closing(Database.at(made.database)) as database:
        migrate(database)
        with database.write() as tx:
            groups.add(tx, ResourceGroup("rg", "local", {}, now))
            workspaces.add(tx, Workspace("dev", "rg", "local", "dev", "", {}, now, {"name": "ada"}))
            holdings.hold(tx, "dev", "blob", [(entry.digest, entry.size) for entry in manifest.entries], now=now)
            holdings.add_manifest(tx, "dev", manifest, now=now)
    return made


@pytest.fixture
def file(home: Home, now: datetime, tmp_path: Path) -> Path:
    backups.create(home, tmp_path / "backup.tar", made_by="a test", now=now)
    return tmp_path / "backup.tar"


def files_of(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_a_restored_home_has_what_the_first_one_names(home: Home, file: Path, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    backup = backups.restore(file, other)
    assert files_of(other.root) - {"pratique.db-wal", "pratique.db-shm"} == set(backup.files)
    assert (other.keys / "sealing.key").read_bytes() == b"secret"
    assert (other.job_attempt("a-job", 1) / "stream.log").read_text() == "said\n"
    assert len([*BlobStore(other.blobs).every()]) == 1, "what nobody names stays behind"
    assert backup.lacking == ()
    with closing(Database.at(other.database)) as database, database.read() as tx:
        assert workspaces.get(tx, "dev") is not None


def test_nobody_else_can_read_a_backup_or_a_restored_home(file: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = Home(tmp_path / "other")
    backups.restore(file, other)
    assert stat.S_IMODE(other.root.stat().st_mode) == 0o700
    assert not any(path.stat().st_mode & 0o077 for path in other.root.rglob("*"))


def test_a_home_is_never_written_over(home: Home, file: Path) -> None:
    before = files_of(home.root)
    with pytest.raises(Conflict, match="never restored over a home"):
        backups.restore(file, home)
    assert files_of(home.root) == before


def test_a_backup_is_never_written_over(home: Home, file: Path, now: datetime) -> None:
    before = file.read_bytes()
    with pytest.raises(Conflict, match="is there already"):
        backups.create(home, file, made_by="a test", now=now)
    assert file.read_bytes() == before


@pytest.mark.parametrize("name", ["pratique.db", "keys/sealing.key", "blobs/"])
def test_one_changed_byte_restores_nothing(file: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(file) as tar:
        member = next(one for one in tar if one.name.startswith(name))
    with file.open("r+b") as stream:
        stream.seek(member.offset_data + member.size - 1)
        last = stream.read(1)
        stream.seek(-1, 1)
        stream.write(bytes([last[0] ^ 1]))
    with pytest.raises(InvalidInput, match="damaged"):
        backups.restore(file, Home(tmp_path / "other"))
    assert {path.name for path in tmp_path.iterdir()} == {"home", "run", "backup.tar"}


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_half_a_backup_restores_nothing(file: Path, tmp_path: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InvalidInput, match=r"is not whole|damaged|no backup"):
        backups.restore(file, Home(tmp_path / "other"))
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize("name", ["../out", "/tmp/out", "keys/../../out", "services/x", "blobs/ab/../../out"])
def test_a_foreign_file_writes_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    with tarfile.open(tmp_path / "foreign.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo(name))
    with pytest.raises(InvalidInput, match="no backup of Pratique"):
        backups.restore(tmp_path / "foreign.tar", Home(tmp_path / "other"))
    assert {path.name for path in tmp_path.iterdir()} == {"foreign.tar"}


def test_a_damaged_blob_is_named_and_does_not_keep_the_rest_from_being_saved(
    home: Home, now: datetime, tmp_path: Path
) -> None:
    blobs = BlobStore(home.blobs)
    with closing(Database.at(home.database)) as database, database.read() as tx:
        (digest,) = reach.blobs(tx)
    blobs.path(digest).unlink()
    backup = backups.create(home, tmp_path / "backup.tar", made_by="a test", now=now)
    assert backup.lacking == (digest,)
    assert backups.restore(tmp_path / "backup.tar", Home(tmp_path / "other")).lacking == (digest,)


def test_a_newer_backup_is_refused(file: Path, tmp_path: Path) -> None:
    with tarfile.open(file) as old, tarfile.open(tmp_path / "newer.tar", "w") as new:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            if member.name == backups.MANIFEST:
                text = json.dumps({**json.load(stream), "format": 2}).encode()
                (tmp_path / "text").write_bytes(text)
                member.size, stream = len(text), (tmp_path / "text").open("rb")
            new.addfile(member, stream)
            stream.close()
    with pytest.raises(InvalidInput, match="newer Pratique"):
        backups.restore(tmp_path / "newer.tar", Home(tmp_path / "other"))


def test_a_home_that_was_never_used_has_no_backup(tmp_path: Path, now: datetime) -> None:
    with pytest.raises(NotFound, match="no database"):
        backups.create(Home(tmp_path / "none"), tmp_path / "backup.tar", made_by="a test", now=now)
    assert [*tmp_path.iterdir()] == []


def test_backups_and_prunings_wait_for_one_another(home: Home, tmp_path: Path, now: datetime) -> None:
    with backups.housekeeping(home), pytest.raises(Unavailable, match="goes on"):
        backups.create(home, tmp_path / "backup.tar", made_by="a test", now=now)


def test_a_copy_of_a_database_is_one_moment_of_it(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    script = """
        import sqlite3, sys
        connection = sqlite3.connect(sys.argv[1], isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE pairs (number INTEGER)")
        print("begun", flush=True)
        for number in range(300):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO pairs VALUES (?)", (number,))
            connection.execute("INSERT INTO pairs VALUES (?)", (number,))
            connection.execute("COMMIT")
    """
    writer = start_python(script, tmp_path / "busy.db")
    assert writer.stdout is not None
    writer.stdout.readline()
    for number in range(5):
        copy_database(tmp_path / "busy.db", tmp_path / f"copy-{number}.db")
    writer.communicate(timeout=60)
    for number in range(5):
        with closing(sqlite3.connect(tmp_path / f"copy-{number}.db")) as connection:
            counts = connection.execute("SELECT count(*) FROM pairs GROUP BY number").fetchall()
            assert {count for (count,) in counts} <= {2}


def test_a_restored_home_has_the_repositories(home: Home, tmp_path: Path, now: datetime) -> None:
    files, name = Repositories(home.repositories), "01a1fd07-abe9-7cbe-8d55-469fe578c6ba"
    files.make(name, "refs/heads/main")
    work = tmp_path / "work"
    settings = ["-c", "user.name=Ann", "-c", "user.email=ann@example.org", "-C", str(work)]
    subprocess.run(["git", "init", "--quiet", str(work)], check=True)
    subprocess.run(["git", *settings, "commit", "--quiet", "--allow-empty", "-m", "first"], check=True)
    subprocess.run(["git", *settings, "push", "--quiet", str(files.folder_of(name)), "HEAD:refs/heads/a;b"], check=True)
    backups.create(home, tmp_path / "with.tar", made_by="test", now=now)
    backups.restore(tmp_path / "with.tar", Home(tmp_path / "again"))
    again = Repositories(Home(tmp_path / "again").repositories)
    again.tidy([name])
    assert again.get(name).refs() == files.get(name).refs() != {}
    assert [one.message for one in again.get(name).commits("0" * 40, again.get(name).commit_of("refs/heads/a;b"))] == [
        "first\n"
    ]
