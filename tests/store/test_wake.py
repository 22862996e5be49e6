"""Waiting for a commit, of this process and of others."""

import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier, active_count

from sqlalchemy import text

from pratique.store import groups
from pratique.store.database import CHANNEL, Database
from pratique.store.groups import ResourceGroup
from pratique.store.wake import CommitListener, Wake

LONG, NOT_AT_ALL = timedelta(seconds=60), timedelta()


def test_nothing_has_happened_before_the_first_ring() -> None:
    wake = Wake()
    assert wake.count == 0
    assert wake.wait(0, NOT_AT_ALL) == 0


def test_what_happened_before_waiting_is_not_missed() -> None:
    wake = Wake()
    seen = wake.count
    wake.notify()
    assert wake.wait(seen, LONG) == 1


def test_all_who_wait_are_woken() -> None:
    wake, here = Wake(), Barrier(6)

    def stay() -> int:
        seen = wake.count
        here.wait(60)
        return wake.wait(seen, LONG)

    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(stay) for _ in range(5)]
        here.wait(60)
        wake.notify()
        assert [future.result() for future in futures] == [1] * 5


def test_a_commit_wakes_and_a_rollback_does_not(database: Database, now: datetime) -> None:
    wake = Wake()
    database.on_commit(wake.notify)
    with database.write() as tx:
        groups.add(tx, ResourceGroup("a", "local", {}, now))
    assert wake.count == 1
    with database.read():
        pass
    try:
        with database.write() as tx:
            groups.add(tx, ResourceGroup("b", "local", {}, now))
            raise KeyError("a bug")
    except KeyError:
        assert wake.count == 1


def test_no_commit_is_missed_by_who_reads_the_count_first(database: Database, now: datetime) -> None:
    wake = Wake()
    database.on_commit(wake.notify)

    def follow() -> list[str]:
        while True:
            seen = wake.count
            with database.read() as tx:
                found = [group.name for group in groups.every(tx)]
            if "last" in found:
                return found
            assert wake.wait(seen, LONG) != seen

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(follow)
        for name in [*(f"g{number}" for number in range(20)), "last"]:
            with database.write() as tx:
                groups.add(tx, ResourceGroup(name, "local", {}, now))
        assert len(future.result()) == 22


WRITE_WHEN_TOLD = """
    import datetime, sys
    from pratique.store import groups
    from pratique.store.database import Database
    from pratique.store.groups import ResourceGroup
    database = Database(sys.argv[1])
    for name in sys.stdin:
        with database.write() as tx:
            groups.add(tx, ResourceGroup(name.strip(), "local", {}, datetime.datetime.now(datetime.UTC)))
"""


def heard_of(database: Database, wake: Wake, name: str) -> bool:
    """Wait until the group is there; False when nothing was heard for a minute."""
    while True:
        seen = wake.count
        with database.read() as tx:
            if groups.get(tx, name):
                return True
        if wake.wait(seen, LONG) == seen:
            return False


def test_a_commit_of_another_process_is_heard(
    database: Database, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    if database.url.get_backend_name() == "sqlite":
        return  # One server per home writes there; what another tool writes, polling finds.
    wake = Wake()
    listener = CommitListener(database, wake.notify)
    listener.start()
    writer = start_python(WRITE_WHEN_TOLD, database.url.render_as_string(hide_password=False))
    assert writer.stdin is not None
    for name in ("first", "second"):
        writer.stdin.write(f"{name}\n")
        writer.stdin.flush()
        assert heard_of(database, wake, name)
    before = active_count()
    listener.close()
    assert active_count() == before - 1


def test_a_listener_whose_connection_is_lost_listens_again(database: Database, now: datetime) -> None:
    if database.url.get_backend_name() == "sqlite":
        return
    wake = Wake()
    listener = CommitListener(database, wake.notify)
    listener.start()
    assert wake.wait(0, LONG) == 1  # It says so when it begins to listen.
    with database.read() as tx:
        listening = text("SELECT pid FROM pg_stat_activity WHERE query = :query AND datname = current_database()")
        pid = tx.execute(listening, {"query": f"LISTEN {CHANNEL}"}).scalar_one()
        tx.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    assert wake.wait(1, LONG) == 2
    with database.write() as tx:
        groups.add(tx, ResourceGroup("after", "local", {}, now))
    assert wake.wait(2, LONG) == 3
    listener.close()


def test_a_listener_that_finds_no_server_can_be_closed() -> None:
    database = Database("postgresql://me@/name?host=/nowhere")
    listener = CommitListener(database, lambda: None)
    listener.start()
    listener.close()
    database.close()
