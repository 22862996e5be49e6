"""`logout`."""

from pratique.cli.table import Table
from pratique.cli.talk import say
from pratique.client.login import forget_profile

TABLE = Table("logout")


@TABLE.verb("", examples={"Forget who logged in": "pratique logout"})
def logout() -> None:
    """Forget the service principal that logged in, and its secret."""
    say("logged out" if forget_profile() else "nobody was logged in")
