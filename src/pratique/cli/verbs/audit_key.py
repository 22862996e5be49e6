"""`audit key`."""

from typing import Any

from pratique.cli.place import Place
from pratique.cli.table import Table
from pratique.cli.talk import say
from pratique.client.audit import Audit

TABLE = Table("audit key")


@TABLE.verb(
    "show",
    examples={
        "Show it": "pratique audit key show",
        "Keep it elsewhere": "pratique audit key show --query public_key -o tsv > key.pem",
    },
)
def show(platform: Place) -> dict[str, Any]:
    """Show the public key that the journal's seals are checked with, and the changes that led to it."""
    return Audit(platform.connection).key()


@TABLE.verb("rotate", examples={"Sign with another key from now on": "pratique audit key rotate --reason 'yearly'"})
def rotate(platform: Place) -> dict[str, Any]:
    """Sign the journal with another key from now on; the old one is removed.

    The change is an event that the old key and the new one sign, and the first that the new one seals. So any key of
    the journal that was kept elsewhere still verifies all of it. A head that was kept stays good as well.
    """
    changed = Audit(platform.connection).rotate_key()
    say(f"signed with {changed['id']} from now on; keep its public key elsewhere as well")
    return changed
