"""`ad app federated-credential`: programs that prove themselves by a token of somebody else's issuer."""

import json
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.client.principals import FederatedCredentials

TABLE = Table("ad app federated-credential")

ID: Final = flag("app_id", "--id", help="The program's appId or name.", required=True)
WHICH: Final = flag(
    "credential_id", "--federated-credential-id", help="Name or id of the federated credential.", required=True
)
PARAMETERS: Final = flag(
    "parameters", "--parameters", help="A JSON file with name, issuer, subject and audiences, or that JSON itself.",
    required=True,
)  # fmt: skip
COLUMNS: Final = {"Name": "name", "Issuer": "issuer", "Subject": "subject", "Audience": "audiences[0]"}


@TABLE.verb(
    "create",
    arguments=(ID, PARAMETERS),
    examples={
        "Let a program of GitHub in": "pratique ad app federated-credential create --id ci --parameters cred.json"
    },
)
def create(platform: Place, *, app_id: str, parameters: str) -> Document:
    """Let a program log in by a token of an issuer that the setting `trusted_issuers` names."""
    return FederatedCredentials(platform.connection).create(app_id, _read(parameters))


@TABLE.verb(
    "list",
    arguments=(ID,),
    examples={"How a program may log in": "pratique ad app federated-credential list --id ci -o table"},
    columns=COLUMNS,
)
def list_all(platform: Place, *, app_id: str) -> list[Document]:
    """List the federated credentials of a program."""
    return FederatedCredentials(platform.connection).all(app_id)


@TABLE.verb(
    "show",
    arguments=(ID, WHICH),
    examples={
        "Show one": "pratique ad app federated-credential show --id ci --federated-credential-id github",
    },
)
def show(platform: Place, *, app_id: str, credential_id: str) -> Document:
    """Show a federated credential."""
    return FederatedCredentials(platform.connection).show(app_id, credential_id)


@TABLE.verb(
    "delete",
    arguments=(ID, WHICH),
    examples={
        "Let it in no more": "pratique ad app federated-credential delete --id ci --federated-credential-id github",
    },
)
def delete(platform: Place, *, app_id: str, credential_id: str) -> None:
    """Forget a federated credential."""
    FederatedCredentials(platform.connection).remove(app_id, credential_id)
    say(f"{credential_id}: deleted")


def _read(given: str) -> Document:
    text = given
    if not given.lstrip().startswith("{"):
        path = given.removeprefix("@")
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"{path} cannot be read: {error}", hint="a JSON file, or the JSON itself") from error
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"the parameters are no JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput("the parameters are no JSON object", hint='{"name": …, "issuer": …, "subject": …}')
    return found
