"""`apim nv`: named values, which policies have in them as {{NAME}}."""

import sys
from typing import Final

from pratique.cli.arguments import DISPLAY_NAME, YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.client.apim import NamedValues

TABLE = Table("apim nv")

NAMED_VALUE: Final = flag(
    "named_value_id", "--named-value-id", "--nv-id", help="Name of the named value.", required=True
)
VALUE: Final = flag(
    "value", help="What it says; - reads standard input. Whoever may list processes sees it here otherwise."
)
VAULT_SECRET: Final = flag(
    "key_vault_secret_id", "--key-vault-secret-id",
    help="Id of a secret that you may read, instead of a value: the named value follows it, or has the version that "
    "the id names.",
)  # fmt: skip
SECRET: Final = flag(
    "secret", nargs="?", const="true", choices=["true", "false"],
    help="Whether it is sealed, and shown by show-secret alone.",
)  # fmt: skip
_FLAGS: Final = {"true": True, "false": False}
TAGS: Final = flag("tags", nargs="+", help="Words to find it by.")
COLUMNS: Final = {"Name": "name", "DisplayName": "displayName", "Secret": "secret", "Value": "value"}


@TABLE.verb(
    "create",
    arguments=(SERVICE, NAMED_VALUE, DISPLAY_NAME, VALUE, VAULT_SECRET, SECRET, TAGS),
    examples={
        "A key, from standard input": 'printf %s "$KEY" | pratique apim nv create -n apim-credit-dev '
        "--named-value-id credit-key --secret true --value -",
        "A secret of a vault, and its next versions": "pratique apim nv create -n apim-credit-dev "
        "--named-value-id credit-key --key-vault-secret-id http://127.0.0.1:7070/vaults/kv-credit-dev/secrets/key",
    },
    columns=COLUMNS,
)
def create(
    in_group: Place,
    *,
    service_name: str,
    named_value_id: str,
    display_name: str | None,
    value: str | None,
    key_vault_secret_id: str | None,
    secret: str | None,
    tags: list[str] | None,
) -> Document:
    """Make a named value, or change it. Policies name it by its display name, which is its name when unset."""
    if value is None and key_vault_secret_id is None:
        raise UsageError("--value or --key-vault-secret-id is required")
    return _put(in_group, service_name, named_value_id, display_name, value, key_vault_secret_id, secret, tags)


@TABLE.verb(
    "update",
    arguments=(SERVICE, NAMED_VALUE, DISPLAY_NAME, VALUE, VAULT_SECRET, SECRET, TAGS),
    examples={
        "Another key": 'printf %s "$KEY" | pratique apim nv update -n apim-credit-dev '
        "--named-value-id credit-key --value -"
    },
    columns=COLUMNS,
)
def update(
    in_group: Place,
    *,
    service_name: str,
    named_value_id: str,
    display_name: str | None,
    value: str | None,
    key_vault_secret_id: str | None,
    secret: str | None,
    tags: list[str] | None,
) -> Document:
    """Change a named value; the policies that have it in them follow at once, in one step."""
    NamedValues(in_group.connection, service_name).show(named_value_id)
    return _put(in_group, service_name, named_value_id, display_name, value, key_vault_secret_id, secret, tags)


@TABLE.verb(
    "show",
    arguments=(SERVICE, NAMED_VALUE),
    examples={"Show one": "pratique apim nv show -n apim-credit-dev --named-value-id audience"},
    columns=COLUMNS,
)
def show(in_group: Place, *, service_name: str, named_value_id: str) -> Document:
    """Show a named value; of a secret one everything but what it says."""
    return NamedValues(in_group.connection, check_group(in_group, service_name)).show(named_value_id)


@TABLE.verb(
    "show-secret",
    arguments=(SERVICE, NAMED_VALUE),
    examples={
        "What it says": "pratique apim nv show-secret -n apim-credit-dev --nv-id credit-key --query value -o tsv"
    },
)
def show_secret(in_group: Place, *, service_name: str, named_value_id: str) -> Document:
    """Show what a secret named value says; that you read it is written down."""
    return NamedValues(in_group.connection, check_group(in_group, service_name)).secret(named_value_id)


@TABLE.verb(
    "list",
    arguments=(SERVICE,),
    examples={"List them": "pratique apim nv list -n apim-credit-dev -o table"},
    columns=COLUMNS,
)
def list_all(in_group: Place, *, service_name: str) -> list[Document]:
    """List the named values of a service."""
    return NamedValues(in_group.connection, check_group(in_group, service_name)).all()


@TABLE.verb(
    "delete",
    arguments=(SERVICE, NAMED_VALUE, YES),
    examples={"Remove one": "pratique apim nv delete -n apim-credit-dev --named-value-id credit-key --yes"},
)
def delete(in_group: Place, *, service_name: str, named_value_id: str, yes: bool) -> None:
    """Delete a named value that no policy has in it."""
    confirm(f"The named value {named_value_id} will be deleted.", yes=yes)
    NamedValues(in_group.connection, check_group(in_group, service_name)).delete(named_value_id)
    say(f"{named_value_id}: deleted")


def _put(
    in_group: Place, service: str, name: str, display_name: str | None, value: str | None, vault_secret: str | None,
    secret: str | None, tags: list[str] | None,
) -> Document:  # fmt: skip
    said: Document = {
        "display_name": display_name,
        "value": sys.stdin.read().removesuffix("\n") if value == "-" else value,
        "vault_secret": vault_secret,
        "secret": None if secret is None else _FLAGS[secret],
        "tags": tags,
    }
    changes = {key: one for key, one in said.items() if one is not None}
    return NamedValues(in_group.connection, check_group(in_group, service)).put(name, changes)
