"""Statements that go straight to the driver say what SQLAlchemy's own way says."""

from datetime import datetime

import pytest
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from pratique.store import groups
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.prepared import Prepared
from pratique.store.schema import resource_groups as table

BY_NAME = Prepared(select(table).where(table.c.name == bindparam("name")))
FIRST_AFTER = Prepared(select(table.c.name).where(table.c.name > bindparam("name")).order_by(table.c.name).limit(1))
ADD = Prepared(insert(table))


def row(name: str, now: datetime) -> dict[str, object]:
    return {"name": name, "location": "100 % local: %(x)s ?", "tags": {"ü": [1, None]}, "created_at": now}


def test_values_are_read_as_their_columns_say(database: Database, now: datetime) -> None:
    group = ResourceGroup("new", "local", {"a": "ü"}, now)
    with database.write() as tx:
        groups.add(tx, group)
    with database.read() as tx:
        assert BY_NAME.rows(tx, name="new") == [("new", "local", {"a": "ü"}, now)]
        assert BY_NAME.first(tx, name="absent") is None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_values_are_written_as_their_columns_say(database: Database, now: datetime, count: int) -> None:
    rows = [row(f"new-{number}", now) for number in range(count)]
    with database.write() as tx:
        ADD.run_each(tx, rows)
    with database.read() as tx:
        found = {group.name: vars(group) for group in groups.every(tx)}
    assert [found[str(one["name"])] for one in rows] == rows


def test_what_the_statement_says_itself_is_bound_as_well(database: Database, now: datetime) -> None:
    with database.write() as tx:
        ADD.run_each(tx, [row("sa", now), row("sb", now)])
        assert FIRST_AFTER.rows(tx, name="rg") == [("sa",)]
        Prepared(update(table).where(table.c.name == bindparam("wanted")).values(location="there")).run_each(
            tx, [{"wanted": "sa"}, {"wanted": "sb"}]
        )
        assert {group.location for group in groups.every(tx) if group.name != "rg"} == {"there"}
        Prepared(delete(table).where(table.c.name == bindparam("wanted"))).run_each(tx, [{"wanted": "sa"}])
        assert FIRST_AFTER.rows(tx, name="rg") == [("sb",)]


def test_a_value_that_was_forgotten_is_said(database: Database) -> None:
    with database.read() as tx, pytest.raises(KeyError, match="name"):
        BY_NAME.rows(tx)


def test_what_the_database_refuses_is_raised_as_ever(database: Database, now: datetime) -> None:
    with pytest.raises(IntegrityError), database.write() as tx:
        ADD.run_each(tx, [row("rg", now)])
    with database.write() as tx:
        assert BY_NAME.first(tx, name="rg") is not None


def test_a_statement_with_a_list_is_refused(database: Database) -> None:
    listed = Prepared(select(table).where(table.c.name.in_(bindparam("names", expanding=True))))
    with database.read() as tx, pytest.raises(TypeError, match="not the same"):
        listed.rows(tx, names=["rg"])
