"""How fast the journal grows, and how long it takes to verify a million entries of it."""

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
_IN_A_SEAL = 1_000
TOLD = Event("Pratique.Measured", "things/1", "/workspaces/dev", {"id": "1", "name": "ada"}, {"note": "x" * 200})


def measure(folder: Path | None = None) -> str:
    """Appending one by one and in batches, sealing, exporting, verifying; in a database of its own in `folder`."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="journal-") as name:
        place = Path(name)
        with closing(Database.at(place / "pratique.db")) as database:
            migrate(database)
            rows = [_one_by_one(database), _in_batches(database), *_verified(database, place)]
    heading = ["what", "entries", "seconds", "entries/s", "bar"]
    said = (
        "A change commits its event with it; a transaction that tells of several commits them together. Every row is "
        "read, hashed and compared, every seal's signature checked."
    )
    return f"## The journal\n\n{said}\n\n{table(heading, rows)}"


def _row(what: str, count: int, seconds: float, bar: str) -> list[str]:
    return [what, f"{count:,}", f"{seconds:.1f}", f"{count / seconds:,.0f}", bar]


def _one_by_one(database: Database) -> list[str]:
    began = time.perf_counter()
    for _ in range(_SINGLE):
        with database.write() as tx:
            events.append(tx, TOLD, now=datetime.now(UTC))
    return _row("append, each in a commit of its own", _SINGLE, time.perf_counter() - began, "–")


def _in_batches(database: Database) -> list[str]:
    count, began = 0, time.perf_counter()
    while count < 10 * _SINGLE:
        with database.write() as tx:
            events.append_all(tx, [(TOLD, datetime.now(UTC))] * _BATCH)
        count += _BATCH
    return _row(f"append, {_BATCH} in a commit", count, time.perf_counter() - began, "≥ 2,000/s")


def _verified(database: Database, place: Path) -> Iterator[list[str]]:
    key = JournalKey(place)
    _fill(database, key)
    with database.read() as tx:
        head = seals.newest(tx)
    assert head is not None
    keys = journal_verifier.read_keys(key.public()[1])
    began = time.perf_counter()
    found = journal_verifier.verify(journal.lines(database), keys, head.to_document())
    yield _row("`audit verify`, read from the database", found.events, time.perf_counter() - began, "< 60 s")
    began = time.perf_counter()
    with (place / "journal.jsonl").open("w", encoding="utf-8") as target:
        target.writelines(f"{line}\n" for line in journal.lines(database))
    yield _row("`audit export`", found.events, time.perf_counter() - began, "–")
    (place / "key.pem").write_text(key.public()[1])
    argv = [sys.executable, "-I", journal_verifier.__file__, str(place / "journal.jsonl"), str(place / "key.pem")]
    began = time.perf_counter()
    subprocess.run(argv, check=True, capture_output=True, timeout=600)
    yield _row("the verifier alone, on the exported file", found.events, time.perf_counter() - began, "< 60 s")


def _fill(database: Database, key: JournalKey) -> None:
    """Write what lacks to a million, a seal for each thousand."""
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
