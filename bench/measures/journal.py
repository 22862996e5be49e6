"""How fast the journal grows, and how long it takes to verify a million entries of it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.measures.home import table

from pratique.content import journal_verifier
from pratique.control.journal_key import JournalKey
from pratique.store import events, journal, seals
from pratique.store.database import Database
from pratique.store.events import Event
from pratique.store.migrate import migrate

ENTRIES = 1_000_000
_SINGLE = 4_000
_BATCH = 100
_IN_A_SEAL = 5_000
TOLD = Event("Pratique.Measured", "things/1", "/workspaces/dev", {"id": "1", "name": "ada"}, {"note": "x" * 200})


def measure(folder: Path | None = None) -> str:
    """Appending one by one and in batches, sealing, exporting, verifying; in a database of its own in `folder`."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="journal-") as name:
        place = Path(name)
        with closing(Database.at(place / "pratique.db")) as database:
            migrate(database)
            rows = [_one_by_one(database), _in_batches(database), *_verified(database, place)]
    heading = ["what", "entries", "seconds", "of them at work", "entries a second of work", "bar"]
    said = (
        "A change commits its event with it; a transaction that tells of several commits them together. Every row is "
        "read, hashed and compared, every seal's signature checked. Seconds at work are those of the processor: where "
        "other programs use the machine as well, they are what travels; a commit also waits for the disk."
    )
    return f"## The journal\n\n{said}\n\n{table(heading, rows)}"


class _Clock:
    """Seconds since it was made: on the wall, and of the processor, in this process and in those that ended since."""

    def __init__(self) -> None:
        self._began, self._work = time.perf_counter(), _work()

    def row(self, what: str, count: int, bar: str) -> list[str]:
        """A line of the table, which is also said at once: all of it takes a while."""
        seconds, work = time.perf_counter() - self._began, _work() - self._work
        cells = [what, f"{count:,}", f"{seconds:.1f}", f"{work:.1f}", f"{count / work:,.0f}", bar]
        print(" ".join(cells), file=sys.stderr, flush=True)
        return cells


def _work() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def _one_by_one(database: Database) -> list[str]:
    clock = _Clock()
    for _ in range(_SINGLE):
        with database.write() as tx:
            events.append(tx, TOLD, now=datetime.now(UTC))
    return clock.row("append, each in a commit of its own", _SINGLE, "–")


def _in_batches(database: Database) -> list[str]:
    count, clock = 0, _Clock()
    while count < 10 * _SINGLE:
        with database.write() as tx:
            events.append_all(tx, [(TOLD, datetime.now(UTC))] * _BATCH)
        count += _BATCH
    return clock.row(f"append, {_BATCH} in a commit", count, "≥ 2,000/s")


def _verified(database: Database, place: Path) -> Iterator[list[str]]:
    key = JournalKey(place)
    _fill(database, key)
    with database.read() as tx:
        head = seals.newest(tx)
    assert head is not None
    keys = journal_verifier.read_keys(key.public()[1])
    clock = _Clock()
    found = journal_verifier.verify(journal.lines(database), keys, head.to_document())
    yield clock.row("`audit verify`, read from the database", found.events, "< 60 s")
    clock = _Clock()
    with (place / "journal.jsonl").open("w", encoding="utf-8") as target:
        target.writelines(f"{line}\n" for line in journal.lines(database))
    yield clock.row("`audit export`", found.events, "–")
    (place / "key.pem").write_text(key.public()[1])
    argv = [sys.executable, "-I", journal_verifier.__file__, str(place / "journal.jsonl"), str(place / "key.pem")]
    clock = _Clock()
    subprocess.run(argv, check=True, capture_output=True, timeout=3600)
    yield clock.row("the verifier alone, on the exported file", found.events, "< 60 s")


def _fill(database: Database, key: JournalKey) -> None:
    """Write what lacks to a million, a seal for each of some thousands."""
    now, signer = datetime.now(UTC), key.signer()
    with database.read() as tx:
        count = events.last_sequence(tx)
    while count < ENTRIES:
        with database.write(seals.TOPIC) as tx:
            more = min(_IN_A_SEAL, ENTRIES - count)
            events.append_all(tx, [(TOLD, now + timedelta(milliseconds=number)) for number in range(more)])
        count += more
        with database.write(seals.TOPIC) as tx:
            seal = seals.due(tx, signer, now=now)
            assert seal is not None
            assert seals.add(tx, seal)


if __name__ == "__main__":
    print(measure(Path(sys.argv[1]) if sys.argv[1:] else None))
