"""The command line over the real API: reasons, and the journal as evidence."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pratique.base.clock import utc_now
from pratique.store import events, seals
from pratique.store.events import StoredEvent

from .conftest import Run, Site


def newest(site: Site, count: int = 1) -> list[StoredEvent]:
    with site.platform.database.read() as tx:
        return events.newest(tx, limit=count)


def seal(site: Site) -> None:
    """What the engine does every second."""
    with site.platform.database.write() as tx:
        while found := seals.due(tx, site.platform.journal_key.signer(seals.key_wanted(tx)), now=utc_now()):
            assert seals.add(tx, found)


def asking(pratique: Run, name: str) -> None:
    assert pratique("ml", "workspace", "create", "-n", name).returncode == 0
    assert pratique("ml", "workspace", "update", "-n", name, "--require-reason", "true").returncode == 0


def test_a_reason_is_in_the_event_of_what_was_done(site: Site, pratique: Run) -> None:
    made = pratique("ml", "workspace", "create", "-n", "with-reason", "--reason", "ticket 12: größer")
    assert made.returncode == 0
    assert newest(site)[0].reason == "ticket 12: größer"


def test_a_workspace_that_asks_for_reasons_refuses_changes_and_secrets_without_one(site: Site, pratique: Run) -> None:
    asking(pratique, "asks-a")
    endpoint = ("ml", "online-endpoint", "create", "-n", "asked", "-w", "asks-a", "--no-wait")
    refused = pratique(*endpoint)
    assert refused.returncode == 1
    assert "asks for a reason" in refused.stderr
    assert "--reason" in refused.stderr
    assert pratique(*endpoint, "--reason", "first try").returncode == 0
    keys = ("ml", "online-endpoint", "get-credentials", "-n", "asked", "-w", "asks-a")
    assert pratique(*keys).returncode == 1
    assert pratique(*keys, "--reason", "hand over to ops").returncode == 0
    told = newest(site)[0]
    assert (told.type, told.reason, told.actor["name"]) == ("Pratique.EndpointKeysRead", "hand over to ops", "ada")
    assert pratique("ml", "online-endpoint", "show", "-n", "asked", "-w", "asks-a").returncode == 0, "looking is free"


def test_only_an_owner_with_a_reason_lets_it_ask_no_more(pratique: Run) -> None:
    asking(pratique, "asks-b")
    ask_no_more = ("ml", "workspace", "update", "-n", "asks-b", "--require-reason", "false")
    assert pratique(*ask_no_more).returncode == 1
    assert pratique(*ask_no_more, "--reason", "mine", who="carl", role="Contributor").returncode == 1
    assert pratique("ml", "workspace", "delete", "-n", "asks-b", "--yes").returncode == 1
    assert pratique(*ask_no_more, "--reason", "the audit is over").returncode == 0
    assert pratique("ml", "workspace", "delete", "-n", "asks-b", "--yes").returncode == 0


def test_a_word_that_means_nothing_is_no_setting(pratique: Run) -> None:
    made = pratique("ml", "workspace", "create", "-n", "asks-c", "--tags", "pratique.require-reason=maybe")
    assert (made.returncode, "expected true or false" in made.stderr) == (1, True)


def test_the_journal_is_verified_exported_and_compared(site: Site, pratique: Run, tmp_path: Path) -> None:
    seal(site)
    head, key, exported = tmp_path / "head.json", tmp_path / "key.pem", tmp_path / "journal.jsonl"
    assert pratique("audit", "head", "--file", str(head)).returncode == 0
    key.write_text(pratique("audit", "key", "show", "--query", "public_key", "-o", "tsv").stdout)
    assert pratique("group", "create", "-n", "later", "-l", "local").returncode == 0
    alone = pratique("audit", "verify")
    assert alone.returncode == 0
    assert "compared with no head kept elsewhere" in alone.stderr
    found: dict[str, Any] = json.loads(
        pratique("audit", "verify", "--key", str(key), "--head", str(head), "-o", "json").stdout
    )
    assert (found["whole"], found["kept_key"], found["kept_head"]) == (True, True, True)
    assert found["unsealed"] >= 1
    assert pratique("audit", "export", "--file", str(exported)).returncode == 0
    assert pratique("audit", "export", "--file", str(exported)).returncode == 1, "nothing is written over"
    exported.write_text(exported.read_text().replace('"type":"user"', '"type":"nobody"', 1))
    broken = pratique("audit", "verify", "--file", str(exported), "--key", str(key))
    assert (broken.returncode, broken.stdout.startswith("NOT WHOLE: event ")) == (1, True)
    program = tmp_path / "verifier.py"
    program.write_text(pratique("audit", "verifier").stdout)
    ran = subprocess.run(
        [sys.executable, "-I", str(program), str(exported), str(key)], capture_output=True, text=True, timeout=60
    )
    assert (ran.returncode, ran.stdout.startswith("NOT WHOLE: event ")) == (1, True)


def test_the_key_is_changed_and_each_that_was_kept_verifies(site: Site, pratique: Run, tmp_path: Path) -> None:
    seal(site)
    first, head, exported = tmp_path / "first.pem", tmp_path / "head.json", tmp_path / "journal.jsonl"
    first.write_text(pratique("audit", "key", "show", "--query", "public_key", "-o", "tsv").stdout)
    assert pratique("audit", "head", "--file", str(head)).returncode == 0
    assert pratique("audit", "key", "rotate", who="carl", role="Contributor").returncode == 1
    for _ in range(2):
        ran = pratique("audit", "key", "rotate", "--reason", "yearly")
        assert ran.returncode == 0, ran.stderr
    changed = json.loads(pratique("audit", "key", "show").stdout)
    assert changed["public_key"] not in first.read_text()
    assert len(changed["changes"]) >= 2
    assert not (site.platform.home.keys / "journal-next.pem").exists()
    for kept in ((), ("--key", str(first)), ("--key", str(first), "--head", str(head))):
        assert pratique("audit", "verify", *kept).returncode == 0, kept
    assert pratique("audit", "export", "--file", str(exported)).returncode == 0
    newest, program = tmp_path / "newest.pem", tmp_path / "verifier.py"
    newest.write_text(changed["public_key"])
    program.write_text(pratique("audit", "verifier").stdout)
    for key in (first, newest):
        assert pratique("audit", "verify", "--file", str(exported), "--key", str(key)).returncode == 0
        argv = [sys.executable, "-I", str(program), str(exported), str(key), str(head)]
        ran_alone = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert ran_alone.returncode == 0, ran_alone.stdout


def test_whoever_sees_a_part_of_the_home_cannot_have_the_journal(pratique: Run) -> None:
    assert pratique("ml", "workspace", "create", "-n", "part").returncode == 0
    for verb in (("verify",), ("head",), ("key", "show")):
        assert pratique("audit", *verb, who="vera", role=None).returncode == 1
