"""The journal: no gap, one order, and no change of the past that goes unseen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from pratique.store import events
from pratique.store.database import Database
from pratique.store.events import GENESIS, Event
from pratique.store.schema import events as table

ACTOR = {"id": "1", "name": "ada", "type": "user"}


def event(number: int = 0, **data: Any) -> Event:
    return Event("Pratique.Tested", f"things/{number}", "/workspaces/dev", ACTOR, data)


@pytest.fixture
def journal(database: Database, now: datetime) -> Database:
    """A database with the events 1 to 6."""
    with database.write() as tx:
        for number in range(1, 7):
            events.append(tx, event(number, count=number), now=now)
    return database


def first_broken(database: Database, seen: tuple[int, str] | None = None) -> int | None:
    with database.read() as tx:
        return events.first_broken(tx, seen=seen)


def test_numbers_begin_at_one_and_the_chain_at_its_genesis(database: Database, now: datetime) -> None:
    with database.write() as tx:
        assert events.last_sequence(tx) == 0
        assert events.append(tx, event(), now=now) == 1
        assert events.append(tx, event(), now=now) == 2
        first, second = events.after(tx, 0)
    assert first.previous_hash == GENESIS
    assert second.previous_hash == first.hash
    assert first_broken(database) is None


def test_what_is_read_is_what_was_written(database: Database, now: datetime) -> None:
    told = Event("Pratique.Tested", "a/b:1", "/", ACTOR, {"n": 0.1, "text": "ü\n\"'", "list": [1, None]}, ("x", "y"))
    with database.write() as tx:
        events.append(tx, told, now=now)
    with database.read() as tx:
        (read,) = events.after(tx, 0)
    assert (read.type, read.subject, read.source, read.time) == (told.type, told.subject, told.source, now)
    assert (read.actor, read.data, read.targets) == (ACTOR, told.data, ["x", "y"])


def test_reading_goes_on_where_it_stopped(journal: Database) -> None:
    with journal.read() as tx:
        assert [one.sequence for one in events.after(tx, 0, limit=4)] == [1, 2, 3, 4]
        assert [one.sequence for one in events.after(tx, 4, limit=4)] == [5, 6]
        assert events.after(tx, 6) == []
        assert [one.sequence for one in events.newest(tx, limit=2)] == [5, 6]


def test_a_page_of_some_sources_is_full_of_theirs(database: Database, now: datetime) -> None:
    with database.write() as tx:
        for source in ("/a", "/b", "/", "/a", "/b", "/a"):
            events.append(tx, Event("Pratique.Tested", "x", source, ACTOR), now=now)
        assert [one.sequence for one in events.after(tx, 1, limit=2, sources=["/a"])] == [4, 6]
        assert [one.sequence for one in events.newest(tx, limit=3, sources=["/a", "/"])] == [3, 4, 6]
        assert events.newest(tx, limit=3, sources=[]) == events.after(tx, 0, sources=[]) == []


def test_writers_that_come_at_once_leave_no_gap_and_one_chain(database: Database, now: datetime) -> None:
    begin = Barrier(8)

    def work(writer: int) -> None:
        begin.wait()
        for number in range(20):
            try:
                with database.write() as tx:
                    events.append(tx, event(number, writer=writer), now=now)
                    if number % 5 == 4:
                        raise ValueError("rolled back")
            except ValueError:
                continue

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, writer) for writer in range(8)]:
            future.result()
    with database.read() as tx:
        assert [one.sequence for one in events.after(tx, 0, limit=1000)] == list(range(1, 8 * 16 + 1))
    assert first_broken(database) is None


@pytest.mark.parametrize(
    "data",
    [{2: "a", 10: "b"}, {"pair": (1, 2)}, {"deep": {"é": [1e-7, 1e22, -0.0]}}, {"big": 2**60}, {"s": "\u2028😀"}],
)
def test_whatever_json_holds_verifies_after_it_was_read_back(
    database: Database, now: datetime, data: dict[Any, Any]
) -> None:
    with database.write() as tx:
        events.append(tx, Event("Pratique.Tested", "x", "/", ACTOR, data), now=now)
    assert first_broken(database) is None


def test_a_number_that_is_none_is_refused(database: Database, now: datetime) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"), database.write() as tx:
        events.append(tx, event(loss=float("nan")), now=now)


EDITS: dict[str, Any] = {
    "id": "another",
    "type": "Pratique.Other",
    "source": "/",
    "subject": "models/other:1",
    "time": datetime(2020, 1, 1, tzinfo=UTC),
    "actor": {**ACTOR, "name": "eve"},
    "targets": ["somebody"],
    "data": {"count": 4, "approved": True},
    "reason": "because",
    "previous_hash": "0" * 64,
    "hash": "f" * 64,
}


def test_an_edit_of_any_column_is_tried_below() -> None:
    assert set(EDITS) | {"sequence"} == set(table.c.keys())


@pytest.mark.parametrize("column", EDITS)
def test_an_event_that_was_edited_is_found(journal: Database, column: str) -> None:
    with journal.write() as tx:
        tx.execute(update(table).where(table.c.sequence == 4).values({column: EDITS[column]}))
    assert first_broken(journal) == 4


def test_an_event_that_was_edited_and_hashed_again_is_found_at_the_next(journal: Database) -> None:
    with journal.write() as tx:
        row = dict(tx.execute(select(table).where(table.c.sequence == 4)).one()._mapping)
        row["data"] = {"count": 4, "approved": True}
        row["hash"] = events.chained_hash(row)
        tx.execute(update(table).where(table.c.sequence == 4).values(row))
    assert first_broken(journal) == 5


def test_an_event_that_was_deleted_is_found(journal: Database) -> None:
    with journal.write() as tx:
        tx.execute(delete(table).where(table.c.sequence == 3))
    assert first_broken(journal) == 3


def test_a_first_event_that_was_deleted_is_found(journal: Database) -> None:
    with journal.write() as tx:
        tx.execute(delete(table).where(table.c.sequence == 1))
    assert first_broken(journal) == 1


def test_a_gap_that_was_closed_is_found(journal: Database) -> None:
    with journal.write() as tx:
        tx.execute(delete(table).where(table.c.sequence == 3))
        for number in (4, 5, 6):
            tx.execute(update(table).where(table.c.sequence == number).values(sequence=number - 1))
    assert first_broken(journal) == 3


def test_events_that_changed_places_are_found(journal: Database) -> None:
    with journal.write() as tx:
        for old, new in ((2, 99), (5, 2), (99, 5)):
            tx.execute(update(table).where(table.c.sequence == old).values(sequence=new))
    assert first_broken(journal) == 2


def test_an_end_that_was_cut_off_is_found_by_whoever_kept_a_hash_of_it(journal: Database) -> None:
    with journal.read() as tx:
        last = events.after(tx, 5)[0]
    seen = (last.sequence, last.hash)
    assert first_broken(journal, seen) is None
    with journal.write() as tx:
        tx.execute(delete(table).where(table.c.sequence >= 5))
    assert first_broken(journal) is None
    assert first_broken(journal, seen) == 5


def test_a_chain_that_was_written_anew_is_found_by_whoever_kept_a_hash_of_it(journal: Database, now: datetime) -> None:
    with journal.read() as tx:
        fourth = events.after(tx, 3)[0]
    with journal.write() as tx:
        tx.execute(delete(table))
        for number in range(1, 7):
            events.append(tx, event(number, count=number, forged=True), now=now)
    assert first_broken(journal) is None
    assert first_broken(journal, (fourth.sequence, fourth.hash)) == 4


def test_a_long_chain_is_read_in_pieces(database: Database, now: datetime) -> None:
    with database.write() as tx:
        for number in range(1100):
            events.append(tx, event(number), now=now)
    assert first_broken(database) is None
