"""Numbers that only rise: each is given once, whoever asks."""

import hashlib
from typing import Final

from sqlalchemy import Connection, insert, select, update

from pratique.store.schema import counters

DELIVERIES: Final = "deliveries"
RUNS: Final = "delivery runs"
_LONGEST: Final = 255


def next_number(tx: Connection, scope: str, prefix: str = "", *, first: int = 1) -> int:
    """The number that follows the last one of `scope` and `prefix`; `first` when there was none."""
    key = prefix if len(prefix) <= _LONGEST else hashlib.sha256(prefix.encode()).hexdigest()
    here = (counters.c.scope == scope) & (counters.c.prefix == key)
    # A writing transaction is alone, so nobody counts between these two statements.
    known = tx.execute(select(counters.c.value).where(here)).scalar()
    if known is None:
        tx.execute(insert(counters).values(scope=scope, prefix=key, value=first))
        return first
    tx.execute(update(counters).where(here).values(value=known + 1))
    return int(known) + 1


def revision_scope(delivery: int) -> str:
    """What `$(Rev:r)` of a delivery counts under."""
    return f"revision:{delivery}"


def counter_scope(delivery: int) -> str:
    """What `counter` of a delivery counts under."""
    return f"counter:{delivery}"
