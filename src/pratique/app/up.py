"""``pratique up``."""

from pathlib import Path
from typing import Any, Final

from pratique.app import supervision
from pratique.base.home import Home
from pratique.cli.table import Table, flag
from pratique.cli.talk import say

TABLE = Table("up")
BUNDLE: Final = flag("bundle", help="A folder or .zip of `pratique bundle create`: nothing in it is fetched again.")


@TABLE.verb(
    "",
    arguments=(BUNDLE,),
    examples={
        "Start the platform": "pratique up",
        "Start another one": "PRATIQUE_HOME=/srv/qa pratique up",
        "Start it without a network": "pratique up --bundle ./pratique.zip",
    },
)
def up(*, bundle: str | None) -> dict[str, Any]:
    """Start the platform.

    Does nothing when it is up. State lives in PRATIQUE_HOME, ~/.pratique when unset.
    The first start fetches MLflow into an environment of its own; with --bundle, from there.
    """
    home = Home.from_environment()
    already = supervision.server_runs(home)
    status = supervision.start(home, say, bundle=Path(bundle) if bundle else None)
    say(f"pratique is {'already ' if already else ''}up; stop it with: pratique down")
    return {**status, **supervision.facts(home)}
