"""What the verbs of identity rely on, on either kind of database."""

from datetime import datetime, timedelta

import pytest

from pratique.base.errors import Unauthenticated
from pratique.control import principals, roles, sessions
from pratique.control.actor import PLATFORM, Grant
from pratique.control.credentials import SignIns, new_credential
from pratique.control.grants import actor_for
from pratique.store import principals as rows
from pratique.store.database import Database


def test_one_assignment_is_found_by_its_id(database: Database, now: datetime) -> None:
    with database.write() as tx:
        principals.ensure_owner(tx, "ada", now=now)
        (one,) = rows.assignments(tx)
        assert rows.assignment(tx, one.id) == one
        assert rows.assignment(tx, "another") is None


def test_the_links_and_sessions_of_one_principal_are_forgotten_and_no_others(database: Database, now: datetime) -> None:
    with database.write() as tx:
        ada = actor_for(tx, principals.ensure_owner(tx, "ada", now=now))
        rob = actor_for(tx, principals.ensure_owner(tx, "rob", now=now))
        adas, robs = (sessions.make_link(tx, who, now=now) for who in (ada, rob))
        session = sessions.open_link(tx, robs, now=now)
        rows.remove_browser_tokens(tx, ada.id)
        assert sessions.actor_of_session(tx, session, now=now) == rob
        with pytest.raises(Unauthenticated):
            sessions.open_link(tx, adas, now=now)


def test_the_whole_story_of_a_service_principal(database: Database, now: datetime) -> None:
    credential = new_credential(now=now)
    with database.write() as tx:
        principals.ensure_owner(tx, "ada", now=now)
        made = principals.create_service_principal(tx, PLATFORM, "ci", credential=credential, now=now)
        scope = "/subscriptions/1/resourceGroups/rg"
        roles.assign(tx, PLATFORM, role="Reader", assignee="ci", scope=scope, now=now)
    later = now + timedelta(days=1)
    found = SignIns().authenticate(database, "ci", credential.secret, now=later)
    with database.read() as tx:
        assert actor_for(tx, found).grants == (
            Grant("Reader", "/groups/rg"),
            Grant("Reader", "/workspaces/dev"),
            Grant("Reader", "/workspaces/qa"),
        )
    with database.write() as tx:
        principals.delete(tx, PLATFORM, made.id, kind="service_principal", now=later)
        assert [row.role for row in rows.assignments(tx)] == ["Owner"]
