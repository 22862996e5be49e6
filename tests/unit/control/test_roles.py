"""Role assignments: who may give them, what they reach, and the Owner who stays."""

from datetime import datetime, timedelta

import pytest

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound, NotYet
from pratique.control import principals, roles
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential
from pratique.control.grants import actor_for
from pratique.control.permissions import is_permitted
from pratique.store import events, groups, workspaces
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.principals import Principal
from pratique.store.workspaces import Workspace

SECRET = Credential("unused", "$argon2id$unused", datetime.max)


@pytest.fixture
def ann(database: Database, now: datetime) -> Principal:
    """The first Owner, in a home with two groups: ``team`` holds ``dev`` and ``qa-1``, ``other`` holds ``lab``."""
    with database.write() as tx:
        for group, names in {"team": ("dev", "qa-1"), "other": ("lab",)}.items():
            groups.add(tx, ResourceGroup(group, "local", {}, now))
            for name in names:
                workspaces.add(tx, Workspace(name, group, "local", name, "", {}, now, {}))
        return principals.ensure_owner(tx, "ann", now=now)


@pytest.fixture
def bob(database: Database, ann: Principal, now: datetime) -> Principal:
    """Somebody without any role."""
    with database.write() as tx:
        credential = Credential("", "$argon2id$unused", now + timedelta(days=1))
        return principals.create_user(tx, PLATFORM, "bob", display_name="Bob", credential=credential, now=now)


def actor(database: Database, principal: Principal) -> Actor:
    with database.read() as tx:
        return actor_for(tx, principal)


def give(database: Database, who: str, role: str, scope: str, now: datetime, by: Actor = PLATFORM) -> roles.Assigned:
    with database.write() as tx:
        return roles.assign(tx, by, role=role, assignee=who, scope=scope, now=now)


def take(database: Database, row: roles.Assigned, now: datetime, by: Actor = PLATFORM) -> None:
    with database.write() as tx:
        roles.unassign(tx, by, row.assignment.id, now=now)


def told(database: Database) -> list[str]:
    with database.read() as tx:
        return [event.type for event in events.after(tx, 0)]


@pytest.mark.parametrize("role", ["Contributor", "contributor", "CONTRIBUTOR"])
def test_a_role_is_given_by_name_and_counts_at_once(
    database: Database, bob: Principal, now: datetime, role: str
) -> None:
    give(database, "bob", role, "/workspaces/dev", now)
    assert actor(database, bob).grants == (Grant("Contributor", "/workspaces/dev"),)
    assert told(database)[-1] == "Pratique.RoleAssigned"


def test_a_role_is_given_by_id_as_well(database: Database, bob: Principal, now: datetime) -> None:
    assert give(database, bob.id, "Reader", "/", now).principal == bob


def test_giving_the_same_role_again_changes_nothing(database: Database, bob: Principal, now: datetime) -> None:
    first = give(database, "bob", "Reader", "/", now)
    before = told(database)
    assert give(database, "bob", "reader", "/subscriptions/x", now) == first
    assert told(database) == before


def test_a_role_that_is_taken_away_counts_no_more(database: Database, bob: Principal, now: datetime) -> None:
    row = give(database, "bob", "Owner", "/", now)
    take(database, row, now)
    assert actor(database, bob).grants == ()
    assert told(database)[-1] == "Pratique.RoleUnassigned"


def test_taking_away_what_is_not_there_is_no_error_and_no_event(
    database: Database, ann: Principal, now: datetime
) -> None:
    before = told(database)
    for id in ("none", "", "\x00"):  # noqa: A001 - the word of the API.
        with database.write() as tx:
            roles.unassign(tx, PLATFORM, id, now=now)
    assert told(database) == before


@pytest.mark.parametrize("role", ["Job", "Tracking", "job", "*", "", "Root", "Owner\x00"])
def test_only_roles_for_people_can_be_given(database: Database, bob: Principal, now: datetime, role: str) -> None:
    with pytest.raises(InvalidInput, match="no role") as caught:
        give(database, "bob", role, "/", now)
    assert "Contributor" in caught.value.hint


def test_a_role_of_azure_that_comes_later_is_called_so(database: Database, bob: Principal, now: datetime) -> None:
    with pytest.raises(NotYet, match="User Access Administrator"):
        give(database, "bob", "User Access Administrator", "/", now)


@pytest.mark.parametrize("who", ["nobody", "", "\x00", "bob "])
def test_a_role_for_nobody_is_refused(database: Database, bob: Principal, now: datetime, who: str) -> None:
    with pytest.raises(NotFound, match="no user or service principal"):
        give(database, who, "Reader", "/", now)


@pytest.mark.parametrize("scope", ["/workspaces/later", "/groups/later", "/workspaces/dev/endpoints/later"])
def test_a_role_cannot_wait_for_what_is_made_later(
    database: Database, bob: Principal, now: datetime, scope: str
) -> None:
    with pytest.raises(NotFound, match="later"):
        give(database, "bob", "Owner", scope, now)


def test_a_role_at_a_group_reaches_its_workspaces_and_no_other(
    database: Database, bob: Principal, now: datetime
) -> None:
    give(database, "bob", "Reader", "/subscriptions/x/resourceGroups/team", now)
    reader = actor(database, bob)
    reached = [name for name in ("dev", "qa-1", "lab") if is_permitted(reader, "jobs/read", f"/workspaces/{name}")]
    assert reached == ["dev", "qa-1"]
    assert not is_permitted(reader, "jobs/read", "/")


def test_a_role_at_a_group_reaches_a_workspace_that_comes_later(
    database: Database, bob: Principal, now: datetime
) -> None:
    give(database, "bob", "Reader", "/groups/team", now)
    with database.write() as tx:
        workspaces.add(tx, Workspace("new", "team", "local", "new", "", {}, now, {}))
    assert is_permitted(actor(database, bob), "jobs/read", "/workspaces/new")


@pytest.mark.parametrize("role", ["Contributor", "Reader", "Approver"])
def test_only_an_owner_gives_and_takes_roles(database: Database, bob: Principal, now: datetime, role: str) -> None:
    row = give(database, "bob", role, "/", now)
    bobs = actor(database, bob)
    with pytest.raises(Forbidden):
        give(database, "bob", "Owner", "/", now, by=bobs)
    with pytest.raises(Forbidden):
        take(database, row, now, by=bobs)


def test_the_owner_of_a_workspace_gives_roles_there_and_nowhere_else(
    database: Database, bob: Principal, now: datetime
) -> None:
    give(database, "bob", "Owner", "/workspaces/dev", now)
    bobs = actor(database, bob)
    give(database, "ann", "Reader", "/workspaces/dev", now, by=bobs)
    for scope in ("/", "/workspaces/lab", "/groups/team", "/subscriptions/x"):
        with pytest.raises(Forbidden):
            give(database, "bob", "Owner", scope, now, by=bobs)


def test_who_may_not_learns_nothing_about_who_is_there(database: Database, bob: Principal, now: datetime) -> None:
    for who in ("ann", "nobody"):
        with pytest.raises(Forbidden):
            give(database, who, "Reader", "/workspaces/dev", now, by=actor(database, bob))


def owner_row(database: Database, principal: Principal) -> roles.Assigned:
    with database.read() as tx:
        return next(row for row in roles.every(tx, PLATFORM, assignee=principal.id, scope="/"))


def test_the_last_owner_cannot_be_taken_away(database: Database, ann: Principal, now: datetime) -> None:
    with pytest.raises(Conflict, match="last Owner"):
        take(database, owner_row(database, ann), now)
    assert actor(database, ann).grants == (Grant("Owner", "/"),)


def test_an_owner_of_a_workspace_is_not_an_owner_of_the_home(
    database: Database, ann: Principal, bob: Principal, now: datetime
) -> None:
    give(database, "bob", "Owner", "/workspaces/dev", now)
    give(database, "bob", "Contributor", "/", now)
    with pytest.raises(Conflict):
        take(database, owner_row(database, ann), now)


def test_the_last_owner_cannot_be_deleted(database: Database, ann: Principal, now: datetime) -> None:
    with pytest.raises(Conflict, match="last Owner"), database.write() as tx:
        principals.delete(tx, PLATFORM, "ann", kind="user", now=now)


def test_one_of_two_owners_may_go(database: Database, ann: Principal, bob: Principal, now: datetime) -> None:
    row = give(database, "bob", "Owner", "/", now)
    take(database, owner_row(database, ann), now, by=actor(database, ann))
    with pytest.raises(Conflict):
        take(database, row, now, by=actor(database, bob))


def test_roles_are_listed_by_who_and_by_where(database: Database, bob: Principal, now: datetime) -> None:
    give(database, "bob", "Reader", "/workspaces/dev", now)
    give(database, "bob", "Approver", "/", now)

    def listed(**only: str) -> list[tuple[str, str, str]]:
        with database.read() as tx:
            rows = roles.every(tx, PLATFORM, **only)
        return [(row.principal.name, row.assignment.role, row.assignment.scope) for row in rows]

    assert listed() == [
        ("ann", "Owner", "/"),
        ("bob", "Reader", "/workspaces/dev"),
        ("bob", "Approver", "/"),
    ]
    assert listed(assignee="bob", scope="/workspaces/dev") == [("bob", "Reader", "/workspaces/dev")]
    assert listed(scope="/workspaces/lab") == []


def test_a_workspaces_reader_sees_the_roles_there_and_no_other(
    database: Database, bob: Principal, now: datetime
) -> None:
    row = give(database, "bob", "Reader", "/workspaces/dev", now)
    bobs = actor(database, bob)
    with database.read() as tx:
        assert roles.every(tx, bobs, scope="/workspaces/dev") == [row]
        assert roles.get(tx, bobs, row.assignment.id) == row
        with pytest.raises(Forbidden):
            roles.every(tx, bobs)
        with pytest.raises(Forbidden):
            roles.every(tx, bobs, scope="/workspaces/lab")
