"""Links that work once, and the sessions that they open."""

from datetime import datetime, timedelta

import pytest

from pratique.base.errors import Forbidden, Unauthenticated
from pratique.control import principals, roles, sessions
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential
from pratique.control.grants import actor_for
from pratique.store import events
from pratique.store.database import Database

SECOND = timedelta(seconds=1)


@pytest.fixture
def ann(database: Database, now: datetime) -> Actor:
    with database.write() as tx:
        return actor_for(tx, principals.ensure_owner(tx, "ann", now=now))


def link_for(database: Database, actor: Actor, now: datetime) -> str:
    with database.write() as tx:
        return sessions.make_link(tx, actor, now=now)


def opened(database: Database, link: str, now: datetime) -> str:
    with database.write() as tx:
        return sessions.open_link(tx, link, now=now)


def seen(database: Database, session: str, now: datetime) -> Actor:
    with database.read() as tx:
        return sessions.actor_of_session(tx, session, now=now)


def test_a_link_opens_a_session_of_who_made_it(database: Database, ann: Actor, now: datetime) -> None:
    assert seen(database, opened(database, link_for(database, ann, now), now), now) == ann


def test_a_link_works_once(database: Database, ann: Actor, now: datetime) -> None:
    link = link_for(database, ann, now)
    opened(database, link, now)
    with pytest.raises(Unauthenticated, match="used already"):
        opened(database, link, now)


def test_a_link_works_for_five_minutes(database: Database, ann: Actor, now: datetime) -> None:
    opened(database, link_for(database, ann, now), now + sessions.LINK_LASTS - SECOND)
    with pytest.raises(Unauthenticated, match="expired"):
        opened(database, link_for(database, ann, now), now + sessions.LINK_LASTS)


def test_a_session_lasts_twelve_hours(database: Database, ann: Actor, now: datetime) -> None:
    session = opened(database, link_for(database, ann, now), now)
    seen(database, session, now + sessions.SESSION_LASTS - SECOND)
    with pytest.raises(Unauthenticated, match="has ended"):
        seen(database, session, now + sessions.SESSION_LASTS)


def test_a_link_is_no_session_and_a_session_no_link(database: Database, ann: Actor, now: datetime) -> None:
    link = link_for(database, ann, now)
    with pytest.raises(Unauthenticated):
        seen(database, link, now)
    session = opened(database, link, now)
    with pytest.raises(Unauthenticated):
        opened(database, session, now)


@pytest.mark.parametrize("token", ["", "x", "\x00", "é", "A" * 100_000])
def test_a_made_up_token_opens_nothing(database: Database, ann: Actor, now: datetime, token: str) -> None:
    with pytest.raises(Unauthenticated):
        opened(database, token, now)
    with pytest.raises(Unauthenticated):
        seen(database, token, now)


def test_only_hashes_are_stored_and_told(database: Database, ann: Actor, now: datetime) -> None:
    link = link_for(database, ann, now)
    session = opened(database, link, now)
    with database.read() as tx:
        stored = tx.exec_driver_sql("SELECT * FROM browser_tokens").all()
        journal = repr(events.after(tx, 0))
    assert len(stored) == 1
    for token in (link, session):
        assert token not in repr(stored)
        assert token not in journal


def test_the_journal_tells_of_links_and_sessions(database: Database, ann: Actor, now: datetime) -> None:
    session = opened(database, link_for(database, ann, now), now)
    with database.write() as tx:
        sessions.close_session(tx, session, now=now)
        sessions.close_session(tx, session, now=now)
    with database.read() as tx:
        told = [(event.type, event.actor["name"]) for event in events.after(tx, 2)]
    assert told == [
        ("Pratique.LinkCreated", "ann"),
        ("Pratique.SessionOpened", "ann"),
        ("Pratique.SessionClosed", "ann"),
    ]


def test_a_closed_session_is_gone(database: Database, ann: Actor, now: datetime) -> None:
    session = opened(database, link_for(database, ann, now), now)
    with database.write() as tx:
        sessions.close_session(tx, session, now=now)
    with pytest.raises(Unauthenticated):
        seen(database, session, now)


def test_a_session_shows_the_roles_of_now(database: Database, ann: Actor, now: datetime) -> None:
    session = opened(database, link_for(database, ann, now), now)
    with database.write() as tx:
        roles.assign(tx, PLATFORM, role="Approver", assignee="ann", scope="/", now=now)
    assert Grant("Approver", "/") in seen(database, session, now).grants


def test_sessions_and_links_end_with_their_principal(database: Database, ann: Actor, now: datetime) -> None:
    with database.write() as tx:
        credential = Credential("", "$argon2id$unused", now + SECOND)
        bob = principals.create_user(tx, PLATFORM, "bob", display_name="", credential=credential, now=now)
        roles.assign(tx, PLATFORM, role="Reader", assignee="bob", scope="/", now=now)
        bobs = actor_for(tx, bob)
    session, link = opened(database, link_for(database, bobs, now), now), link_for(database, bobs, now)
    with database.write() as tx:
        principals.delete(tx, PLATFORM, bob.id, kind="user", now=now)
    with pytest.raises(Unauthenticated):
        seen(database, session, now)
    with pytest.raises(Unauthenticated):
        opened(database, link, now)


@pytest.mark.parametrize(
    "actor",
    [
        Actor("job:1", "boat", "job", (Grant("Job", "/workspaces/dev"),)),
        Actor("service:mlflow", "mlflow", "platform", (Grant("Tracking", "/"),)),
        Actor("1", "nobody", "user"),
        PLATFORM,
    ],
    ids=lambda actor: actor.name,
)
def test_only_people_and_programs_with_a_role_come_in_by_browser(
    database: Database, now: datetime, actor: Actor
) -> None:
    with pytest.raises(Forbidden):
        link_for(database, actor, now)


def test_what_has_expired_is_forgotten(database: Database, ann: Actor, now: datetime) -> None:
    for _ in range(3):
        link_for(database, ann, now)
    link_for(database, ann, now + timedelta(days=1))
    with database.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM browser_tokens").scalar_one() == 1
