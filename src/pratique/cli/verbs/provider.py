"""`provider`: accepted for scripts written for az, which register what a subscription may use before they use it."""

from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.table import Argument, Document, Table, flag, switch
from pratique.cli.talk import say

TABLE = Table("provider")

BUILT_IN: Final = (
    "Microsoft.ApiManagement",
    "Microsoft.Authorization",
    "Microsoft.KeyVault",
    "Microsoft.MachineLearningServices",
    "Microsoft.ManagedIdentity",
    "Microsoft.Resources",
)
"""Whose nouns this platform has."""
NAMESPACE: Final[Argument] = flag("namespace", "--namespace", "-n", help="Such as Microsoft.MachineLearningServices.")
COLUMNS: Final = {"Namespace": "namespace", "RegistrationState": "registrationState"}


@TABLE.verb(
    "register",
    arguments=(
        NAMESPACE.required(),
        switch("wait", help="az would wait for it."),
        switch("accept_terms", help="az would accept its terms."),
        flag("management_group_id", "--management-group-id", "-m", help="Where az would register it."),
        flag("consent", "--consent-to-permissions", "-c", nargs="?", const="true", help="What az would be allowed."),
    ),
    examples={"As a script does": "pratique provider register --namespace Microsoft.MachineLearningServices --wait"},
)
def register(
    *, namespace: str, wait: bool, accept_terms: bool, management_group_id: str | None, consent: str | None
) -> None:
    """Do nothing, and say so."""
    known = _named(namespace)
    meant = " and its flags" if wait or accept_terms or management_group_id or consent else ""
    why = "it is built in" if known else "this platform has nothing of it"
    say(f"provider register {namespace}{meant}: nothing to do; {why}")


@TABLE.verb(
    "show",
    arguments=(NAMESPACE.required(),),
    examples={
        "As a script does": "pratique provider show -n Microsoft.MachineLearningServices --query registrationState"
    },
    columns=COLUMNS,
)
def show(*, namespace: str) -> Document:
    """Show a provider that is built in."""
    if known := _named(namespace):
        return _document(known)
    raise NotFound(f"there is no provider {namespace!r}", hint=f"built in are: {', '.join(BUILT_IN)}")


@TABLE.verb("list", examples={"What is built in": "pratique provider list -o table"}, columns=COLUMNS)
def list_all() -> list[Document]:
    """List the providers that are built in."""
    return [_document(one) for one in BUILT_IN]


def _named(namespace: str) -> str:
    """The provider as it is spelt; empty for one that is not here."""
    return next((one for one in BUILT_IN if one.lower() == namespace.lower()), "")


def _document(namespace: str) -> Document:
    return {
        "id": f"/providers/{namespace}",
        "namespace": namespace,
        "registrationPolicy": "RegistrationFree",
        "registrationState": "Registered",
    }
