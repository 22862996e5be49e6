"""`ml workspace trusted-key`: whose signatures of models a workspace believes. Azure has no such verbs."""

from pathlib import Path
from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.client.signatures import TrustedKeys

TABLE = Table("ml workspace trusted-key")

KEY_NAME: Final = flag(
    "key_name", "--key-name", "-n", "--name", help="What the workspace calls the key.", required=True
)
COLUMNS: Final = {"Name": "name", "Key": "key", "Since": "creation_context.created_at"}


@TABLE.verb(
    "add",
    arguments=(KEY_NAME, flag("public_key", "--public-key", help="Public key as PEM.", required=True)),
    examples={"Believe what Ada signs": "pratique ml workspace trusted-key add --key-name ada --public-key ada.pub"},
    columns=COLUMNS,
)
def add(place: Place, *, key_name: str, public_key: str) -> Document:
    """Believe what a key signs; only an Owner may."""
    try:
        pem = Path(public_key).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {public_key}") from None
    return TrustedKeys(place.connection, place.workspace).add(key_name, pem)


@TABLE.verb(
    "list",
    examples={"Whom does it believe": "pratique ml workspace trusted-key list -o table"},
    columns=COLUMNS,
)
def list_all(place: Place) -> list[Document]:
    """List the keys that a workspace trusts."""
    return TrustedKeys(place.connection, place.workspace).every()


@TABLE.verb(
    "remove",
    arguments=(KEY_NAME,),
    examples={"Believe it no more": "pratique ml workspace trusted-key remove --key-name ada"},
)
def remove(place: Place, *, key_name: str) -> None:
    """Believe a key no more: what only it has signed is refused when it is loaded the next time."""
    TrustedKeys(place.connection, place.workspace).remove(key_name)
    say(f"{key_name}: no longer trusted by {place.workspace}")
