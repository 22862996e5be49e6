"""Scopes as people and as Azure write them."""

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.control.scopes import endpoint_of, group_of, parse_scope, workspace_of

SUBSCRIPTION = "/subscriptions/8f5c1b1e-0000-4000-8000-000000000000"
PROVIDER = "/providers/Microsoft.MachineLearningServices/workspaces"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/", "/"),
        (SUBSCRIPTION, "/"),
        (SUBSCRIPTION + "/", "/"),
        ("/workspaces/dev", "/workspaces/dev"),
        ("/workspaces/dev/", "/workspaces/dev"),
        ("/groups/team", "/groups/team"),
        ("/resourceGroups/team", "/groups/team"),
        (f"{SUBSCRIPTION}/resourceGroups/team", "/groups/team"),
        (f"{SUBSCRIPTION}/resourcegroups/Team_1", "/groups/Team_1"),
        (f"{SUBSCRIPTION}/resourceGroups/team{PROVIDER}/dev", "/workspaces/dev"),
        (f"{SUBSCRIPTION}/resourceGroups/team{PROVIDER.lower()}/dev", "/workspaces/dev"),
        (f"/resourceGroups/team{PROVIDER}/dev", "/workspaces/dev"),
        ("/resourceGroups/team/workspaces/dev", "/workspaces/dev"),
        (
            f"{SUBSCRIPTION}/resourceGroups/team{PROVIDER}/dev/onlineEndpoints/credit",
            "/workspaces/dev/endpoints/credit",
        ),
        ("/workspaces/dev/endpoints/credit", "/workspaces/dev/endpoints/credit"),
        ("/delivery/credit/environments/qa", "/delivery/credit/environments/qa"),
        ("/vaults/kv-dev", "/vaults/kv-dev"),
        (f"{SUBSCRIPTION}/resourceGroups/team/providers/Microsoft.KeyVault/vaults/kv-dev", "/vaults/kv-dev"),
    ],
)
def test_a_scope_is_understood(written: str, meant: str) -> None:
    assert parse_scope(written) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        " / ",
        "dev",
        "workspaces/dev",
        "//",
        "///",
        "/workspaces//",
        "/workspaces",
        "/workspaces/..",
        "/workspaces/../..",
        "/workspaces/De v",
        "/workspaces/dev%2f..",
        "/workspaces/*",
        "/workspaces/dev\n",
        "/groups/*",
        "/subscriptions",
        "/subscriptions//resourceGroups/team",
        f"{SUBSCRIPTION}/resourceGroups/team/providers/Microsoft.Storage/storageAccounts/x",
        f"{SUBSCRIPTION}/workspaces/dev",
        "/managementGroups/all",
        "x" * 100_000,
    ],
    ids=lambda text: ascii(text[:40]),
)
def test_what_is_no_scope_is_refused_and_never_widened(written: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_scope(written)
    assert not isinstance(caught.value, NotYet)


def test_what_else_lies_below_a_workspace_is_said_to_come_later() -> None:
    with pytest.raises(NotYet, match="below a workspace"):
        parse_scope(f"{SUBSCRIPTION}/resourceGroups/team{PROVIDER}/dev/models/credit")


def test_a_scope_knows_what_it_is() -> None:
    assert (workspace_of("/workspaces/dev"), workspace_of("/groups/dev"), workspace_of("/")) == ("dev", None, None)
    assert workspace_of("/workspaces/dev/endpoints/credit") is None
    assert endpoint_of("/workspaces/dev/endpoints/credit") == ("dev", "credit")
    assert endpoint_of("/workspaces/dev") is None
    assert (group_of("/groups/team"), group_of("/workspaces/team"), group_of("/")) == ("team", None, None)
