"""`ad group`: groups of principals."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.client.principals import PrincipalGroups

TABLE = Table("ad group")

GROUP: Final = flag("group", "--group", "-g", help="The group's name or id.", required=True)
COLUMNS: Final = {"Name": "displayName", "Id": "id", "Description": "description"}


@TABLE.verb(
    "create",
    arguments=(
        flag("display_name", "--display-name", help="Its name.", required=True),
        flag(
            "mail_nickname", "--mail-nickname", help="Accepted for scripts written for az: a group here has one name."
        ),
        flag("description", help="A sentence about it.", default=""),
    ),
    examples={
        "A group of people": "pratique ad group create --display-name scientists --mail-nickname scientists",
    },
)
def create(platform: Place, *, display_name: str, mail_nickname: str | None, description: str) -> Document:
    """Make a group; roles that it has count for whoever is in it."""
    if mail_nickname and mail_nickname != display_name:
        say(f"the nickname {mail_nickname!r} is not kept: a group here has one name")
    return PrincipalGroups(platform.connection).create(display_name, description=description)


@TABLE.verb(
    "list",
    arguments=(flag("display_name", "--display-name", help="Only those whose name begins so."),),
    examples={"List the groups": "pratique ad group list -o table"},
    columns=COLUMNS,
)
def list_all(platform: Place, *, display_name: str | None) -> list[Document]:
    """List the groups."""
    found = PrincipalGroups(platform.connection).all()
    return [one for one in found if str(one["displayName"]).startswith(display_name or "")]


@TABLE.verb("show", arguments=(GROUP,), examples={"Show a group": "pratique ad group show --group scientists"})
def show(platform: Place, *, group: str) -> Document:
    """Show a group."""
    return PrincipalGroups(platform.connection).show(group)


@TABLE.verb("delete", arguments=(GROUP,), examples={"Remove a group": "pratique ad group delete --group scientists"})
def delete(platform: Place, *, group: str) -> None:
    """Remove a group with the roles that it has; its members stay."""
    PrincipalGroups(platform.connection).remove(group)
    say(f"{group}: deleted")
