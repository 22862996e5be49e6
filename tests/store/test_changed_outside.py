"""What somebody changed beside the platform shows in the journal."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InvalidInput
from pratique.base.settings import Settings, load_settings
from pratique.control import changed_outside
from pratique.store import events
from pratique.store.database import Database
from pratique.store.events import StoredEvent


def told(database: Database) -> list[StoredEvent]:
    with database.read() as tx:
        return events.after(tx, 0)


def start(database: Database, home: Path, now: datetime) -> dict[str, Sequence[Any]]:
    with database.write() as tx:
        return dict(changed_outside.tell_settings(tx, load_settings(home, {}), home / "config.toml", now=now))


def test_the_first_start_is_told_once_and_is_no_change(database: Database, tmp_path: Path, now: datetime) -> None:
    (tmp_path / "config.toml").write_text("door_port = 7170\n")
    assert start(database, tmp_path, now) == {}
    assert start(database, tmp_path, now) == {}
    (event,) = told(database)
    assert (event.type, event.subject, event.source) == ("Pratique.SettingsChanged", "settings", "/")
    assert event.data["changed"] == {"door_port": [7070, 7170]}


def test_an_edited_file_is_in_force_and_in_the_journal_once(database: Database, tmp_path: Path, now: datetime) -> None:
    start(database, tmp_path, now)
    (tmp_path / "config.toml").write_text('sandbox = "off"\n')
    assert start(database, tmp_path, now) == {"sandbox": ["auto", "off"]}
    assert start(database, tmp_path, now) == {}
    (_, event) = told(database)
    assert event.data["changed"] == {"sandbox": ["auto", "off"]}
    (tmp_path / "config.toml").unlink()
    assert start(database, tmp_path, now) == {"sandbox": ["off", "auto"]}
    assert told(database)[-1].data["file_before"] == event.data["file"]


def test_any_flipped_bit_of_the_settings_is_refused_or_told(
    database: Database, tmp_path: Path, now: datetime, attack: Any
) -> None:
    attack("flipped bytes", "config.toml")
    file = tmp_path / "config.toml"
    sound = b'door_port = 7170  # ours\nsandbox = "require"\n'
    file.write_bytes(sound)
    start(database, tmp_path, now)
    refused = 0
    for place in range(len(sound)):
        file.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        before = len(told(database))
        with suppress(InvalidInput):
            start(database, tmp_path, now)
            assert len(told(database)) == before + 1
            continue
        refused += 1
    assert refused > len(sound) / 2


def test_a_password_in_a_setting_is_not_told(database: Database, now: datetime, tmp_path: Path) -> None:
    settings = Settings(database_url="postgresql://ada:geheim@host/db")
    with database.write() as tx:
        changed_outside.tell_settings(tx, settings, tmp_path / "config.toml", now=now)
    (event,) = told(database)
    assert "geheim" not in str(event.data)
    assert event.data["in_force"]["database_url"].startswith("sha256:")


@pytest.mark.parametrize("files", [[], ["cds.json"], ["cds.json", "ecds-limits.json"]])
def test_files_that_were_refused_are_named(database: Database, now: datetime, files: list[str]) -> None:
    with database.write() as tx:
        changed_outside.tell_files(tx, [Path("/home/gateway") / name for name in files], now=now)
    assert [event.data["files"] for event in told(database)] == (
        [[f"/home/gateway/{name}" for name in files]] if files else []
    )
