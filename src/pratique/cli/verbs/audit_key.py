"""`audit key`."""

from typing import Any

from pratique.cli.place import Place
from pratique.cli.table import Table
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
    """Show the public key that the journal's seals are checked with."""
    return Audit(platform.connection).key()
