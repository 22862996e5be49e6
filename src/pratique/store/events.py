"""The journal: one append-only table, each row chained to the one before by its hash.

An event is written in the transaction of the change that it tells of, so there
is no change without its event and no event without its change. The shape is
CloudEvents 1.0; the types are Azure's where Azure has one.

Why somebody did it (`base.reason`) is written beside it, and a workspace that
asks for reasons takes no event of a person without one.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Integer, Select, Text, bindparam, cast, insert, select

from pratique.base import reason
from pratique.base.clock import iso
from pratique.base.errors import InvalidInput
from pratique.base.ids import new_id
from pratique.content.journal_verifier import canonical
from pratique.store import workspaces
from pratique.store.json_text import from_text, plain_to_canonical, to_canonical
from pratique.store.prepared import Prepared
from pratique.store.schema import Canonical, Spelt, events

GENESIS: Final = "0" * 64
"""What the first event names as the hash of the one before."""
_LAST: Final = Prepared(select(events.c.sequence, events.c.hash).order_by(events.c.sequence.desc()).limit(1))
DOCUMENTS: Final = frozenset(column.name for column in events.c if isinstance(column.type, Canonical))
"""The columns whose text is the spelling that is hashed."""
COVERED: Final = tuple(sorted(column.name for column in events.c if column.name != "hash"))
"""The columns that the hash of an event covers, in the order in which they are spelt."""
_PLACES: Final = [COVERED.index(name) for name in DOCUMENTS]
_SEQUENCE: Final = COVERED.index("sequence")
_TYPE: Final = COVERED.index("type")
_PREVIOUS: Final = COVERED.index("previous_hash")
_SPELLING: Final = f"{{{','.join(f'{json.dumps(name)}:%s' for name in COVERED)}}}"
_INSERT: Final = Prepared(
    insert(events).values(
        {one.name: bindparam(one.name, type_=Spelt() if one.name in DOCUMENTS else one.type) for one in events.c}
    )
)
_TEXTS: Final = [
    cast(column, Text) if column.name in DOCUMENTS else column for column in (events.c[name] for name in COVERED)
]
_LINKS: Final = Prepared(
    select(events.c.hash, *_TEXTS)
    .where(events.c.sequence > bindparam("sequence"))
    .order_by(events.c.sequence)
    .limit(bindparam("most", type_=Integer()))
)
_MOST: Final = 1000
"""Events that one question about a thing is answered from."""


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    type: str
    """Such as ``Microsoft.MachineLearningServices.ModelRegistered`` or ``Pratique.JobCreated``."""
    subject: str
    """What it happened to, such as ``models/credit-risk:3``."""
    source: str
    """The workspace, as a path: ``/workspaces/dev``; or ``/`` for the whole home."""
    actor: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    targets: Sequence[str] = ()


@dataclass(frozen=True)
class StoredEvent:
    """An event with its place in the chain."""

    sequence: int
    id: str
    type: str
    source: str
    subject: str
    time: datetime
    actor: Mapping[str, Any]
    targets: Sequence[str]
    data: Mapping[str, Any]
    reason: str
    """Why, in the words of who did it; empty when none were given."""
    previous_hash: str
    hash: str


class Link(NamedTuple):
    """An event's place in the chain."""

    sequence: int
    type: str
    previous_hash: str
    hash: str
    fits: bool
    """Whether the hash is that of what is stored."""


def append(tx: Connection, event: Event, *, now: datetime) -> int:
    """Write `event` at the end of the chain and return its sequence number, which has no gaps."""
    return append_all(tx, [(event, now)])


def append_all(tx: Connection, told: Sequence[tuple[Event, datetime]]) -> int:
    """Write each event with its time, in order, at the end of the chain; returns the last sequence number.

    Raises `InvalidInput` when one of them belongs to a workspace that asks for reasons and nobody gave one.
    """
    if (why := reason.said()) == "":
        for source in {event.source for event, _ in told if _is_of_a_person(event)}:
            _check_reason(tx, source)
    sequence: int
    previous: str
    sequence, previous = _LAST.first(tx) or (0, GENESIS)
    rows: list[dict[str, Any]] = []
    for event, now in told:
        sequence += 1
        row = {
            "sequence": sequence,
            "id": new_id(),
            "type": event.type,
            "source": event.source,
            "subject": event.subject,
            "time": now,
            "actor": to_canonical(dict(event.actor)),
            "targets": to_canonical(list(event.targets)),
            "data": to_canonical(dict(event.data)),
            "reason": why or "",
            "previous_hash": previous,
        }
        previous = row["hash"] = _hashed(_spelt(row[name] for name in COVERED))
        rows.append(row)
    _INSERT.run_each(tx, rows)
    return sequence


def _check_reason(tx: Connection, source: str) -> None:
    """Raise `InvalidInput` when `source` is a workspace that asks for reasons: none was given."""
    _, is_inside, name = source.partition("/workspaces/")
    found = workspaces.get(tx, name) if is_inside else None
    if found and workspaces.asks_for_reasons(found.tags):
        raise InvalidInput(
            f"workspace {name!r} asks for a reason of whoever changes something or reads a secret in it",
            hint=f'add --reason "why", set {reason.VARIABLE}, or send the header {reason.HEADER}',
        )


def _is_of_a_person(event: Event) -> bool:
    """Whether somebody should know why: for a job or a task of a run, whoever began it does."""
    return event.actor.get("type") in ("user", "service_principal") and "run" not in event.actor


def chained_hash(row: Mapping[str, Any]) -> str:
    """The hash of an event's row, which covers every column and so the hash before it."""
    covered = {key: iso(value) if isinstance(value, datetime) else value for key, value in row.items() if key != "hash"}
    return _hashed(canonical(covered))


def spelling(parts: Iterable[str]) -> str:
    """What is hashed of an event, made of its `COVERED` columns, each as JSON."""
    return _SPELLING % tuple(parts)


def is_document(text: str) -> bool:
    """Whether a text is one whole document, and not a piece that others beside it complete."""
    try:
        from_text(text)
    except (ValueError, TypeError, RecursionError):
        return False
    return True


def links(tx: Connection, sequence: int, *, limit: int) -> list[Link]:
    """Up to `limit` events with a higher number than `sequence`, in order, as links of the chain."""
    return [_link(row) for row in _LINKS.rows(tx, sequence=sequence, most=limit)]


def _link(row: tuple[Any, ...]) -> Link:
    told, *covered = row
    is_whole = all(is_document(covered[place]) for place in _PLACES)
    return Link(
        covered[_SEQUENCE], covered[_TYPE], covered[_PREVIOUS], told, is_whole and _hashed(_spelt(covered)) == told
    )


def _spelt(covered: Iterable[Any]) -> str:
    """The spelling of an event whose documents are spelt already."""
    return spelling(value if spell is None else spell(value) for spell, value in zip(_SPELLERS, covered, strict=True))


def _moment(moment: datetime) -> str:
    return f'"{iso(moment)}"'


_SPELLERS: Final[list[Callable[[Any], str] | None]] = [
    None if name in DOCUMENTS else _moment if name == "time" else plain_to_canonical for name in COVERED
]


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def after(
    tx: Connection, sequence: int, *, limit: int = 100, sources: Collection[str] | None = None
) -> list[StoredEvent]:
    """Up to `limit` events with a higher number than `sequence`, in order; with `sources`, of these only."""
    wanted = _of(sources).where(events.c.sequence > sequence).order_by(events.c.sequence).limit(limit)
    return [StoredEvent(**row._mapping) for row in tx.execute(wanted)]


def newest(tx: Connection, *, limit: int, sources: Collection[str] | None = None) -> list[StoredEvent]:
    """The last `limit` events, in order; with `sources`, of these only."""
    wanted = _of(sources).order_by(events.c.sequence.desc()).limit(limit)
    return [StoredEvent(**row._mapping) for row in tx.execute(wanted)][::-1]


def about(
    tx: Connection, source: str, subject: str, *, types: Sequence[str] = (), until: datetime | None = None
) -> list[StoredEvent]:
    """What happened to `subject` there, the newest first; of `types` and not after `until` where they are given."""
    wanted = select(events).where(events.c.source == source, events.c.subject == subject)
    if types:
        wanted = wanted.where(events.c.type.in_(list(types)))
    if until is not None:
        wanted = wanted.where(events.c.time <= until)
    rows = tx.execute(wanted.order_by(events.c.sequence.desc()).limit(_MOST))
    return [StoredEvent(**row._mapping) for row in rows]


def _of(sources: Collection[str] | None) -> Select[Any]:
    return select(events) if sources is None else select(events).where(events.c.source.in_(sources))


def last_sequence(tx: Connection) -> int:
    """The number of the newest event; 0 when there is none."""
    last = _LAST.first(tx)
    return int(last[0]) if last else 0


def first_broken(tx: Connection, *, seen: tuple[int, str] | None = None) -> int | None:
    """The number of the first event whose hash or place does not fit; None when the chain is whole.

    The chain finds what was edited, moved or taken out of its middle. That its
    end was cut off, or all of it written anew, shows only to somebody who kept
    the number and hash of an event elsewhere: pass them as `seen`.
    """
    previous, expected = GENESIS, 1
    in_order = select(events).order_by(events.c.sequence)
    with tx.execute(in_order, execution_options={"yield_per": 1000}) as rows:  # Left early, it has to be closed.
        for row in rows:
            facts = dict(row._mapping)
            fits = row.sequence == expected and row.previous_hash == previous and row.hash == chained_hash(facts)
            if not fits or (seen and seen[0] == expected and seen[1] != row.hash):
                return expected
            previous, expected = row.hash, expected + 1
    return expected if seen and seen[0] >= expected else None
