"""`apim policy`: what happens to the calls of all APIs of a service; verbs of ours, az has none."""

from pratique.cli.arguments import NO_WAIT, YES
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table
from pratique.cli.verbs import apim_policies
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_policies import ANY_AUDIENCE, FILE
from pratique.client.apim import Policy

TABLE = Table("apim policy")


@TABLE.verb(
    "set",
    arguments=(SERVICE, FILE, ANY_AUDIENCE, NO_WAIT),
    examples={"Check the tokens of all callers": "pratique apim policy set -n apim-credit-dev --file policy.xml"},
)
def set_policy(in_group: Place, *, service_name: str, file: str, allow_any_audience: bool, no_wait: bool) -> Document:
    """Set the policy of all APIs in one step, and wait until it is in force. This verb is ours: az has none.

    An API and an operation have it in them where their own policy has <base />, and all of it without one.
    What the gateway cannot do is refused with name and line, and the policy before stays.
    """
    policy = Policy(in_group.connection, check_group(in_group, service_name))
    return apim_policies.put(
        policy, f"all APIs of {service_name}", file=file, allow_any_audience=allow_any_audience, no_wait=no_wait
    )


@TABLE.verb(
    "show",
    arguments=(SERVICE,),
    examples={"As a file": "pratique apim policy show -n apim-credit-dev > policy.xml"},
)
def show(in_group: Place, *, service_name: str) -> Report:
    """Show the policy of all APIs as it was written. This verb is ours: az has none."""
    return apim_policies.shown(Policy(in_group.connection, check_group(in_group, service_name)))


@TABLE.verb(
    "delete",
    arguments=(SERVICE, YES, NO_WAIT),
    examples={"Take it away": "pratique apim policy delete -n apim-credit-dev --yes"},
)
def delete(in_group: Place, *, service_name: str, yes: bool, no_wait: bool) -> None:
    """Take the policy of all APIs away, and wait until that is in force. This verb is ours: az has none.

    What is not there is no error. One that another policy stands on is refused.
    """
    policy = Policy(in_group.connection, check_group(in_group, service_name))
    apim_policies.delete(policy, f"all APIs of {service_name}", yes=yes, no_wait=no_wait)
