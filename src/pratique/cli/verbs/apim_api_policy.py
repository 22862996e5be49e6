"""`apim api policy`: what happens to the calls of an API; a verb of ours, az has none."""

from pathlib import Path

from pratique.base.errors import InvalidInput
from pratique.cli.arguments import NO_WAIT
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table, flag, switch
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_api import API, settled
from pratique.client.apim import Apis

TABLE = Table("apim api policy")


@TABLE.verb(
    "set",
    arguments=(
        SERVICE, API,
        flag("file", "--file", "-f", help="The policy: XML of API Management.", required=True),
        switch("allow_any_audience", help="Take a validate-jwt that names no audience: any token of its provider."),
        NO_WAIT,
    ),
    examples={"Check tokens": "pratique apim api policy set -n apim-credit-dev --api-id credit --file policy.xml"},
)  # fmt: skip
def set_policy(
    in_group: Place, *, service_name: str, api_id: str, file: str, allow_any_audience: bool, no_wait: bool
) -> Document:
    """Set the policy of an API in one step, and wait until it is in force. This verb is ours: az has none.

    What the gateway cannot do is refused with name and line, and the policy before stays.
    """
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    made = apis.set_policy(api_id, _text(file), file=file, allow_any_audience=allow_any_audience)
    if not no_wait:
        settled(apis, service_name, api_id)
    return {**made, "provisioningState": "Succeeded"} if not no_wait else made


@TABLE.verb(
    "show",
    arguments=(SERVICE, API),
    examples={"As a file": "pratique apim api policy show -n apim-credit-dev --api-id credit > policy.xml"},
)
def show(in_group: Place, *, service_name: str, api_id: str) -> Report:
    """Show the policy of an API as it was written. This verb is ours: az has none."""
    found = Apis(in_group.connection, check_group(in_group, service_name)).policy(api_id)
    return Report(str(found["value"]), values=found)


def _text(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InvalidInput(f"{file}: there is no such file", hint="give the policy with --file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from error
