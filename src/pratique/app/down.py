"""``pratique down``."""

from pratique.app.halting import halt
from pratique.base.home import Home
from pratique.cli.table import Table
from pratique.cli.talk import say

TABLE = Table("down")


@TABLE.verb("", examples={"Stop the platform": "pratique down"})
def down() -> None:
    """Stop the platform and everything that it runs.

    Endpoints answer the calls that are in progress, let nobody else in, and come
    back with the next `pratique up`. Jobs that run are canceled, because a command
    of yours cannot be taken up in its middle; jobs in the queue stay there.
    """
    home = Home.from_environment()
    if not home.root.is_dir():
        say(f"nothing runs: there is no home {home.root}")
        return
    halt(home, say)
    say("pratique is down; its state is kept in " + str(home.root))
