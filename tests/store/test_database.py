"""Transactions: one writer at a time, readers with one snapshot, errors in our words."""

import os
import resource
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from threading import Barrier, Event

import pytest
from sqlalchemy import URL, func, insert, select, text

from pratique.base.errors import InvalidInput, StorageFailed, Unavailable
from pratique.store import groups, workspaces
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.migrate import migrate
from pratique.store.schema import resource_groups

THREADS = 8


def raise_number(database: Database, times: int) -> None:
    """Read, then write what was read plus one: the transaction that SQLite refuses when it begins deferred."""
    for _ in range(times):
        with database.write() as tx:
            group = groups.get(tx, "rg")
            assert group is not None
            number = int(group.tags.get("number", "0")) + 1
            groups.change(tx, ResourceGroup("rg", "local", {"number": str(number)}, group.created_at))


def number(database: Database) -> int:
    with database.read() as tx:
        group = groups.get(tx, "rg")
        assert group is not None
        return int(group.tags["number"])


def test_a_write_that_reads_first_never_finds_the_database_locked(database: Database) -> None:
    begin = Barrier(THREADS)

    def work() -> None:
        begin.wait()
        raise_number(database, 25)

    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(work) for _ in range(THREADS)]:
            future.result()
    assert number(database) == THREADS * 25


def test_a_write_that_reads_first_waits_for_other_processes_as_well(
    database: Database, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    script = """
        import sys
        from pratique.store import groups
        from pratique.store.database import Database
        from pratique.store.groups import ResourceGroup
        database = Database(sys.argv[1])
        print("ready", flush=True)
        input()
        for _ in range(25):
            with database.write() as tx:
                group = groups.get(tx, "rg")
                number = int(group.tags.get("number", "0")) + 1
                groups.change(tx, ResourceGroup("rg", "local", {"number": str(number)}, group.created_at))
    """
    writers = [start_python(script, database.url.render_as_string(hide_password=False)) for _ in range(2)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    raise_number(database, 25)
    for writer in writers:
        _, complaints = writer.communicate(timeout=120)
        assert writer.returncode == 0, complaints
    assert number(database) == 3 * 25


def test_threads_that_open_a_new_database_at_once_all_get_in(empty_database: Database) -> None:
    begin = Barrier(THREADS)

    def look() -> int:
        begin.wait()
        with empty_database.read() as tx:
            return int(tx.execute(select(func.count()).select_from(text("(SELECT 1) AS one"))).scalar_one())

    with ThreadPoolExecutor(THREADS) as pool:
        assert [future.result() for future in [pool.submit(look) for _ in range(THREADS)]] == [1] * THREADS


def test_a_reader_sees_one_moment_whatever_is_written_meanwhile(database: Database, now: datetime) -> None:
    with database.read() as reader:
        before = [group.name for group in groups.every(reader)]
        with database.write() as writer:
            groups.add(writer, ResourceGroup("later", "local", {}, now))
        assert [group.name for group in groups.every(reader)] == before == ["rg"]
    with database.read() as reader:
        assert [group.name for group in groups.every(reader)] == ["later", "rg"]


def test_a_reader_does_not_wait_for_a_writer(database: Database, now: datetime) -> None:
    with database.write() as writer:
        groups.add(writer, ResourceGroup("later", "local", {}, now))
        with database.read() as reader:
            assert groups.get(reader, "later") is None


def test_a_reader_cannot_write(database: Database, now: datetime) -> None:
    def write_as_reader() -> None:
        with database.read() as tx:
            groups.add(tx, ResourceGroup("sly", "local", {}, now))

    with pytest.raises(StorageFailed):
        write_as_reader()
    with database.read() as tx:
        assert groups.get(tx, "sly") is None


def test_a_write_that_raises_writes_nothing_and_wakes_nobody(database: Database, now: datetime) -> None:
    woken: list[str] = []
    database.on_commit(lambda: woken.append("again"))

    def fail() -> None:
        with database.write() as tx:
            groups.add(tx, ResourceGroup("half", "local", {}, now))
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        fail()
    with database.read() as tx:
        assert groups.get(tx, "half") is None
    assert woken == []


def test_whoever_asked_is_woken_after_the_commit_and_sees_it(database: Database, now: datetime) -> None:
    seen: list[bool] = []

    def look() -> None:
        with database.read() as tx:
            seen.append(groups.get(tx, "new") is not None)

    database.on_commit(look)
    with database.write() as tx:
        groups.add(tx, ResourceGroup("new", "local", {}, now))
        assert seen == []
    assert seen == [True]


def test_a_write_outlives_the_process_that_is_killed_after_it(
    database: Database, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    script = """
        import datetime, sys, time
        from pratique.store import groups
        from pratique.store.database import Database
        from pratique.store.groups import ResourceGroup
        database = Database(sys.argv[1])
        now = datetime.datetime.now(datetime.UTC)
        with database.write() as tx:
            groups.add(tx, ResourceGroup("committed", "local", {}, now))
        with database.write() as tx:
            groups.add(tx, ResourceGroup("half", "local", {}, now))
            print("now", flush=True)
            time.sleep(600)
    """
    writer = start_python(script, database.url.render_as_string(hide_password=False))
    assert writer.stdout is not None
    assert writer.stdout.readline() == "now\n"
    writer.kill()
    writer.wait()
    with database.write() as tx:
        assert groups.get(tx, "committed") is not None
        assert groups.get(tx, "half") is None


def test_a_process_that_ends_leaves_the_log_of_those_that_go_on(tmp_path: Path, run_python: Callable[..., str]) -> None:
    database = Database.at(tmp_path / "pratique.db")
    migrate(database)
    with database.read(), database.read(), database.write() as tx:  # Connections that are made one after another.
        assert groups.every(tx) == []
    log = tmp_path / "pratique.db-wal"
    before = log.stat().st_ino
    script = """
        import sys
        from pathlib import Path
        from sqlalchemy import text
        from pratique.store.database import Database

        database = Database.at(Path(sys.argv[1]))
        with database.write() as tx:
            tx.execute(text("CREATE TABLE theirs (x)"))
        database.close()
    """
    run_python(script, str(tmp_path / "pratique.db"))
    assert log.stat().st_ino == before
    database.close()


def test_foreign_keys_hold(database: Database) -> None:
    with database.write() as tx:
        workspaces.remove(tx, "dev")
        assert workspaces.get(tx, "dev") is None
    with pytest.raises(Exception, match=r"(?i)foreign key"), database.write() as tx:
        groups.remove(tx, "rg")


def test_what_json_cannot_hold_is_refused_by_both(database: Database, now: datetime) -> None:
    with pytest.raises(Exception, match="not JSON compliant"), database.write() as tx:
        tx.execute(
            insert(resource_groups).values(name="odd", location="local", tags={"x": float("nan")}, created_at=now)
        )


def test_nobody_else_may_read_the_database(tmp_path: Path) -> None:
    database = Database.at(tmp_path / "pratique.db")
    with database.write() as tx:
        tx.exec_driver_sql("CREATE TABLE things (id INTEGER)")
    files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    database.close()
    assert files == dict.fromkeys(("pratique.db", "pratique.db-shm", "pratique.db-wal"), 0o600)


@pytest.mark.parametrize("name", ["per%20cent", "what?mode=ro", "ha#sh", "two words", "ünïcode", "co:lon@at"])
def test_a_home_may_have_any_name(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    database = Database.at(folder / "pratique.db")
    migrate(database)
    database.close()
    assert (folder / "pratique.db").stat().st_size > 0


@pytest.mark.parametrize(
    "url", ["mysql://me@host/name", "sqlite://", "sqlite:///:memory:", "not a url", "oracle://x", "postgresql+psycopg2://h/n"]
)  # fmt: skip
def test_a_database_that_we_do_not_know_is_refused_with_what_is_expected(url: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Database(url)
    assert "postgresql://" in raised.value.hint


def test_the_url_shows_no_password_when_it_is_printed() -> None:
    database = Database("postgresql://me:hunter2@localhost/name")
    assert "hunter2" not in f"{database.url} {database.url!r}"


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    database = Database(URL.create("postgresql", database="name", query={"host": str(tmp_path)}))
    with pytest.raises(Unavailable, match="does not answer"), database.read():
        pass


def test_a_connection_that_the_server_ended_is_replaced(database: Database) -> None:
    if database.url.get_backend_name() == "sqlite":
        return
    with database.read() as tx:
        first = tx.execute(text("SELECT pg_backend_pid()")).scalar_one()
    other = Database(database.url)
    with other.write() as tx:
        tx.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})
    other.close()
    with database.read() as tx:
        assert tx.execute(text("SELECT 1")).scalar_one() == 1


def test_a_turn_that_does_not_come_is_unavailable(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.store.database._PATIENCE", 1)
    impatient = Database(database.url)
    with database.write(), pytest.raises(Unavailable, match="busy"), impatient.write():
        pass
    with impatient.write(), pytest.raises(Unavailable, match="busy"), impatient.write():
        pass
    impatient.close()


def test_a_commit_that_fails_leaves_nothing_to_the_next_writer(database: Database, now: datetime) -> None:
    if database.url.get_backend_name() != "sqlite":
        return  # Its pool rolls back whatever comes back.

    def fail() -> None:
        with database.write() as tx:
            tx.exec_driver_sql("PRAGMA defer_foreign_keys=ON")  # So it is the commit that fails, and stays open.
            groups.add(tx, ResourceGroup("half", "local", {}, now))
            groups.remove(tx, "rg")

    with pytest.raises(Exception, match=r"(?i)foreign key"):
        fail()
    with database.write() as tx:
        assert [group.name for group in groups.every(tx)] == ["rg"]


def test_a_reader_that_raises_sees_what_came_later_when_it_reads_again(database: Database, now: datetime) -> None:
    def fail() -> None:
        with database.read() as tx:
            assert groups.get(tx, "later") is None
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        fail()
    with database.write() as tx:
        groups.add(tx, ResourceGroup("later", "local", {}, now))
    with database.read() as tx:
        assert groups.get(tx, "later") is not None


def test_readers_beyond_those_that_may_be_are_told_that_it_is_busy(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_PATIENCE", "_MOST", "_KEPT"):
        monkeypatch.setattr(f"pratique.store.database.{name}", 1)
    narrow = Database(database.url)
    with narrow.read(), pytest.raises(Unavailable, match="busy"), narrow.read():
        pass
    with narrow.read() as tx:
        assert groups.get(tx, "rg") is not None
    narrow.close()


def test_a_database_that_was_closed_opens_again(database: Database) -> None:
    with database.read() as tx:
        assert groups.get(tx, "rg") is not None
    database.close()
    with database.read() as tx:
        assert groups.get(tx, "rg") is not None


def test_more_readers_than_the_web_has_threads_are_served(database: Database) -> None:
    here, leave = Barrier(41), Event()

    def stay() -> None:
        with database.read() as tx:
            tx.execute(text("SELECT 1"))
            here.wait(60)
            leave.wait(60)

    with ThreadPoolExecutor(40) as pool:
        futures = [pool.submit(stay) for _ in range(40)]
        here.wait(60)
        leave.set()
        for future in futures:
            future.result()


FILL = """
    import datetime, sys
    from pathlib import Path
    from pratique.base.errors import StorageFailed
    from pratique.store import groups
    from pratique.store.database import Database
    from pratique.store.groups import ResourceGroup
    {limit}
    database = Database.at(Path(sys.argv[1]))
    now, written = datetime.datetime.now(datetime.UTC), 0
    try:
        for number in range(1000):
            with database.write() as tx:
                groups.add(tx, ResourceGroup(f"group-{{number}}", "local", {{"text": "x" * 65536}}, now))
            written += 1
    except StorageFailed as error:
        print(written, error.message)
"""


def count_after_disk_full(path: Path, printed: str) -> None:
    written, said = printed.split(" ", 1)
    assert "cannot be written" in said
    database = Database.at(path)
    with database.write() as tx:
        kept = [group.name for group in groups.every(tx) if group.name.startswith("group-")]
    database.close()
    assert len(kept) == int(written) > 0


def test_a_full_disk_is_said_and_keeps_what_was_committed(tmp_path: Path, run_python: Callable[..., str]) -> None:
    database = Database.at(tmp_path / "pratique.db")
    migrate(database)
    database.close()
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, {resource.RLIM_INFINITY}))"
    count_after_disk_full(tmp_path / "pratique.db", run_python(FILL.format(limit=limit), tmp_path / "pratique.db"))


def test_a_read_only_home_is_said(tmp_path: Path, run_python: Callable[..., str]) -> None:
    home = tmp_path / "home"
    home.mkdir()
    migrated = Database.at(home / "pratique.db")
    migrate(migrated)
    migrated.close()
    os.chmod(home / "pratique.db", 0o400)
    os.chmod(home, 0o500)
    try:
        said = run_python(FILL.format(limit=""), home / "pratique.db")
    finally:
        os.chmod(home, 0o700)
    assert said.startswith("0 the database cannot be written")
