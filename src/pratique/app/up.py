"""``pratique up``."""

from typing import Any

from pratique.app import supervision
from pratique.base.home import Home
from pratique.cli.table import Table
from pratique.cli.talk import say

TABLE = Table("up")


@TABLE.verb(
    "", examples={"Start the platform": "pratique up", "Start another one": "PRATIQUE_HOME=/srv/qa pratique up"}
)
def up() -> dict[str, Any]:
    """Start the platform.

    Does nothing when it is up. State lives in PRATIQUE_HOME, ~/.pratique when unset.
    The first start fetches MLflow into an environment of its own.
    """
    home = Home.from_environment()
    already = supervision.server_runs(home)
    status = supervision.start(home, say)
    say(f"pratique is {'already ' if already else ''}up; stop it with: pratique down")
    return {**status, **supervision.facts(home)}
