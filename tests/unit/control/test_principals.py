"""Users and service principals, and the owner of the home."""

import json
from datetime import datetime

import pytest

from pratique.base.errors import AlreadyExists, Forbidden, InvalidInput, NotFound
from pratique.control import principals, sessions
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential, new_credential
from pratique.control.grants import actor_for
from pratique.control.principals import SERVICE_PRINCIPAL, USER
from pratique.store import events
from pratique.store import principals as rows
from pratique.store.database import Database
from pratique.store.principals import Principal


@pytest.fixture(scope="module")
def credential() -> Credential:
    return new_credential(now=datetime.fromisoformat("2026-03-01T12:00:00+00:00"))


def add_user(database: Database, credential: Credential, now: datetime, name: str = "bob") -> Principal:
    with database.write() as tx:
        return principals.create_user(tx, PLATFORM, name, display_name="", credential=credential, now=now)


def add_robot(database: Database, credential: Credential, now: datetime, name: str = "robot") -> Principal:
    with database.write() as tx:
        return principals.create_service_principal(tx, PLATFORM, name, credential=credential, now=now)


def journal(database: Database) -> list[events.StoredEvent]:
    with database.read() as tx:
        return events.after(tx, 0)


def with_role(role: str, principal: Principal | None = None) -> Actor:
    id, name = (principal.id, principal.name) if principal else ("1", "someone")  # noqa: A001 - the word of the API.
    return Actor(id, name, "user", (Grant(role, "/"),))


def test_who_is_made_has_no_role(database: Database, credential: Credential, now: datetime) -> None:
    made = add_user(database, credential, now)
    with database.read() as tx:
        assert actor_for(tx, made) == Actor(made.id, "bob", "user", ())


def test_neither_rows_nor_events_hold_a_secret(database: Database, credential: Credential, now: datetime) -> None:
    add_user(database, credential, now)
    robot = add_robot(database, credential, now)
    with database.write() as tx:
        principals.reset_credential(tx, PLATFORM, robot.id, credential=credential, now=now)
    with database.read() as tx:
        everything = repr([rows.every(tx, kind) for kind in rows.KINDS])
    journalled = json.dumps([event.data for event in journal(database)], default=str) + repr(journal(database))
    assert credential.secret not in everything + journalled
    assert credential.hash not in journalled
    assert "secret_expires_at" in journalled


def test_each_change_has_its_event(database: Database, credential: Credential, now: datetime) -> None:
    bob = add_user(database, credential, now)
    robot = add_robot(database, credential, now)
    with database.write() as tx:
        principals.reset_credential(tx, PLATFORM, "bob", credential=credential, now=now)
        principals.delete(tx, PLATFORM, bob.id, kind=USER, now=now)
        principals.delete(tx, PLATFORM, "robot", kind=SERVICE_PRINCIPAL, now=now)
    assert [(event.type, event.subject, event.actor["name"]) for event in journal(database)] == [
        ("Pratique.UserCreated", f"principals/{bob.id}", "pratique"),
        ("Pratique.ServicePrincipalCreated", f"principals/{robot.id}", "pratique"),
        ("Pratique.CredentialReset", f"principals/{bob.id}", "pratique"),
        ("Pratique.PrincipalDeleted", f"principals/{bob.id}", "pratique"),
        ("Pratique.PrincipalDeleted", f"principals/{robot.id}", "pratique"),
    ]


def test_a_name_is_had_by_one_only(database: Database, credential: Credential, now: datetime) -> None:
    add_user(database, credential, now)
    for add in (add_user, add_robot):
        with pytest.raises(AlreadyExists, match="user 'bob' already"):
            add(database, credential, now, "bob")


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "../x", "a/b", "é", "a\x00", "-x", "x" * 129, "<b>", "0190a3c4-7b2e-7c3d-8e4f-5a6b7c8d9e0f"],
    ids=ascii,
)
def test_a_name_that_is_none_is_refused(database: Database, credential: Credential, now: datetime, name: str) -> None:
    for add in (add_user, add_robot):
        with pytest.raises(InvalidInput):
            add(database, credential, now, name)
    assert journal(database) == []


def test_making_a_service_principal_again_gives_it_a_new_secret_as_az_does(
    database: Database, credential: Credential, now: datetime
) -> None:
    first = add_robot(database, credential, now)
    other = new_credential(now=now)
    again = add_robot(database, other, now)
    assert (again.id, again.secret_hash) == (first.id, other.hash)


@pytest.mark.parametrize("role", ["Contributor", "Reader", "Approver", "Job", "Tracking"])
def test_only_an_owner_makes_changes_and_removes_people(
    database: Database, credential: Credential, now: datetime, role: str
) -> None:
    add_user(database, credential, now)
    actor = with_role(role)
    with database.write() as tx:
        with pytest.raises(Forbidden):
            principals.create_user(tx, actor, "eve", display_name="", credential=credential, now=now)
        with pytest.raises(Forbidden):
            principals.create_service_principal(tx, actor, "eve", credential=credential, now=now)
        with pytest.raises(Forbidden):
            principals.reset_credential(tx, actor, "bob", credential=credential, now=now)
        with pytest.raises(Forbidden):
            principals.delete(tx, actor, "bob", kind=USER, now=now)


def test_everybody_sees_and_resets_themselves(database: Database, credential: Credential, now: datetime) -> None:
    bob = add_user(database, credential, now)
    eve = add_user(database, credential, now, "eve")
    bobs = Actor(bob.id, bob.name, "user")
    with database.write() as tx:
        assert principals.get(tx, bobs, "bob", kind=USER) == bob
        principals.reset_credential(tx, bobs, bob.id, credential=credential, now=now)
        for who in ("eve", eve.id, "nobody"):
            with pytest.raises(Forbidden):
                principals.get(tx, bobs, who, kind=USER)
            with pytest.raises(Forbidden):
                principals.reset_credential(tx, bobs, who, credential=credential, now=now)


def test_a_job_that_is_called_like_a_user_is_not_that_user(
    database: Database, credential: Credential, now: datetime
) -> None:
    add_user(database, credential, now)
    job = Actor("job:1", "bob", "job", (Grant("Job", "/workspaces/dev"),))
    with database.write() as tx:
        with pytest.raises(Forbidden):
            principals.reset_credential(tx, job, "bob", credential=credential, now=now)
        with pytest.raises(Forbidden):
            principals.get(tx, job, "bob", kind=USER)


def test_a_new_secret_ends_the_browser_sessions(database: Database, credential: Credential, now: datetime) -> None:
    bob = add_user(database, credential, now)
    with database.write() as tx:
        session = sessions.open_link(tx, sessions.make_link(tx, with_role("Reader", bob), now=now), now=now)
        unused = sessions.make_link(tx, with_role("Reader", bob), now=now)
        principals.reset_credential(tx, PLATFORM, bob.id, credential=credential, now=now)
        with pytest.raises(Exception, match="no session"):
            sessions.actor_of_session(tx, session, now=now)
        with pytest.raises(Exception, match="used already or has expired"):
            sessions.open_link(tx, unused, now=now)


def test_a_user_is_not_found_among_programs(database: Database, credential: Credential, now: datetime) -> None:
    bob = add_user(database, credential, now)
    with database.write() as tx:
        with pytest.raises(NotFound, match="not a service principal but a user"):
            principals.get(tx, PLATFORM, bob.id, kind=SERVICE_PRINCIPAL)
        with pytest.raises(NotFound):
            principals.delete(tx, PLATFORM, "bob", kind=SERVICE_PRINCIPAL, now=now)
        with pytest.raises(NotFound, match="no user or service principal 'nobody'"):
            principals.delete(tx, PLATFORM, "nobody", kind=USER, now=now)
        assert [found.name for found in principals.every(tx, PLATFORM, kind=USER)] == ["bob"]
        assert principals.every(tx, PLATFORM, kind=SERVICE_PRINCIPAL) == []


def test_the_first_start_makes_an_owner_who_has_no_password(database: Database, now: datetime) -> None:
    with database.write() as tx:
        owner = principals.ensure_owner(tx, "ann", now=now)
        assert actor_for(tx, owner) == Actor(owner.id, "ann", "user", (Grant("Owner", "/"),))
    assert owner.secret_hash is None
    assert [event.type for event in journal(database)] == ["Pratique.UserCreated", "Pratique.RoleAssigned"]


def test_the_second_start_changes_nothing(database: Database, now: datetime) -> None:
    with database.write() as tx:
        first = principals.ensure_owner(tx, "ann", now=now)
    with database.write() as tx:
        assert principals.ensure_owner(tx, "ann", now=now) == first
    assert len(journal(database)) == 2


@pytest.mark.parametrize(
    ("login", "name"),
    [("DOMAIN\\ann", "DOMAIN-ann"), ("_apt", "apt"), ("ann lee", "ann-lee"), ("é", "owner"), ("", "owner")],
)
def test_any_login_gives_a_name(database: Database, now: datetime, login: str, name: str) -> None:
    with database.write() as tx:
        assert principals.ensure_owner(tx, login, now=now).name == name


def test_a_program_cannot_become_the_owner_by_its_name(
    database: Database, credential: Credential, now: datetime
) -> None:
    add_robot(database, credential, now, "ann")
    with pytest.raises(AlreadyExists, match="service principal"), database.write() as tx:
        principals.ensure_owner(tx, "ann", now=now)
