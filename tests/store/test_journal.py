"""The journal with its seals: whatever is done to it afterwards is found."""

import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import Connection, delete, insert, select, update

from pratique.base import reason
from pratique.base.errors import StorageFailed
from pratique.content import journal_verifier
from pratique.content.journal_verifier import GENESIS, NotWholeError, Verified, key_name, verify
from pratique.store import events, journal, seals
from pratique.store.database import Database
from pratique.store.events import Event, chained_hash
from pratique.store.schema import events as event_table
from pratique.store.schema import journal_seals as seal_table
from pratique.store.seals import Seal, Signer

ADA: Final = {"id": "1", "name": "ada", "type": "user"}
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
NEXT: Final = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
KEYS: Final = {key_name(KEY.public_key()): KEY.public_key()}
PRIVATE: Final = {key_name(key.public_key()): key for key in (KEY, NEXT, OTHER)}
CHANGED: Final = 33
"""The event that changes the key, from KEY to NEXT."""


def signer_of(key: Ed25519PrivateKey) -> Signer:
    return Signer(key_name(key.public_key()), lambda said: key.sign(said.encode()).hex())


def told(number: int) -> Event:
    data = {"count": number, "note": "ü" * (number % 3), "list": [1.5, None, {"b": True, "a": "x"}]}
    return Event(f"Pratique.Tested{'AB'[number % 2]}", f"things/{number}", "/workspaces/dev", ADA, data, ("a", "b"))


def pem_of(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def change_of(old: Ed25519PrivateKey, new: Ed25519PrivateKey, *, signed_by: Ed25519PrivateKey | None = None) -> Event:
    """A change of keys; `signed_by` stands in for the old one."""
    names = key_name(old.public_key()), key_name(new.public_key())
    said = {"format": 1, "old": names[0], "old_key": pem_of(old), "new": names[1], "new_key": pem_of(new)}
    text_of = journal_verifier.canonical(said).encode()
    signatures = dict(zip(names, (one.sign(text_of).hex() for one in (signed_by or old, new)), strict=True))
    return Event(journal_verifier.CHANGED, "audit/key", "/", ADA, {"statement": said, "signatures": signatures})


def seal_next(database: Database, now: datetime) -> Seal | None:
    with database.write() as tx:
        key = PRIVATE[seals.key_wanted(tx) or key_name(KEY.public_key())]
        seal = seals.due(tx, signer_of(key), now=now)
        assert seal is None or seals.add(tx, seal)
    return seal


@pytest.fixture
def sealed(database: Database, now: datetime) -> Database:
    """A journal of 60 events under 8 seals, the last four with another key, and 3 events that none covers yet."""
    number = 0
    for batch in (1, 5, 10, 4, 12, 8, 9, 11):
        with database.write() as tx:
            for _ in range(batch):
                number += 1
                one = change_of(KEY, NEXT) if number == CHANGED else told(number)
                with reason.bound("because" if number % 4 else ""):
                    events.append(tx, one, now=now + timedelta(seconds=number))
        seal_next(database, now + timedelta(seconds=number, milliseconds=700))
    with database.write() as tx:
        for _ in range(3):
            number += 1
            events.append(tx, told(number), now=now + timedelta(seconds=number))
    return database


def kept_head(database: Database) -> dict[str, Any]:
    with database.read() as tx:
        head = seals.newest(tx)
    assert head is not None
    return head.to_document()


def verified(database: Database, kept: dict[str, Any] | None = None, key: Ed25519PrivateKey = KEY) -> Verified:
    lines = [*journal.lines(database)]
    return verify(lines, {key_name(key.public_key()): key.public_key()}, kept, journal_verifier.changes_in(lines))


def test_an_untouched_journal_is_whole_and_says_what_it_was_compared_with(sealed: Database) -> None:
    found = verified(sealed)
    assert (found.events, found.seals, found.unsealed, found.compared_to) == (63, 8, 3, None)
    assert verified(sealed, kept_head(sealed)).compared_to == 60


def test_a_head_of_an_earlier_day_still_fits(database: Database, now: datetime) -> None:
    with database.write() as tx:
        events.append(tx, told(1), now=now)
    seal_next(database, now)
    kept = kept_head(database)
    with database.write() as tx:
        events.append(tx, told(2), now=now)
    seal_next(database, now)
    assert verified(database, kept).compared_to == 1


def test_a_seal_covers_what_came_since_the_one_before(sealed: Database) -> None:
    with sealed.read() as tx:
        rows = [(row.number, row.first, row.last) for row in tx.execute(select(seal_table))]
    assert rows[:3] == [(1, 1, 1), (2, 2, 6), (3, 7, 16)]


def test_nothing_new_is_not_sealed(sealed: Database, now: datetime) -> None:
    assert seal_next(sealed, now) is not None
    assert seal_next(sealed, now) is None


def test_of_two_who_seal_the_same_one_writes(sealed: Database, now: datetime) -> None:
    with sealed.write() as tx:
        seal = seals.due(tx, signer_of(NEXT), now=now)
        assert seal is not None
        assert seals.add(tx, seal)
        assert not seals.add(tx, seal)


def test_what_does_not_follow_is_not_sealed(sealed: Database, now: datetime) -> None:
    with sealed.write() as tx:
        tx.execute(update(event_table).where(event_table.c.sequence == 62).values(subject="things/other"))
    with pytest.raises(StorageFailed, match="event 62"):
        seal_next(sealed, now)


def test_a_cut_end_shows_only_against_a_head_that_was_kept(sealed: Database) -> None:
    kept = kept_head(sealed)
    with sealed.write() as tx:
        tx.execute(delete(event_table).where(event_table.c.sequence > 49))
        tx.execute(delete(seal_table).where(seal_table.c.number > 7))
    assert verified(sealed).compared_to is None
    with pytest.raises(NotWholeError, match="cut off"):
        verified(sealed, kept)


# --- a thousand tamperings -------------------------------------------------------------------------------------------

Tamper = Callable[[Connection, random.Random], None]
EVENTS: Final = 63
SEALED: Final = 60
SEALS: Final = 8


@contextmanager
def undone(database: Database) -> Iterator[Connection]:
    """A transaction that leaves nothing."""
    with database.write() as tx:
        yield tx
        tx.rollback()


def flip(table: str, key: str, column: str, numbers: int) -> Tamper:
    """Change one byte of one column of one row, as somebody with an editor for the file does."""
    read = f"SELECT typeof({column}), {column} FROM {table} WHERE {key} = ?"  # noqa: S608 - names of columns.
    write = f"UPDATE OR REPLACE {table} SET {column} = CAST(? AS {{}}) WHERE {key} = ?"  # noqa: S608

    def tamper(tx: Connection, chance: random.Random) -> None:
        number = chance.randint(1, numbers)
        kind, value = tx.exec_driver_sql(read, (number,)).one()
        if kind == "integer":
            tx.exec_driver_sql(write.format("INTEGER"), (value ^ (1 << chance.randrange(16)), number))
            return
        raw = bytearray(value.encode() or b"x")
        if value:
            at = chance.randrange(len(raw))
            raw[at] = chance.choice([byte for byte in range(256) if byte != raw[at]])
        tx.exec_driver_sql(write.format("TEXT"), (bytes(raw), number))

    return tamper


def delete_event(tx: Connection, chance: random.Random) -> None:
    tx.execute(delete(event_table).where(event_table.c.sequence == chance.randint(1, EVENTS - 1)))


def delete_and_close_the_gap(tx: Connection, chance: random.Random) -> None:
    gone = chance.randint(1, EVENTS - 1)
    tx.execute(delete(event_table).where(event_table.c.sequence == gone))
    tx.execute(update(event_table).where(event_table.c.sequence > gone).values(sequence=-event_table.c.sequence))
    tx.execute(update(event_table).where(event_table.c.sequence < 0).values(sequence=-event_table.c.sequence - 1))


def delete_seal(tx: Connection, chance: random.Random) -> None:
    tx.execute(delete(seal_table).where(seal_table.c.number == chance.randint(1, SEALS)))


def insert_event(tx: Connection, chance: random.Random) -> None:
    """Put a row between two others, chained to the one before it."""
    before = chance.randint(1, EVENTS - 1)
    row = dict(tx.execute(select(event_table).where(event_table.c.sequence == before)).one()._mapping)
    tx.execute(update(event_table).where(event_table.c.sequence > before).values(sequence=-event_table.c.sequence))
    tx.execute(update(event_table).where(event_table.c.sequence < 0).values(sequence=-event_table.c.sequence + 1))
    new = {**row, "sequence": before + 1, "id": f"new-{before}", "previous_hash": row["hash"]}
    tx.execute(insert(event_table).values(**{**new, "hash": chained_hash(new)}))


def swap_events(tx: Connection, chance: random.Random) -> None:
    one, other = chance.sample(range(1, EVENTS + 1), 2)
    for source, target in ((one, -1), (other, one), (-1, other)):
        tx.execute(update(event_table).where(event_table.c.sequence == source).values(sequence=target))


def swap_seals(tx: Connection, chance: random.Random) -> None:
    one, other = chance.sample(range(1, SEALS + 1), 2)
    for source, target in ((one, -1), (other, one), (-1, other)):
        tx.execute(update(seal_table).where(seal_table.c.number == source).values(number=target))


def truncate(tx: Connection, chance: random.Random) -> None:
    """Cut the end off, with the seals of what is gone."""
    last = chance.randint(0, SEALED - 1)
    tx.execute(delete(event_table).where(event_table.c.sequence > last))
    tx.execute(delete(seal_table).where(seal_table.c.last > last))


def signed_anew(
    key: Ed25519PrivateKey | None, *, is_from_the_start: bool = False, change: Event | None = None
) -> Tamper:
    """Change a row, chain all that follow again, and seal them again, as whoever has the key can.

    Without a `key` it is those that had sealed; with a `change` it is the event that changes the keys, which says
    that instead, and only what comes from there on is sealed with the `key`.
    """

    def tamper(tx: Connection, chance: random.Random) -> None:
        changed = CHANGED if change else 1 if is_from_the_start else chance.randint(1, SEALED)
        previous = GENESIS
        for row in tx.execute(select(event_table).order_by(event_table.c.sequence)).all():
            facts = dict(row._mapping)
            if row.sequence >= changed:
                facts["previous_hash"] = previous
                if row.sequence == changed:
                    facts |= {"data": change.data, "type": change.type} if change else {"subject": "things/forged"}
                facts["hash"] = chained_hash(facts)
                tx.execute(update(event_table).where(event_table.c.sequence == row.sequence).values(**facts))
            previous = facts["hash"]
        heads = {row.sequence: row.hash for row in tx.execute(select(event_table.c.sequence, event_table.c.hash))}
        digest = GENESIS
        for row in tx.execute(select(seal_table).order_by(seal_table.c.number)).all():
            seal = Seal(**row._mapping)
            if seal.last >= changed:
                signer = signer_of(key or PRIVATE[seal.key])
                seal = replace(seal, head=heads[seal.last], previous=digest, key=signer.name)
                seal = replace(seal, signature=signer.sign(journal_verifier.canonical(seal.statement())))
                tx.execute(update(seal_table).where(seal_table.c.number == seal.number).values(**vars(seal)))
            digest = seal.digest

    return tamper


KINDS: Final[dict[str, Tamper]] = {
    **{f"a byte of events.{one.name}": flip("events", "sequence", one.name, EVENTS) for one in event_table.c},
    **{f"a byte of journal_seals.{one.name}": flip("journal_seals", "number", one.name, SEALS) for one in seal_table.c},
    "an event deleted": delete_event,
    "an event deleted and the gap closed": delete_and_close_the_gap,
    "a seal deleted": delete_seal,
    "an event inserted": insert_event,
    "two events swapped": swap_events,
    "two seals swapped": swap_seals,
    "the end cut off": truncate,
    "signed anew with another key": signed_anew(OTHER, is_from_the_start=True),
    "signed anew from some row with the same keys": signed_anew(None),
    "all of it signed anew with the same keys": signed_anew(None, is_from_the_start=True),
    "another change of keys, not signed by the old one": signed_anew(
        OTHER, change=change_of(KEY, OTHER, signed_by=OTHER)
    ),
    "another change of keys, by whoever has the old one": signed_anew(OTHER, change=change_of(KEY, OTHER)),
    "a change from another key": signed_anew(OTHER, change=change_of(OTHER, NEXT)),
    "no change of keys any more": signed_anew(NEXT, change=told(CHANGED)),
}


class Within(Database):
    """Reads inside of a transaction that is not committed, so that what was tampered with is undone."""

    def __init__(self, tx: Connection) -> None:
        self._tx = tx

    @contextmanager
    def read(self) -> Iterator[Connection]:
        yield self._tx


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)  # Where anybody with an editor can do it.
def test_each_of_a_thousand_tamperings_is_found(sealed: Database) -> None:
    kept, chance, found, missed = kept_head(sealed), random.Random(20261121), Counter[str](), []  # noqa: S311 - the same on purpose.
    names = sorted(KINDS)
    for count in range(1000):
        name = names[count % len(names)]
        with undone(sealed) as tx:
            KINDS[name](tx, chance)
            try:
                lines = [*journal.lines(Within(tx))]
                verify(lines, {**KEYS}, kept, journal_verifier.changes_in(lines))
                missed.append(f"{count}: {name}")
            except NotWholeError:
                found[name] += 1
    assert missed == []
    assert (sum(found.values()), set(found)) == (1000, set(KINDS))
    assert verified(sealed, kept).compared_to == SEALED, "the untouched one is whole"


# --- another key -----------------------------------------------------------------------------------------------------


def test_any_key_of_the_journal_verifies_all_of_it_and_no_other(sealed: Database) -> None:
    kept = kept_head(sealed)
    for key in (KEY, NEXT):
        assert verified(sealed, kept, key).compared_to == SEALED
    with pytest.raises(NotWholeError, match="which is none of"):
        verified(sealed, None, OTHER)


def test_what_came_before_a_change_is_sealed_with_the_old_key_and_the_change_with_the_new_one(
    sealed: Database,
) -> None:
    with sealed.read() as tx:
        found = [(row.last, row.key == key_name(NEXT.public_key())) for row in tx.execute(select(seal_table))]
    assert found == [(1, False), (6, False), (16, False), (20, False), (32, False), (40, True), (49, True), (60, True)]


def test_a_key_that_was_put_in_place_of_another_signs_nothing(sealed: Database, now: datetime) -> None:
    for key in (KEY, OTHER):
        with pytest.raises(StorageFailed, match="key was changed"), sealed.write() as tx:
            seals.due(tx, signer_of(key), now=now)


def test_a_key_that_was_replaced_seals_no_more_also_if_somebody_kept_it(sealed: Database, now: datetime) -> None:
    with sealed.write() as tx:
        seal = seals.due(tx, signer_of(NEXT), now=now)
        assert seal is not None
        old = signer_of(KEY)
        forged = replace(seal, key=old.name)
        assert seals.add(tx, replace(forged, signature=old.sign(journal_verifier.canonical(forged.statement()))))
    for key in (KEY, NEXT):
        with pytest.raises(NotWholeError, match="was not the journal's then"):
            verified(sealed, None, key)


@pytest.mark.parametrize("change", [change_of(KEY, OTHER), change_of(OTHER, NEXT), change_of(NEXT, KEY)])
def test_a_change_that_does_not_go_on_from_the_key_of_the_journal_is_found(
    sealed: Database, now: datetime, change: Event
) -> None:
    with sealed.write() as tx:
        events.append(tx, change, now=now)
    for key in (KEY, NEXT):
        with pytest.raises(NotWholeError, match="not the one that sealed so far"):
            verified(sealed, None, key)


def test_whoever_has_an_old_key_writes_nothing_that_the_newest_one_vouches_for(sealed: Database) -> None:
    """The past written anew with the old key, up to a change of keys that is taken from the true journal."""
    with sealed.write() as tx:
        signed_anew(KEY, is_from_the_start=True)(tx, random.Random(1))  # noqa: S311
        tx.execute(delete(event_table).where(event_table.c.sequence > CHANGED))
        tx.execute(delete(seal_table).where(seal_table.c.last >= CHANGED))
    assert verified(sealed, None, KEY).unsealed == 1
    with pytest.raises(NotWholeError, match="have sealed nothing of it"):
        verified(sealed, None, NEXT)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_text_that_was_moved_from_one_document_to_the_next_is_found(database: Database, now: datetime) -> None:
    """Beside one another they spell what they spelt before, and so their hash is the same."""
    with database.write() as tx:
        actor = {**ADA, "a": 1, "data": {"b": 2}}
        events.append(tx, replace(told(1), actor=actor, data={"c": 3}), now=now)
        texts = tx.exec_driver_sql("SELECT actor, data FROM events").one()
        spelt = f'{texts.actor},"data":{texts.data}'
        actor_text, _, data_text = spelt.partition(',"data":')
        assert (actor_text, data_text) != tuple(texts)
        tx.exec_driver_sql("UPDATE events SET actor = ?, data = ?", (actor_text, data_text))
    with pytest.raises(NotWholeError, match="event 1"):
        verified(database)
    with pytest.raises(StorageFailed, match="event 1"):
        seal_next(database, now)


@pytest.mark.parametrize(
    "line",
    [
        '{"event":{},"hash":""}',
        '{"event":{"sequence":NaN},"hash":""}',
        '{"seal":{"number":NaN},"signature":""}',
        "",
        "{}",
        "[" * 100_000,
        '{"event":' + '{"a":' * 100_000 + '},"hash":""}',
    ],
)
def test_a_line_that_is_none_is_found(line: str) -> None:
    with pytest.raises(NotWholeError):
        verify([line], KEYS)


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_a_changed_byte_of_an_exported_file_is_found(sealed: Database, tmp_path: Path) -> None:
    raw = "".join(f"{line}\n" for line in journal.lines(sealed)).encode()
    chance, kept = random.Random(7), kept_head(sealed)  # noqa: S311
    for _ in range(200):
        at = chance.randrange(len(raw))
        changed = bytearray(raw)
        changed[at] = chance.choice([byte for byte in range(256) if byte != raw[at]])
        text_of = bytes(changed).decode("utf-8", "backslashreplace")
        lines = text_of.split("\n")[:-1] if text_of.endswith("\n") else text_of.split("\n")
        with pytest.raises(NotWholeError):
            verify(lines, KEYS, kept, journal_verifier.changes_in(lines))


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
def test_the_verifier_alone_says_it_with_its_exit_code(sealed: Database, tmp_path: Path) -> None:
    """The file as it is shipped, far from the package, with the exported journal and the public key."""
    program, exported, key, head = (tmp_path / name for name in ("verifier.py", "journal", "key.pem", "head.json"))
    program.write_text(Path(journal_verifier.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    exported.write_text("".join(f"{line}\n" for line in journal.lines(sealed)), encoding="utf-8")
    key.write_text(pem_of(KEY))
    head.write_text(journal_verifier.canonical(kept_head(sealed)))

    def run(*files: Path) -> "subprocess.CompletedProcess[str]":
        argv = [sys.executable, "-I", str(program), *map(str, files)]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)

    newest, other = tmp_path / "newest.pem", tmp_path / "other.pem"
    newest.write_text(pem_of(NEXT))
    other.write_text(pem_of(OTHER))
    assert [run(exported, one, head).returncode for one in (newest, other)] == [0, 1]
    whole, compared = run(exported, key), run(exported, key, head)
    assert (whole.returncode, compared.returncode) == (0, 0)
    assert "NOT COMPARED" in whole.stdout
    assert "compared with the head of event 60" in compared.stdout
    exported.write_text(exported.read_text(encoding="utf-8").replace("things/7", "things/8", 1), encoding="utf-8")
    broken = run(exported, key)
    assert (broken.returncode, broken.stdout) == (1, "NOT WHOLE: event 7 was changed: its hash is another\n")
    assert run(exported).returncode == 2
    assert run(exported, tmp_path / "absent.pem").returncode == 2
