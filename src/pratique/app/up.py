"""``pratique up``."""

import os
from pathlib import Path
from typing import Any, Final

from pratique.app import supervision
from pratique.base.home import Home
from pratique.cli.table import Table, flag, switch
from pratique.cli.talk import say

TABLE = Table("up")
TLS: Final = switch(
    "tls", help="Open the doors over TLS as well, at 7443 and 7444 of loopback, with the home's own authority."
)
_TLS_PORTS: Final = {"PRATIQUE_TLS_DOOR_PORT": "7443", "PRATIQUE_TLS_ENDPOINTS_PORT": "7444"}
BUNDLE: Final = flag("bundle", help="A folder or .zip of `pratique bundle create`: nothing in it is fetched again.")


@TABLE.verb(
    "",
    arguments=(BUNDLE, TLS),
    examples={
        "Start the platform": "pratique up",
        "Start another one": "PRATIQUE_HOME=/srv/qa pratique up",
        "Start it with TLS beside plain HTTP": "pratique up --tls",
        "Start it without a network": "pratique up --bundle ./pratique.zip",
    },
)
def up(*, bundle: str | None, tls: bool) -> dict[str, Any]:
    """Start the platform.

    Does nothing when it is up. State lives in PRATIQUE_HOME, ~/.pratique when unset.
    The first start fetches MLflow into an environment of its own; with --bundle, from there.
    """
    if tls:
        for name, port in _TLS_PORTS.items():
            os.environ.setdefault(name, port)
    home = Home.from_environment()
    already = supervision.server_runs(home)
    status = supervision.start(home, say, bundle=Path(bundle) if bundle else None)
    for name, (before, after) in ({} if already else supervision.changed_settings(home)).items():
        say(f"the setting {name} was {before!r} at the start before and is {after!r} now")
    next_steps = "try it with `pratique demo`, look at it with `pratique open`, stop it with `pratique down`"
    say(f"pratique is {'already ' if already else ''}up; {next_steps}")
    return {**status, **supervision.facts(home)}
