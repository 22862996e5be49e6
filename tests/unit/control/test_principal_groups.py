"""Groups: their roles count for whoever is in them now, and an Owner alone says who is."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound
from pratique.control import principal_groups, principals, roles, vaults
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential, SignIns
from pratique.control.grants import actor_for
from pratique.control.permissions import is_permitted
from pratique.store import events, groups
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup


@pytest.fixture
def bob(database: Database, now: datetime) -> Callable[[], Actor]:
    """Who bob is now; there is a group of the name scientists that he is not in."""
    with database.write() as tx:
        principals.ensure_owner(tx, "ann", now=now)
        credential = Credential("", "$argon2id$unused", now + timedelta(days=1))
        made = principals.create_user(tx, PLATFORM, "bob", display_name="", credential=credential, now=now)
        principal_groups.create(tx, PLATFORM, "scientists", now=now)

    def now_() -> Actor:
        with database.read() as tx:
            return actor_for(tx, made)

    return now_


def add(database: Database, now: datetime, member: str = "bob", by: Actor = PLATFORM) -> None:
    with database.write() as tx:
        principal_groups.add_member(tx, by, "scientists", member, now=now)


def give(database: Database, assignee: str, role: str, now: datetime, scope: str = "/") -> roles.Assigned:
    with database.write() as tx:
        return roles.assign(tx, PLATFORM, role=role, assignee=assignee, scope=scope, now=now)


def test_a_role_of_a_group_counts_for_its_members_as_long_as_they_are_in_it(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    give(database, "scientists", "Reader", now)
    assert bob().grants == ()
    add(database, now)
    add(database, now)
    assert bob().grants == (Grant("Reader", "/"),)
    with database.write() as tx:
        principal_groups.remove_member(tx, PLATFORM, "scientists", "bob", now=now)
    assert bob().grants == ()


def test_a_role_counts_once_however_often_it_was_given(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    for who in ("bob", "scientists"):
        give(database, who, "Reader", now)
    add(database, now)
    assert bob().grants == (Grant("Reader", "/"),)


def test_a_group_that_is_gone_gives_nothing_and_its_members_stay(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    give(database, "scientists", "Contributor", now)
    add(database, now)
    with database.write() as tx:
        principal_groups.delete(tx, PLATFORM, "scientists", now=now)
        principal_groups.create(tx, PLATFORM, "scientists", now=now)
        assert principal_groups.members(tx, PLATFORM, "scientists") == []
    assert bob().grants == ()


def test_who_is_deleted_is_in_no_group(database: Database, bob: Callable[[], Actor], now: datetime) -> None:
    add(database, now)
    with database.write() as tx:
        principals.delete(tx, PLATFORM, "bob", kind="user", now=now)
        assert principal_groups.members(tx, PLATFORM, "scientists") == []


def test_each_change_is_told_once(database: Database, bob: Callable[[], Actor], now: datetime) -> None:
    add(database, now)
    add(database, now)
    with database.write() as tx:
        principal_groups.create(tx, PLATFORM, "scientists", now=now)
        principal_groups.remove_member(tx, PLATFORM, "scientists", "bob", now=now)
    with database.read() as tx:
        told = [event for event in events.after(tx, 0) if "roup" in event.type]
    assert [(event.type, event.data.get("member")) for event in told] == [
        ("Pratique.PrincipalGroupCreated", None),
        ("Pratique.GroupMemberAdded", "bob"),
        ("Pratique.GroupMemberRemoved", "bob"),
    ]


def test_membership_is_asked_and_listed(database: Database, bob: Callable[[], Actor], now: datetime) -> None:
    add(database, now)
    with database.write() as tx:
        assert [one.name for one in principal_groups.members(tx, PLATFORM, "scientists")] == ["bob"]
        assert principal_groups.is_member(tx, PLATFORM, "scientists", bob().id)
        assert not principal_groups.is_member(tx, PLATFORM, "scientists", "ann")
        with pytest.raises(NotFound, match="not in the group"):
            principal_groups.remove_member(tx, PLATFORM, "scientists", "ann", now=now)
        for nobody in ("eve", "bob"):
            with pytest.raises(NotFound):
                principal_groups.members(tx, PLATFORM, nobody)


def test_a_group_is_in_no_group_and_signs_in_nowhere_and_answers_for_nothing(
    database: Database, bob: Callable[[], Actor], now: datetime
) -> None:
    with pytest.raises(InvalidInput, match="in no group"):
        add(database, now, "scientists")
    with pytest.raises(Exception, match="id or its secret is wrong"):
        SignIns().authenticate(database, "scientists", "", now=now)
    with database.write() as tx:
        with pytest.raises(InvalidInput, match="is a group"):
            roles.find_principal(tx, "scientists")
        with pytest.raises(InvalidInput, match="is a group"):
            principals.reset_credential(tx, PLATFORM, "scientists", credential=Credential("", "$x", now), now=now)
        with pytest.raises(AlreadyExists, match="group 'scientists' already"):
            principals.create_user(
                tx, PLATFORM, "scientists", display_name="", credential=Credential("", "$x", now), now=now
            )


def test_the_last_owner_is_a_person_and_no_group(database: Database, bob: Callable[[], Actor], now: datetime) -> None:
    give(database, "scientists", "Owner", now)
    add(database, now)
    with database.read() as tx:
        (anns,) = roles.every(tx, PLATFORM, assignee="ann")
    with pytest.raises(Conflict, match="last Owner"), database.write() as tx:
        roles.unassign(tx, PLATFORM, anns.assignment.id, now=now)
    with database.write() as tx:
        principal_groups.delete(tx, PLATFORM, "scientists", now=now)


@pytest.mark.parametrize("role", ["Contributor", "Reader", "AzureML Data Scientist"])
def test_only_an_owner_says_who_is_in_a_group(
    database: Database, bob: Callable[[], Actor], now: datetime, role: str
) -> None:
    eve = Actor("1", "eve", "user", (Grant(role, "/"),))
    with pytest.raises(Forbidden):
        add(database, now, by=eve)
    with database.write() as tx:
        for verb in (principal_groups.create, principal_groups.delete):
            with pytest.raises(Forbidden):
                verb(tx, eve, "scientists", now=now)
        with pytest.raises(Forbidden):
            principal_groups.remove_member(tx, eve, "scientists", "bob", now=now)


def test_a_group_with_a_role_of_secrets_reads_them(database: Database, now: datetime) -> None:
    with database.write() as tx:
        owner = actor_for(tx, principals.ensure_owner(tx, "ann", now=now))
        credential = Credential("", "$x", now)
        bob = principals.create_user(tx, PLATFORM, "bob", display_name="", credential=credential, now=now)
        groups.add(tx, ResourceGroup("team", "local", {}, now))
        kv = vaults.create(tx, owner, "kv-dev", group="team", now=now)
        principal_groups.create(tx, PLATFORM, "readers", now=now)
        principal_groups.add_member(tx, PLATFORM, "readers", "bob", now=now)
        assert not vaults.is_let(tx, actor_for(tx, bob), kv, "get")
        roles.assign(tx, PLATFORM, role="Key Vault Secrets User", assignee="readers", scope="/vaults/kv-dev", now=now)
        reader = actor_for(tx, bob)
        allowed = [one for one in vaults.PERMISSIONS if vaults.is_let(tx, reader, kv, one)]
        assert allowed == ["get", "list"]
        assert vaults.get(tx, reader, "kv-dev") == kv
        assert not is_permitted(reader, "vaults/write", "/vaults/kv-dev")
