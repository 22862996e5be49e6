"""The master key, replaced: whatever moment it is cut off at, every secret opens, and the old key ends up useless."""

from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

from pratique.base.errors import Forbidden, InternalError
from pratique.control import master_key
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.store.database import Database
from pratique.store.resealing import seal_again, sealed_columns
from pratique.store.schema import datastores
from pratique.store.sealing import Sealer

SECRETS = {"1": "canary-one", "2": "canary-two"}


@pytest.fixture
def sealer(tmp_path: Path) -> Sealer:
    return Sealer(tmp_path / "sealing.key")


@pytest.fixture
def filled(database: Database, sealer: Sealer, now: datetime) -> Database:
    with database.write() as tx:
        for id_, text in SECRETS.items():
            sealed = sealer.seal(text, context=f"{id_}/credentials")
            row = {"id": id_, "workspace": "dev", "name": f"d{id_}", "spec": {}, "credentials": sealed}
            tx.execute(insert(datastores).values(**row, created_at=now, updated_at=now, created_by={}))
        none = {"id": "3", "workspace": "dev", "name": "none", "spec": {}, "credentials": ""}
        tx.execute(insert(datastores).values(**none, created_at=now, updated_at=now, created_by={}))
    return database


def opened(database: Database, sealer: Sealer) -> dict[str, str]:
    with database.read() as tx:
        rows = tx.execute(select(datastores.c.id, datastores.c.credentials)).all()
    return {row.id: sealer.open(row.credentials, context=f"{row.id}/credentials") for row in rows if row.credentials}


def test_every_table_with_secrets_is_known() -> None:
    assert {
        ("datastores", "credentials"),
        ("online_endpoints", "primary_key"),
        ("online_endpoints", "secondary_key"),
        ("secret_versions", "value"),
        ("group_variables", "sealed"),
    } <= set(sealed_columns())


def test_after_a_replacement_the_old_key_opens_nothing(
    filled: Database, sealer: Sealer, tmp_path: Path, now: datetime
) -> None:
    old = (tmp_path / "sealing.key").read_bytes()[:32]
    assert master_key.replace(filled, PLATFORM, sealer, now=now) == 2
    assert opened(filled, sealer) == SECRETS
    assert opened(filled, Sealer(tmp_path / "sealing.key")) == SECRETS
    (tmp_path / "old.key").write_bytes(old)
    with pytest.raises(InternalError):
        opened(filled, Sealer(tmp_path / "old.key"))
    assert old not in (tmp_path / "sealing.key").read_bytes()
    assert not sealer.is_replacing


def test_cut_off_before_anything_was_sealed_again_both_keys_open_and_the_next_start_finishes(
    filled: Database, sealer: Sealer, tmp_path: Path, now: datetime
) -> None:
    sealer.begin_replacing()
    again = Sealer(tmp_path / "sealing.key")
    assert again.is_replacing
    assert opened(filled, again) == SECRETS
    assert master_key.finish(filled, again, now=now) == 2
    assert opened(filled, again) == SECRETS
    assert not again.is_replacing
    assert master_key.finish(filled, again, now=now) == 0


def test_cut_off_after_the_commit_the_next_start_only_forgets_the_old_key(
    filled: Database, sealer: Sealer, tmp_path: Path, now: datetime
) -> None:
    sealer.begin_replacing()
    with filled.write() as tx:
        seal_again(tx, sealer)
    again = Sealer(tmp_path / "sealing.key")
    assert opened(filled, again) == SECRETS
    master_key.finish(filled, again, now=now)
    assert opened(filled, Sealer(tmp_path / "sealing.key")) == SECRETS
    assert len((tmp_path / "sealing.key").read_bytes()) == 40


def test_a_damaged_secret_leaves_everything_as_it_was(
    filled: Database, sealer: Sealer, tmp_path: Path, now: datetime
) -> None:
    with filled.write() as tx:
        tx.execute(update(datastores).where(datastores.c.id == "2").values(credentials="AAAA" * 12))
    with pytest.raises(InternalError):
        master_key.replace(filled, PLATFORM, sealer, now=now)
    assert sealer.is_replacing
    with filled.write() as tx:
        tx.execute(update(datastores).where(datastores.c.id == "2").values(credentials=""))
    assert opened(filled, Sealer(tmp_path / "sealing.key")) == {"1": "canary-one"}
    assert master_key.replace(filled, PLATFORM, sealer, now=now) == 1
    assert opened(filled, sealer) == {"1": "canary-one"}
    assert not sealer.is_replacing


def test_a_replacement_that_begins_before_another_ends_loses_nothing(
    filled: Database, sealer: Sealer, tmp_path: Path, now: datetime
) -> None:
    with filled.write() as tx:
        sealer.begin_replacing()
        seal_again(tx, sealer)
        first = sealer.key_name
    sealer.begin_replacing()
    sealer.end_replacing(first)
    assert opened(filled, Sealer(tmp_path / "sealing.key")) == SECRETS
    master_key.finish(filled, sealer, now=now)
    assert opened(filled, Sealer(tmp_path / "sealing.key")) == SECRETS


def test_another_process_that_replaced_the_key_is_noticed(
    filled: Database, sealer: Sealer, tmp_path: Path, now: datetime
) -> None:
    bystander = Sealer(tmp_path / "sealing.key")
    master_key.replace(filled, PLATFORM, sealer, now=now)
    assert opened(filled, bystander) == SECRETS
    assert sealer.open(bystander.seal("x", context="c"), context="c") == "x"


def test_only_an_owner_replaces_it(filled: Database, sealer: Sealer, now: datetime) -> None:
    somebody = Actor("2", "bob", "user", (Grant("Contributor", "/"),))
    with pytest.raises(Forbidden):
        master_key.replace(filled, somebody, sealer, now=now)
    assert not sealer.is_replacing
