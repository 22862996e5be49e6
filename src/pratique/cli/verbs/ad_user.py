"""`ad user`."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say, warn
from pratique.client.principals import Principals

TABLE = Table("ad user")

ID: Final = flag("user_id", "--id", "--upn-or-object-id", help="The user's name.", required=True)


@TABLE.verb(
    "create",
    arguments=(
        flag("user_principal_name", "--user-principal-name", help="The name to log in with.", required=True),
        flag("display_name", "--display-name", help="Name for people.", required=True),
        flag("password", help="Made, and shown this once, when it is left out."),
    ),
    examples={"Add a person": "pratique ad user create --display-name 'Ada' --user-principal-name ada@example.com"},
)
def create(platform: Place, *, user_principal_name: str, display_name: str, password: str | None) -> Document:
    """Add a person."""
    if password is None:
        warn("the password is shown this once; keep it where secrets are kept")
    return Principals(platform.connection).create_user(
        user_principal_name, display_name=display_name, password=password
    )


@TABLE.verb(
    "update",
    arguments=(ID, flag("password", help="Another password; made, and shown this once, when it is left out.")),
    examples={"Give a person another password": "pratique ad user update --id ada@example.com"},
)
def update(platform: Place, *, user_id: str, password: str | None) -> Document:
    """Give a person another password; the old one, every token and every browser session are good no more."""
    made = Principals(platform.connection).reset_credential(user_id, password=password)
    if password is not None:
        return {key: value for key, value in made.items() if key != "password"}
    warn("the password is shown this once; keep it where secrets are kept")
    return made


@TABLE.verb("show", arguments=(ID,), examples={"Show a person": "pratique ad user show --id ada@example.com"})
def show(platform: Place, *, user_id: str) -> Document:
    """Show a person."""
    return Principals(platform.connection).show_user(user_id)


@TABLE.verb("list", examples={"List the people": "pratique ad user list -o table"})
def list_all(platform: Place) -> list[Document]:
    """List the people."""
    return Principals(platform.connection).users()


@TABLE.verb("delete", arguments=(ID,), examples={"Remove a person": "pratique ad user delete --id ada@example.com"})
def delete(platform: Place, *, user_id: str) -> None:
    """Remove a person; what they made stays, with their name."""
    Principals(platform.connection).delete_user(user_id)
    say(f"{user_id}: deleted")
