"""Which content is still named by anything, and which may go.

    rows of every noun ──name──► manifests ──name──► blobs
    holdings, young    ──name──► both: an upload that is still on its way

A digest that stands anywhere in a row, in a column of its own or deep inside a
document, keeps what it names. So a noun that is added later is covered without
a word here, and the mistake that could be made is to keep too much. Only the
journal of events does not count: it tells of what was, and what was may go.

A holding counts by its age: whoever is told that content is here already asks
`keep`, which makes the holding young, so that what a client need not send
again does not go before the client has named it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import JSON, Connection, String, Text, cast, delete, select, update

from pratique.store.holdings import Kind
from pratique.store.rows import batches
from pratique.store.schema import artifacts, datastore_files, events, holdings, manifests, metadata

SAFE_AGE: Final = timedelta(days=1)
"""How long content that nothing names is left alone: longer than any upload takes."""

_DIGEST: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
_STORAGE: Final = (manifests, holdings, events)


@dataclass(frozen=True)
class Unreached:
    """What nothing names, and everything else that is named."""

    manifests: tuple[str, ...]
    """Digests of manifests that may go."""
    holdings: int
    """How many holdings of content may go."""
    living: frozenset[str]
    """Every digest that stays: whatever blob is not among them may go when it is old enough."""


def unreached(tx: Connection, *, before: datetime) -> Unreached:
    """What nothing names, of content that came or was asked for `before` that moment; nothing is changed."""
    living = _named(tx) | _held(tx, since=before)
    gone: list[str] = []
    text = cast(manifests.c.document, Text)
    for digest, document, created_at in tx.execute(select(manifests.c.digest, text, manifests.c.created_at)):
        if digest in living or created_at >= before:
            living.add(digest)
            living.update(_DIGEST.findall(document))
        else:
            gone.append(digest)
    old = tx.execute(select(holdings.c.digest).where(holdings.c.created_at < before)).scalars()
    return Unreached(tuple(gone), sum(digest not in living for digest in old), frozenset(living))


def forget(tx: Connection, *, before: datetime) -> Unreached:
    """Remove the rows of what nothing names and say what went; the bytes are still there afterwards.

    It finds and removes in one writing transaction, so nobody can name meanwhile what goes.
    """
    found = unreached(tx, before=before)
    for batch in batches(found.manifests):
        tx.execute(delete(manifests).where(manifests.c.digest.in_(batch)))
    old = tx.execute(select(holdings.c.digest).where(holdings.c.created_at < before).distinct()).scalars()
    for batch in batches([digest for digest in old if digest not in found.living]):
        tx.execute(delete(holdings).where(holdings.c.digest.in_(batch), holdings.c.created_at < before))
    return found


def keep(tx: Connection, workspace: str, kind: Kind, digests: Sequence[str], *, now: datetime) -> None:
    """Make the holdings of `digests` young again; for whoever tells a client that they are here."""
    for batch in batches(digests):
        tx.execute(
            update(holdings)
            .where(holdings.c.workspace == workspace, holdings.c.kind == kind, holdings.c.digest.in_(batch))
            .where(holdings.c.created_at < _stale(now))
            .values(created_at=now)
        )


def any_stale(tx: Connection, workspace: str, kind: Kind, digests: Iterable[str], *, now: datetime) -> bool:
    """Whether `keep` has anything to do."""
    wanted = (holdings.c.workspace == workspace) & (holdings.c.kind == kind) & (holdings.c.created_at < _stale(now))
    return any(
        tx.execute(select(holdings.c.digest).where(wanted, holdings.c.digest.in_(batch)).limit(1)).first()
        for batch in batches([*digests])
    )


def blobs(tx: Connection) -> set[str]:
    """The digests of all blobs that any row leads to: held, in a manifest, a file of a run or of a datastore."""
    held = select(holdings.c.digest).where(holdings.c.kind == "blob").distinct()
    found = set(tx.execute(held).scalars())
    found.update(tx.execute(select(artifacts.c.blob).distinct()).scalars())
    found.update(tx.execute(select(datastore_files.c.blob).distinct()).scalars())
    for document in tx.execute(select(cast(manifests.c.document, Text))).scalars():
        found.update(_DIGEST.findall(document))
    return found


def _stale(now: datetime) -> datetime:
    return now - SAFE_AGE / 2  # Long before it would go, and not at each question.


def _held(tx: Connection, *, since: datetime) -> set[str]:
    return set(tx.execute(select(holdings.c.digest).where(holdings.c.created_at >= since)).scalars())


def _named(tx: Connection) -> set[str]:
    """Every digest in any row of any noun."""
    found: set[str] = set()
    for table in metadata.sorted_tables:
        columns = [cast(column, Text) for column in table.columns if _may_name(column.type)]
        if table in _STORAGE or not columns:
            continue
        for row in tx.execute(select(*columns)):
            for text in row:
                if text and len(text) >= 64:
                    found.update(_DIGEST.findall(text))
    return found


def _may_name(kind: object) -> bool:
    if isinstance(kind, JSON | Text):
        return True
    return isinstance(kind, String) and (kind.length or 64) >= 64
