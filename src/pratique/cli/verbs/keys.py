"""`keys`: what tokens are signed with. Azure has no such verb: Entra rotates its keys by itself."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.table import Document, Table
from pratique.cli.talk import say
from pratique.client.principals import SigningKeys

TABLE = Table("keys")

COLUMNS: Final = {"Key": "id", "State": "state", "SignsFrom": "signs_from", "VerifiesUntil": "verifies_until"}


@TABLE.verb("list", examples={"Which keys there are": "pratique keys list -o table"}, columns=COLUMNS)
def list_all(platform: Place) -> list[Document]:
    """List the keys that tokens are signed and verified with."""
    return SigningKeys(platform.connection).all()


@TABLE.verb("rotate", examples={"Sign with another key from now on": "pratique keys rotate"}, columns=COLUMNS)
def rotate(platform: Place) -> list[Document]:
    """Announce another key to sign tokens with; no token is refused for it.

    The new key is published at once and signs in ten minutes, so that whoever keeps a copy of the keys has it by
    then. The one before verifies until the last token that it signed has ended, 30 days later.
    """
    found = SigningKeys(platform.connection).rotate()
    say("the announced key signs in ten minutes; the one before verifies until its last token has ended")
    return found
