"""What is done to a home as a whole by whoever holds it: backed up, restored, pruned; each an event.

These verbs work on the files and ask nobody. A backup holds every key, so that
it was made is told as any other look at a secret.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pratique.control.scopes import HOME
from pratique.store import events
from pratique.store.database import Database
from pratique.store.events import Event
from pratique.store.migrate import is_current

BACKED_UP: Final = "Pratique.HomeBackedUp"
RESTORED: Final = "Pratique.HomeRestored"
PRUNED: Final = "Pratique.HomePruned"


def tell(database: Database, login: str, kind: str, facts: Mapping[str, Any], *, now: datetime) -> bool:
    """Write down that the login of this machine did `kind`; False for a home whose schema is an older one's."""
    if not is_current(database):
        return False
    actor = {"id": f"login:{login}", "name": login, "type": "login"}
    with database.write() as tx:
        events.append(tx, Event(kind, "home", HOME, actor, facts), now=now)
    return True
