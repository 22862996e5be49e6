"""The permission table, spelt out: what each role may and may not do."""

import pytest

from pratique.base.errors import Forbidden
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.permissions import (
    ACTIONS,
    ASSIGNABLE,
    DATA_ACTIONS,
    ROLES,
    is_permitted,
    is_permitted_within,
    permit,
    permit_somewhere,
    workspace_scope,
)

DEV = workspace_scope("dev")

# What a Contributor may not, however many actions are added: everything about people, and the decisions of others.
NOT_A_CONTRIBUTORS = {
    "principals/write", "principals/delete", "roles/write", "roles/delete", "approvals/decide",
    "checks/write", "stage_environments/delete",  # Without them there is nothing to decide.
    "service_connections/write", "service_connections/delete",  # One acts as somebody else.
    "vaults/policies", "vaults/rotate", "tokens/rotate", "audit/rotate",
    "units/report",  # What a worker says of its own unit.
}  # fmt: skip
TRACKING = {"workspaces/read", "artifacts/read", "artifacts/write", "content/read", "models/read"}
JOB = {
    "runs/read", "runs/write", "artifacts/read", "artifacts/write", "models/read", "models/write",
    "data/read", "content/read", "environments/read", "workspaces/read",
}  # fmt: skip
READS = {action for action in ACTIONS if action.endswith("/read")}
SCIENCE = {
    f"{noun}/{verb}"
    for noun in ("content", "datastores", "data", "environments", "models", "components", "jobs", "runs", "artifacts",
                 "endpoints", "deployments")
    for verb in ("read", "write", "delete", "cancel", "keys", "score")
} & ACTIONS  # fmt: skip
ABOUT = {"account/read", "status/read"}
EXPECTED = {
    "Owner": set(ACTIONS) - DATA_ACTIONS,
    "Contributor": set(ACTIONS) - DATA_ACTIONS - NOT_A_CONTRIBUTORS,
    "AzureML Data Scientist": SCIENCE
    | ABOUT
    | {
        "groups/read",
        "workspaces/read",
        "computes/read",
        "events/read",
        "sessions/write",
    },
    "AzureML Compute Operator": ABOUT | {"workspaces/read", "computes/read", "computes/write", "computes/delete"},
    "Managed Identity Contributor": ABOUT | {"groups/read", "identities/read", "identities/write", "identities/delete"},
    "Managed Identity Operator": ABOUT | {"groups/read", "identities/read", "identities/assign"},
    "Key Vault Secrets User": ABOUT | {"secrets/get", "secrets/list"},
    "Key Vault Secrets Officer": ABOUT | DATA_ACTIONS | {"vaults/read"},
    "Reader": READS | {"sessions/write"},
    "Approver": READS | {"approvals/decide", "sessions/write"},
    "Tracking": TRACKING,
    "Job": JOB,
    "Delivery": {"units/report"},
    "Push": {"repositories/read", "repositories/write"},
    "Checkout": {"repositories/read"},
    "Run reader": {"deliveries/read"},
}


def somebody(role: str, scope: str = "/") -> Actor:
    return Actor("1", "ann", "user", (Grant(role, scope),))


def test_every_role_is_in_the_expected_table() -> None:
    assert set(EXPECTED) == set(ROLES)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_a_role_grants_exactly_its_actions(role: str) -> None:
    assert {action for action in ACTIONS if is_permitted(somebody(role), action, "/")} == EXPECTED[role]


@pytest.mark.parametrize("role", sorted(set(ROLES) - set(ASSIGNABLE)))
def test_what_nobody_can_be_assigned_cannot_touch_people(role: str) -> None:
    assert not {action for action in EXPECTED[role] if action.split("/")[0] in ("principals", "roles", "sessions")}


@pytest.mark.parametrize(
    ("granted", "asked", "covered"),
    [
        ("/", "/", True),
        ("/", "/workspaces/dev", True),
        ("/workspaces/dev", "/workspaces/dev", True),
        ("/workspaces/dev", "/workspaces/dev/endpoints/e", True),
        ("/workspaces/dev", "/workspaces/dev2", False),
        ("/workspaces/dev", "/workspaces/de", False),
        ("/workspaces/dev", "/workspaces/prod", False),
        ("/workspaces/dev", "/workspaces/Dev", False),
        ("/workspaces/dev", "/workspaces", False),
        ("/workspaces/dev", "/", False),
        ("/workspaces/dev", "", False),
        ("/groups/team", "/workspaces/team", False),
    ],
)
def test_a_role_counts_at_its_scope_and_below(granted: str, asked: str, covered: bool) -> None:
    assert is_permitted(somebody("Owner", granted), "jobs/read", asked) is covered


def test_who_has_no_role_may_nothing() -> None:
    nobody = Actor("1", "ann", "user")
    assert not any(is_permitted(nobody, action, "/") for action in ACTIONS)


def test_a_role_that_does_not_exist_grants_nothing() -> None:
    assert not any(is_permitted(somebody(role), "jobs/read", "/") for role in ("owner", "Admin", "", "*"))


def test_roles_do_not_mix_their_scopes() -> None:
    actor = Actor("1", "ann", "user", (Grant("Reader", "/"), Grant("Owner", DEV)))
    assert is_permitted(actor, "jobs/write", DEV)
    assert not is_permitted(actor, "jobs/write", workspace_scope("prod"))
    assert is_permitted(actor, "jobs/read", workspace_scope("prod"))


@pytest.mark.parametrize("action", ["jobs/*", "*", "jobs/fly", "", "jobs"])
def test_an_action_that_is_not_in_the_table_is_a_mistake_even_for_an_owner(action: str) -> None:
    with pytest.raises(ValueError, match="not an action"):
        is_permitted(PLATFORM, action, "/")


def test_a_refusal_says_who_what_and_where() -> None:
    with pytest.raises(Forbidden, match="ann may not do jobs/write at /workspaces/dev") as caught:
        permit(somebody("Reader"), "jobs/write", DEV)
    assert "role assignment create" in caught.value.hint


def test_within_means_there_or_at_something_inside() -> None:
    inside = somebody("Reader", f"{DEV}/endpoints/credit")
    assert is_permitted_within(inside, "workspaces/read", DEV)
    assert not is_permitted(inside, "workspaces/read", DEV)
    assert not is_permitted_within(inside, "workspaces/write", DEV)
    assert not is_permitted_within(inside, "workspaces/read", workspace_scope("de"))
    assert not is_permitted_within(inside, "workspaces/read", workspace_scope("dev2"))


def test_a_grant_that_brings_its_actions_grants_them_and_no_others() -> None:
    actor = Actor("1", "ann", "user", (Grant("Ours", DEV, frozenset({"jobs/read"})),))
    assert {action for action in ACTIONS if is_permitted(actor, action, DEV)} == {"jobs/read"}
    assert not is_permitted(actor, "jobs/read", "/")


def test_somewhere_means_at_any_scope_that_grants_it() -> None:
    permit_somewhere(somebody("Reader", DEV), "workspaces/read")
    with pytest.raises(Forbidden):
        permit_somewhere(somebody("Reader", DEV), "workspaces/write")
    with pytest.raises(Forbidden):
        permit_somewhere(Actor("1", "ann", "user"), "workspaces/read")
