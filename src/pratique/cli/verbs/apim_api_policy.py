"""`apim api policy`: what happens to the calls of an API; verbs of ours, az has none."""

from pratique.cli.arguments import NO_WAIT, YES
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table
from pratique.cli.verbs import apim_policies
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_api import API
from pratique.cli.verbs.apim_policies import ANY_AUDIENCE, FILE
from pratique.client.apim import Policy

TABLE = Table("apim api policy")


@TABLE.verb(
    "set",
    arguments=(SERVICE, API, FILE, ANY_AUDIENCE, NO_WAIT),
    examples={"Check tokens": "pratique apim api policy set -n apim-credit-dev --api-id credit --file policy.xml"},
)
def set_policy(
    in_group: Place, *, service_name: str, api_id: str, file: str, allow_any_audience: bool, no_wait: bool
) -> Document:
    """Set the policy of an API in one step, and wait until it is in force. This verb is ours: az has none.

    Where it has <base /> stands what the policy of all APIs says in that section.
    What the gateway cannot do is refused with name and line, and the policy before stays.
    """
    policy = Policy(in_group.connection, check_group(in_group, service_name), api_id)
    return apim_policies.put(policy, api_id, file=file, allow_any_audience=allow_any_audience, no_wait=no_wait)


@TABLE.verb(
    "show",
    arguments=(
        SERVICE,
        API,
    ),
    examples={"As a file": "pratique apim api policy show -n apim-credit-dev --api-id credit > policy.xml"},
)
def show(in_group: Place, *, service_name: str, api_id: str) -> Report:
    """Show the policy of an API as it was written. This verb is ours: az has none."""
    return apim_policies.shown(Policy(in_group.connection, check_group(in_group, service_name), api_id))


@TABLE.verb(
    "delete",
    arguments=(SERVICE, API, YES, NO_WAIT),
    examples={"Take it away": "pratique apim api policy delete -n apim-credit-dev --api-id credit --yes"},
)
def delete(in_group: Place, *, service_name: str, api_id: str, yes: bool, no_wait: bool) -> None:
    """Take the policy of an API away, and wait until that is in force. This verb is ours: az has none.

    What is not there is no error. One that another policy stands on is refused.
    """
    policy = Policy(in_group.connection, check_group(in_group, service_name), api_id)
    apim_policies.delete(policy, api_id, yes=yes, no_wait=no_wait)
