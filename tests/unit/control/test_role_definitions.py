"""Custom roles: by their actions, at their scopes, and never more than whoever defined them could give."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from pratique.control import principals, role_definitions, roles
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential
from pratique.control.grants import actor_for
from pratique.control.permissions import ACTIONS, DATA_ACTIONS, is_permitted
from pratique.control.role_definitions import NewRole
from pratique.store import groups, workspaces
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.workspaces import Workspace

OPERATOR = NewRole("Job Operator", "Runs jobs.", ["jobs/*", "*/read"], ["jobs/cancel"], [], [], ["/workspaces/dev"])


@pytest.fixture
def bob(database: Database, now: datetime) -> Callable[[], Actor]:
    """Who bob is now, in a home with the workspaces dev and qa-1."""
    with database.write() as tx:
        groups.add(tx, ResourceGroup("team", "local", {}, now))
        for name in ("dev", "qa-1"):
            workspaces.add(tx, Workspace(name, "team", "local", name, "", {}, now, {}))
        credential = Credential("", "$argon2id$unused", now)
        made = principals.create_user(tx, PLATFORM, "bob", display_name="", credential=credential, now=now)

    def now_() -> Actor:
        with database.read() as tx:
            return actor_for(tx, made)

    return now_


def define(database: Database, said: NewRole, now: datetime, by: Actor = PLATFORM) -> role_definitions.Role:
    with database.write() as tx:
        return role_definitions.create(tx, by, said, now=now)


def give(database: Database, role: str, scope: str, now: datetime) -> roles.Assigned:
    with database.write() as tx:
        return roles.assign(tx, PLATFORM, role=role, assignee="bob", scope=scope, now=now)


def test_a_role_grants_its_actions_without_those_that_it_leaves_out(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    define(database, OPERATOR, now)
    give(database, "job operator", "/workspaces/dev", now)
    granted = {action for action in ACTIONS if is_permitted(bob(), action, "/workspaces/dev")}
    assert granted == {"jobs/read", "jobs/write"} | {one for one in ACTIONS if one.endswith("/read")}
    assert not any(is_permitted(bob(), action, "/workspaces/qa-1") for action in ACTIONS)


def test_what_a_role_means_can_change_for_those_who_have_it(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    define(database, OPERATOR, now)
    give(database, OPERATOR.name, "/workspaces/dev", now)
    with database.write() as tx:
        role_definitions.update(tx, PLATFORM, replace(OPERATOR, actions=["models/read"], not_actions=[]), now=now)
    assert {action for action in ACTIONS if is_permitted(bob(), action, "/workspaces/dev")} == {"models/read"}


def test_a_star_does_not_reach_secrets_and_a_data_action_does(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    define(database, NewRole("All", "", ["*"], [], [], [], ["/"]), now)
    give(database, "All", "/", now)
    assert {action for action in ACTIONS if is_permitted(bob(), action, "/")} == ACTIONS - DATA_ACTIONS
    define(database, NewRole("Secrets", "", [], [], ["secrets/*"], ["secrets/purge"], ["/"]), now)
    give(database, "Secrets", "/", now)
    assert is_permitted(bob(), "secrets/get", "/vaults/kv")
    assert not is_permitted(bob(), "secrets/purge", "/vaults/kv")


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"actions": ["jobs/fly"]}, "Actions[0]"),
        ({"actions": ["jobs/read", "Microsoft.MachineLearningServices/workspaces/read"]}, "Actions[1]"),
        ({"actions": ["secrets/get"]}, "Actions[0]"),
        ({"actions": ["job?/read"]}, "Actions[0]"),
        ({"actions": ["[a-z]*/read"]}, "Actions[0]"),
        ({"actions": ["**"]}, "Actions[0]"),
        ({"actions": [""]}, "Actions[0]"),
        ({"not_actions": ["jobs/fly"]}, "NotActions[0]"),
        ({"data_actions": ["jobs/read"]}, "DataActions[0]"),
        ({"not_data_actions": ["x"]}, "NotDataActions[0]"),
        ({"actions": []}, "Actions"),
        ({"actions": ["jobs/read"] * 201}, "Actions"),
        ({"assignable_scopes": []}, "AssignableScopes"),
        ({"assignable_scopes": ["/workspaces/dev", "dev"]}, "AssignableScopes[1]"),
        ({"name": "Job\nOperator"}, "Name"),
        ({"name": ""}, "Name"),
        ({"name": "x" * 65}, "Name"),
    ],
    ids=str,
)
def test_what_means_nothing_is_refused_by_its_place(
    database: Database, now: datetime, changes: dict[str, Any], key: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        define(database, replace(OPERATOR, **changes), now)
    assert [problem.key for problem in refused.value.problems] == [key]


def test_everything_wrong_is_said_at_once(database: Database, now: datetime) -> None:
    with pytest.raises(InvalidInput) as refused:
        define(database, NewRole("/", "", ["a/b", "c"], [], [], [], ["d"]), now)
    assert [problem.key for problem in refused.value.problems] == [
        "Name", "Actions[0]", "Actions[1]", "AssignableScopes[0]",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["Owner", "owner", "JOB", "AzureML Data Scientist"])
def test_a_role_of_the_platform_is_neither_defined_again_nor_changed_nor_forgotten(
    database: Database, now: datetime, name: str
) -> None:
    said = replace(OPERATOR, name=name)
    with pytest.raises(AlreadyExists):
        define(database, said, now)
    with pytest.raises(InvalidInput, match="stays as it is"), database.write() as tx:
        role_definitions.update(tx, PLATFORM, said, now=now)
    with pytest.raises(InvalidInput, match="stays as it is"), database.write() as tx:
        role_definitions.delete(tx, PLATFORM, name, now=now)


def test_names_that_differ_by_case_are_one_role(database: Database, now: datetime) -> None:
    define(database, OPERATOR, now)
    with pytest.raises(AlreadyExists):
        define(database, replace(OPERATOR, name="JOB operator"), now)
    with database.read() as tx:
        assert role_definitions.get(tx, PLATFORM, "jOB OPERATOR").name == "Job Operator"


def test_a_role_is_given_at_its_scopes_and_below_only(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    define(database, OPERATOR, now)
    for scope in ("/", "/groups/team", "/workspaces/qa-1"):
        with pytest.raises(InvalidInput, match="may be given at /workspaces/dev"):
            give(database, OPERATOR.name, scope, now)


def test_scopes_cannot_shrink_below_where_the_role_is_given(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    define(database, OPERATOR, now)
    row = give(database, OPERATOR.name, "/workspaces/dev", now)
    with pytest.raises(Conflict, match="given at /workspaces/dev") as refused, database.write() as tx:
        role_definitions.update(tx, PLATFORM, replace(OPERATOR, assignable_scopes=["/workspaces/qa-1"]), now=now)
    assert row.assignment.id in refused.value.hint


def test_a_role_that_somebody_has_is_not_forgotten(database: Database, bob: Callable[[], Actor], now: datetime) -> None:
    define(database, OPERATOR, now)
    row = give(database, OPERATOR.name, "/workspaces/dev", now)
    with pytest.raises(Conflict, match="given 1 times"), database.write() as tx:
        role_definitions.delete(tx, PLATFORM, OPERATOR.name, now=now)
    with database.write() as tx:
        roles.unassign(tx, PLATFORM, row.assignment.id, now=now)
        role_definitions.delete(tx, PLATFORM, OPERATOR.name, now=now)
        role_definitions.delete(tx, PLATFORM, OPERATOR.name, now=now)
        with pytest.raises(NotFound):
            role_definitions.get(tx, PLATFORM, OPERATOR.name)


def test_who_gives_roles_in_one_workspace_defines_them_for_that_workspace_alone(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    give(database, "Owner", "/workspaces/dev", now)
    define(database, OPERATOR, now, by=bob())
    for scopes in (["/"], ["/workspaces/dev", "/workspaces/qa-1"]):
        with pytest.raises(Forbidden):
            define(database, replace(OPERATOR, name="Wider", assignable_scopes=scopes), now, by=bob())
        with pytest.raises(Forbidden), database.write() as tx:
            role_definitions.update(tx, bob(), replace(OPERATOR, assignable_scopes=scopes), now=now)


@pytest.mark.parametrize("role", ["Contributor", "Reader", "AzureML Data Scientist"])
def test_who_may_not_give_roles_may_not_define_them(database: Database, now: datetime, role: str) -> None:
    eve = Actor("1", "eve", "user", (Grant(role, "/"),))
    with pytest.raises(Forbidden):
        define(database, OPERATOR, now, by=eve)
