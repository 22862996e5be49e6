"""Why somebody did something, in the journal: who is asked, and who is not."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest
from sqlalchemy import text

from pratique.base import reason
from pratique.base.errors import InvalidInput
from pratique.store import events, workspaces
from pratique.store.database import Database
from pratique.store.events import Event

ADA: Final = {"id": "1", "name": "ada", "type": "user"}
TOLD: Final = Event("Pratique.Tested", "things/1", "/workspaces/dev", ADA)


def ask_for_reasons(database: Database) -> None:
    with database.write() as tx:
        found = workspaces.get(tx, "dev")
        assert found is not None
        workspaces.change(tx, replace(found, tags={"pratique.require-reason": "true"}))


def test_the_reason_of_whoever_asks_is_in_each_event(database: Database, now: datetime) -> None:
    with reason.bound("ticket 12: wrong data"), database.write() as tx:
        events.append(tx, TOLD, now=now)
    with database.read() as tx:
        assert events.after(tx, 0)[0].reason == "ticket 12: wrong data"


def test_a_workspace_that_asks_takes_nothing_of_a_person_without_a_reason(database: Database, now: datetime) -> None:
    ask_for_reasons(database)
    with pytest.raises(InvalidInput, match="asks for a reason") as refused, reason.bound(""), database.write() as tx:
        events.append(tx, TOLD, now=now)
    assert "--reason" in refused.value.hint
    with reason.bound("why not"), database.write() as tx:
        assert events.append(tx, TOLD, now=now) == 1


@pytest.mark.parametrize("actor", [{**ADA, "run": 7}, {**ADA, "type": "job"}, {**ADA, "type": "platform"}])
def test_programs_that_somebody_began_are_not_asked(database: Database, now: datetime, actor: dict[str, Any]) -> None:
    ask_for_reasons(database)
    with reason.bound(""), database.write() as tx:
        assert events.append(tx, replace(TOLD, actor=actor), now=now) == 1


def test_the_engine_and_other_workspaces_ask_nobody(database: Database, now: datetime) -> None:
    ask_for_reasons(database)
    with database.write() as tx:
        assert events.append(tx, TOLD, now=now) == 1
    with reason.bound(""), database.write() as tx:
        assert events.append(tx, replace(TOLD, source="/workspaces/qa"), now=now) == 2
        assert tx.execute(text("SELECT count(*) FROM events")).scalar_one() == 2
