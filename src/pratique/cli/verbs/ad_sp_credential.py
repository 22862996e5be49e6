"""`ad sp credential`: the secret of a program."""

from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import warn
from pratique.cli.verbs.ad_sp import ID
from pratique.client.principals import Principals

TABLE = Table("ad sp credential")


@TABLE.verb(
    "reset",
    arguments=(ID, flag("years", type=int, default=1, help="How long the new secret is good, 1 to 10.")),
    examples={"Give a program another secret": "pratique ad sp credential reset --id APP_ID"},
)
def reset(platform: Place, *, app_id: str, years: int) -> Document:
    """Give a service principal another secret and print it, this once.

    The old secret, every token that was given for it and every browser session are good no more, from the next
    request on.
    """
    made = Principals(platform.connection).reset_credential(app_id, years=years)
    warn("the password is shown this once; keep it where secrets are kept")
    return made
