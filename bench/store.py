"""How fast the store is: commits, claims and wake-ups, on SQLite and, given one, on PostgreSQL.

    python bench/store.py [--folder FOLDER] [--postgresql URL]

FOLDER decides which disk is measured; the database of URL gets our tables and
should be an empty one. Prints Markdown. What is compared is measured turn by
turn in one run, so that the ratios hold where the numbers of another machine
differ.
"""

import argparse
import platform
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event, text

from pratique.base.ids import new_id
from pratique.store import events, groups, jobs, workspaces
from pratique.store.database import Database
from pratique.store.events import Event
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.migrate import migrate
from pratique.store.turns import Turns
from pratique.store.wake import CommitListener, Wake
from pratique.store.workspaces import Workspace

THREADS = 8
COMMITS = 400  # In a round, whatever the number of threads.
ROUNDS = 4  # Turn by turn over the variants; the machine is never quiet.
TOLD = Event("Pratique.Measured", "things/1", "/workspaces/dev", {"id": "1", "name": "ada"}, {"note": "x" * 200})


def milliseconds(seconds: list[float]) -> str:
    """Median, 99th percentile and maximum, in ms."""
    ordered = sorted(seconds)
    shown = (statistics.median(ordered), ordered[len(ordered) * 99 // 100], ordered[-1])
    return " | ".join(f"{seconds * 1e3:.2f}" for seconds in shown)


def row(name: str, *cells: object) -> None:
    print(f"| {name} | {' | '.join(map(str, cells))} |", flush=True)


def table(title: str, *columns: str) -> None:
    print(f"\n**{title}**\n\n| | {' | '.join(columns)} |\n|--{'|--' * len(columns)}|", flush=True)


def in_threads(work: Callable[[int], None], count: int) -> float:
    """Run `work` in `count` threads that begin together; seconds until the last has ended."""
    begin = threading.Barrier(count + 1)

    def one(number: int) -> None:
        begin.wait()
        work(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    begin.wait()
    started = time.perf_counter()
    for thread in threads:
        thread.join()
    return time.perf_counter() - started


def commits(databases: list[Database]) -> tuple[float, list[float]]:
    """Transactions that read the last event and append one, from as many threads as there are `databases`.

    Returns how many were committed in a second, and the seconds that each took.
    """
    took: list[float] = []

    def work(number: int) -> None:
        for _ in range(COMMITS // len(databases)):
            started = time.perf_counter()
            with databases[number].write() as tx:
                events.append(tx, TOLD, now=datetime.now(UTC))
            took.append(time.perf_counter() - started)

    return COMMITS / in_threads(work, len(databases)), took


class NoTurns(Turns):
    """Whoever asks goes straight to the database, and waits there in its way."""

    @contextmanager
    def turn(self, patience: float) -> Iterator[None]:  # noqa: ARG002
        yield


def without_turns(database: Database) -> Database:
    database._turns = NoTurns()
    return database


def compare_commits(make: Callable[[], Database], levels: tuple[str, str]) -> None:
    """Print the best round of each variant, and the times of all its rounds."""
    with ExitStack() as stack:

        def new(level: str) -> Database:
            return stack.enter_context(closing(prepared(make(), level)))

        variants = {
            f"{level}, {name}": databases
            for level in levels
            for name, databases in (
                ("1 thread", [new(level)]),
                (f"{THREADS} threads, in turns", [new(level)] * THREADS),
                (f"{THREADS} threads, at the pool", [without_turns(new(level))] * THREADS),
                (f"{THREADS} threads, each its own connection", [new(level) for _ in range(THREADS)]),
            )
        }
        speeds: dict[str, list[float]] = {name: [] for name in variants}
        times: dict[str, list[float]] = {name: [] for name in variants}
        for _ in range(ROUNDS):
            for name, databases in variants.items():
                speed, took = commits(databases)
                speeds[name].append(speed)
                times[name] += took
    for name in variants:
        row(name, f"{max(speeds[name]):,.0f}", milliseconds(times[name]))


def claims(name: str, database: Database, waiting: int, finished: int) -> None:
    """Claim, then release as Running, each job of those that wait among those that are finished."""
    now, took = datetime.now(UTC), []
    with database.write() as tx:
        for number in range(finished + waiting):
            jobs.add(tx, new_job(number, now, "Completed" if number < finished else "Queued"))
    for _ in range(waiting):
        started = time.perf_counter()
        with database.write() as tx:
            chosen = jobs.queue(tx, limit=1, now=now)[0].id
            found = jobs.claim(tx, chosen, now=now, lasting=timedelta(minutes=1))
        took.append(time.perf_counter() - started)
        assert found
        with database.write() as tx:
            assert jobs.release(tx, found[1], status="Completed")
    row(name, milliseconds(took))


def new_job(number: int, now: datetime, status: str) -> Job:
    created = now + timedelta(microseconds=number)
    return Job(new_id(), "dev", f"job-{new_id()}", {}, {}, {}, status, 0, "", "", False, False, None, {}, created,
               None, None, {})  # fmt: skip


def wakes(name: str, database: Database, wait: Callable[[int], int]) -> None:
    """From just before a commit until a thread that waits for it has read it."""
    seen, took, turns = threading.Semaphore(0), [], 100
    started = 0.0

    def follow() -> None:
        last, count = newest(database), 0
        for _ in range(turns):
            while newest(database) == last:
                count = wait(count)
            took.append(time.perf_counter() - started)
            last = newest(database)
            seen.release()

    follower = threading.Thread(target=follow)
    follower.start()
    for number in range(turns):
        time.sleep(0.05 + number % 7 / 100)  # So that the follower waits, and not in step with the commits.
        started = time.perf_counter()
        with database.write() as tx:
            events.append(tx, TOLD, now=datetime.now(UTC))
        seen.acquire()
    follower.join()
    row(name, milliseconds(took))


def newest(database: Database) -> int:
    with database.read() as tx:
        return events.last_sequence(tx)


def poll(seconds: float) -> Callable[[int], int]:
    def wait(count: int) -> int:
        time.sleep(seconds)
        return count

    return wait


def waiting_for(wake: Wake) -> Callable[[int], int]:
    return lambda count: wake.wait(count, timedelta(seconds=10))


def deferred(folder: Path, begin: str) -> None:
    """Read, then write, in transactions begun with `begin` and a timeout of 30 s."""
    path = folder / f"{begin.replace(' ', '-')}.db"
    with closing(sqlite3.connect(path)) as first:
        first.executescript("PRAGMA journal_mode=WAL; CREATE TABLE counter (n INTEGER); INSERT INTO counter VALUES (0)")
    failed: list[float] = []

    def work(_number: int) -> None:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            for _ in range(100):
                try:
                    connection.execute(begin)
                    (value,) = connection.execute("SELECT n FROM counter").fetchone()
                    started = time.perf_counter()
                    connection.execute("UPDATE counter SET n = ?", (value + 1,))
                    connection.execute("COMMIT")
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error):
                        raise
                    failed.append(time.perf_counter() - started)
                    connection.execute("ROLLBACK")

    in_threads(work, THREADS)
    row(f"`{begin}`", THREADS * 100, len(failed), f"{statistics.median(failed) * 1e3:.2f} ms" if failed else "none")


def prepared(database: Database, synchronous: str = "") -> Database:
    """`database`, with `synchronous` instead of what it sets itself."""
    if synchronous:

        @event.listens_for(database._engine, "connect")
        def _set(connection: Any, _record: Any) -> None:
            if database.url.get_backend_name() == "sqlite":
                connection.execute(f"PRAGMA synchronous={synchronous}")
            else:
                connection.execute(f"SET synchronous_commit = {synchronous}")
                connection.commit()

    return database


def begin(database: Database) -> None:
    """Tables, and the workspace that jobs need."""
    migrate(database)
    now = datetime.now(UTC)
    with database.write() as tx:
        if not groups.get(tx, "rg"):
            groups.add(tx, ResourceGroup("rg", "local", {}, now))
            workspaces.add(tx, Workspace("dev", "rg", "local", "", "", {}, now, {}))


def measure(name: str, make: Callable[[], Database], levels: tuple[str, str]) -> None:
    """Everything that is the same on both; `levels` are the safe and the lax way to commit."""
    with closing(make()) as database:
        begin(database)
        table(f"{name}: a commit that reads and appends an event", "commits/s, best round", "median ms", "p99", "max")
        compare_commits(make, levels)
        table(f"{name}: a claim, committed", "median ms", "p99", "max")
        claims("100 waiting", database, 100, 0)
        claims("100 waiting among 20,000 finished", database, 100, 20_000)
        table(f"{name}: from before the commit until another thread has read it", "median ms", "p99", "max")
        wake = Wake()
        database.on_commit(wake.notify)
        wakes("woken in the process", database, waiting_for(wake))
        wakes("looking every 0.5 s", database, poll(0.5))
        if database.url.get_backend_name() == "postgresql":
            with closing(make()) as other:
                heard = Wake()
                listener = CommitListener(other, heard.notify)
                listener.start()
                wakes("woken by NOTIFY over another connection", database, waiting_for(heard))
                listener.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on the disk to measure")
    parser.add_argument("--postgresql", metavar="URL", help="an empty database")
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.release()}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        table("SQLite: read, then write, 8 threads, timeout 30 s", "transactions", "database is locked", "failed after")
        for how in ("BEGIN", "BEGIN IMMEDIATE"):
            deferred(folder, how)
        measure("SQLite", lambda: Database.at(folder / "pratique.db"), ("FULL", "NORMAL"))
    if arguments.postgresql:
        with closing(Database(arguments.postgresql)) as database, database.read() as tx:
            print(f"\nPostgreSQL {tx.execute(text('SHOW server_version')).scalar_one()}")
        measure("PostgreSQL", lambda: Database(arguments.postgresql), ("on", "off"))


if __name__ == "__main__":
    main()
