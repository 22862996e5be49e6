"""What somebody changed beside the platform shows in the journal."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, StorageFailed
from pratique.base.settings import Settings, load_settings
from pratique.control import changed_outside
from pratique.control.keyed_digests import KeyedDigests
from pratique.store import events
from pratique.store.database import Database
from pratique.store.events import StoredEvent


def told(database: Database) -> list[StoredEvent]:
    with database.read() as tx:
        return events.after(tx, 0)


def start(database: Database, home: Path, now: datetime) -> dict[str, Sequence[Any]]:
    with database.write() as tx:
        digests, file = KeyedDigests(home / "keys"), home / "config.toml"
        return dict(changed_outside.tell_settings(tx, load_settings(home, {}), file, digests=digests, now=now))


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
        digests, file = KeyedDigests(tmp_path / "keys"), tmp_path / "config.toml"
        changed_outside.tell_settings(tx, settings, file, digests=digests, now=now)
    (event,) = told(database)
    assert "geheim" not in str(event.data)
    assert event.data["in_force"]["database_url"].startswith("hmac-sha256:")


def test_whoever_reads_the_journal_cannot_try_passwords(database: Database, now: datetime, tmp_path: Path) -> None:
    """No digest of the whole, of the setting or of the file, by any function that needs no key, is in it."""
    text = 'database_url = "postgresql://ada:a@host/db"\n'
    (tmp_path / "config.toml").write_text(text)
    start(database, tmp_path, now)
    (event,) = told(database)
    said = str(event.data)
    for guess in (text, text.split('"')[1]):
        for name in sorted(hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}):
            digest = hashlib.new(name, guess.encode(), usedforsecurity=False).hexdigest()
            assert digest[:8] not in said, name


def test_the_same_home_tells_the_same_digest_and_another_home_another(tmp_path: Path) -> None:
    one, again, other = (KeyedDigests(tmp_path / name) for name in ("a", "a", "b"))
    assert one.of(b"x") == again.of(b"x") != other.of(b"x")
    assert (tmp_path / "a" / "digests.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "a" / "digests.key").write_bytes(b"short")
    with pytest.raises(StorageFailed, match="is damaged"):
        one.of(b"x")


@pytest.mark.parametrize("files", [[], ["cds.json"], ["cds.json", "ecds-limits.json"]])
def test_files_that_were_refused_are_named(database: Database, now: datetime, files: list[str]) -> None:
    with database.write() as tx:
        changed_outside.tell_files(tx, [Path("/home/gateway") / name for name in files], now=now)
    assert [event.data["files"] for event in told(database)] == (
        [[f"/home/gateway/{name}" for name in files]] if files else []
    )
