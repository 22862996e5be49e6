"""`ad group member`: who is in a group."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.verbs.ad_group import GROUP
from pratique.client.principals import PrincipalGroups

TABLE = Table("ad group member")

MEMBER: Final = flag("member_id", "--member-id", help="Id or name of a user or a program.", required=True)


@TABLE.verb(
    "add",
    arguments=(GROUP, MEMBER),
    examples={"Add a person": "pratique ad group member add --group scientists --member-id ada@example.com"},
)
def add(platform: Place, *, group: str, member_id: str) -> None:
    """Put somebody into a group; its roles count for them at once."""
    PrincipalGroups(platform.connection).add(group, member_id)
    say(f"{member_id}: in {group}")


@TABLE.verb(
    "remove",
    arguments=(GROUP, MEMBER),
    examples={"Remove a person": "pratique ad group member remove --group scientists --member-id ada@example.com"},
)
def remove(platform: Place, *, group: str, member_id: str) -> None:
    """Take somebody out of a group; its roles count for them no more."""
    PrincipalGroups(platform.connection).take_out(group, member_id)
    say(f"{member_id}: not in {group} any more")


@TABLE.verb(
    "list", arguments=(GROUP,), examples={"Who is in it": "pratique ad group member list --group scientists -o table"}
)
def list_all(platform: Place, *, group: str) -> list[Document]:
    """List who is in a group."""
    return PrincipalGroups(platform.connection).members(group)


@TABLE.verb(
    "check",
    arguments=(GROUP, MEMBER),
    examples={"Is she in it?": "pratique ad group member check --group scientists --member-id ada@example.com"},
)
def check(platform: Place, *, group: str, member_id: str) -> Document:
    """Say whether somebody is in a group."""
    return PrincipalGroups(platform.connection).check(group, member_id)
