"""The master key, replaced: everything sealed is sealed again with a new one, and the old one is gone.

    the new key is in the file  →  one transaction seals everything again  →  the old key leaves the file

Cut off anywhere, both keys are there and everything opens; the next start, or
the next replacement, finishes it. Backups from before keep the old key, and
what it opens.
"""

from datetime import datetime

from pratique.control.actor import PLATFORM, Actor
from pratique.control.permissions import permit
from pratique.control.scopes import HOME
from pratique.store import events
from pratique.store.database import Database, Transaction
from pratique.store.events import Event
from pratique.store.resealing import seal_again
from pratique.store.sealing import Sealer


def replace(database: Database, actor: Actor, sealer: Sealer, *, now: datetime) -> int:
    """Replace the master key; how many secrets were sealed again. The old key opens nothing afterwards."""
    permit(actor, "vaults/rotate", HOME)
    with database.write() as tx:
        sealer.begin_replacing()
        count, name = _seal(tx, actor, sealer, now=now), sealer.key_name
    _end(database, sealer, name)
    return count


def finish(database: Database, sealer: Sealer, *, now: datetime) -> int:
    """Finish a replacement that was cut off; 0 when there is none."""
    if not sealer.is_replacing:
        return 0
    with database.write() as tx:
        count, name = _seal(tx, PLATFORM, sealer, now=now), sealer.key_name
    _end(database, sealer, name)
    return count


def _seal(tx: Transaction, actor: Actor, sealer: Sealer, *, now: datetime) -> int:
    count = seal_again(tx, sealer)
    said = {"sealed": count, "key": sealer.key_name}
    events.append(tx, Event("Pratique.MasterKeyReplaced", "master-key", HOME, actor.to_document(), said), now=now)
    return count


def _end(database: Database, sealer: Sealer, name: str) -> None:
    """Only when the transaction has been committed, and alone among writers: another replacement may have begun."""
    with database.write():
        sealer.end_replacing(name)
