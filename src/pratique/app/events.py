"""``pratique events …``."""

import json
from typing import Final

from pratique.cli.place import Place
from pratique.cli.table import Table, flag, switch
from pratique.client.connection import Document, path_of

TABLE = Table("events")
_COUNT = flag("count", "--lines", "-l", help="How many of the newest events to begin with.", type=int, default=10)
_FOLLOW = switch("follow", "--follow", "-f", help="Go on with what happens from now, until Ctrl-C.")
_WAIT: Final = 30
"""Seconds that one question for what comes next may last."""


@TABLE.verb(
    "tail",
    arguments=(_COUNT, _FOLLOW),
    examples={
        "The newest events": "pratique events tail --lines 20 -o table",
        "Follow them as JSON lines": "pratique events tail --follow",
    },
    columns={"Sequence": "sequence", "Time": "time", "Type": "type", "Subject": "subject", "Actor": "actor.name"},
)
def tail(platform: Place, *, count: int, follow: bool) -> list[Document] | None:
    """Show what happened last, and with --follow what happens next.

    Events are CloudEvents 1.0, numbered without gaps and chained by their hashes. With --follow each is one
    line of JSON.
    """
    found = _ask(platform, {"after": "-1", "limit": str(count)})
    if not follow:
        return found
    last = 0
    while True:
        for event in found:
            last = int(event["sequence"])
            print(json.dumps(event), flush=True)
        found = _ask(platform, {"after": str(last), "limit": "100", "wait": str(_WAIT)})


def _ask(platform: Place, query: dict[str, str]) -> list[Document]:
    found: list[Document] = platform.connection.get(path_of("events"), query)
    return found
