"""What can be shown later: the journal is sealed by itself, and a prediction is found among what was collected."""

import json
import shutil
from functools import partial
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import Conflict, NotFound, StorageFailed
from pratique.content.journal_verifier import NotWholeError, read_keys, verify
from pratique.control import journal_key, predictions
from pratique.control.journal_key import JournalKey
from pratique.engine.collection import Collector, spool_of
from pratique.engine.predictions import look
from pratique.engine.sealing import JournalSealer
from pratique.store import events, journal, seals
from pratique.store.events import Event

from .conftest import OWNER, House

ABOUT = {
    "workspace": "dev", "endpoint": "credit", "deployment": "blue", "rolling_rate": "minute",
    "collections": {"model_inputs": 1.0, "model_outputs": 1.0},
}  # fmt: skip
BODY = json.dumps({"input_data": {"columns": ["age"], "data": [[31], [45]]}}).encode()


def tell(house: House, count: int) -> None:
    with house.database.write() as tx:
        for _ in range(count):
            events.append(tx, Event("Pratique.Tested", "x", "/", OWNER.to_document()), now=utc_now())


def test_what_was_told_is_sealed_without_a_hand(house: House) -> None:
    sealer, keys = JournalSealer(house.bench), read_keys(JournalKey(house.home.keys).public()[1])
    tell(house, 3)
    assert not sealer.step(), "all of it is one batch"
    assert verify(journal.lines(house.database), keys).unsealed == 0
    tell(house, 2)
    assert verify(journal.lines(house.database), keys).unsealed == 2
    sealer.step()
    with house.database.read() as tx:
        head = seals.newest(tx)
    assert head is not None
    assert verify(journal.lines(house.database), keys, head.to_document()).unsealed == 0


def test_many_events_are_sealed_in_pieces(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "MOST", 4)
    tell(house, 10)
    sealer = JournalSealer(house.bench)
    while sealer.step():
        pass
    keys = read_keys(JournalKey(house.home.keys).public()[1])
    found = verify(journal.lines(house.database), keys)
    assert (found.unsealed, found.seals >= 3) == (0, True)


def test_a_key_that_others_can_read_signs_nothing(house: House) -> None:
    key = JournalKey(house.home.keys)
    key.public()
    (house.home.keys / "journal.pem").chmod(0o644)
    with pytest.raises(StorageFailed, match="others can read"):
        key.signer()


def test_another_key_is_no_key_of_this_journal(house: House) -> None:
    tell(house, 1)
    JournalSealer(house.bench).step()
    (house.home.keys / "journal.pem").unlink()
    with pytest.raises(NotWholeError, match="names the key"):
        verify(journal.lines(house.database), read_keys(JournalKey(house.home.keys).public()[1]))


def key_of(house: House) -> str:
    """The name of the journal's key; empty when its file is none."""
    try:
        return JournalKey(house.home.keys).public()[0]
    except StorageFailed:
        return ""


def test_a_flipped_bit_of_the_key_signs_nothing_in_its_name(house: House, attack: Any) -> None:
    attack("flipped bytes", "key of the journal")
    path, sealer = house.home.keys / "journal.pem", JournalSealer(house.bench)
    tell(house, 1)
    sealer.step()
    tell(house, 1)
    sound, name, refused = path.read_bytes(), key_of(house), 0
    for place in range(0, len(sound), 2):
        path.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        if key_of(house) == name:  # A line's end became another blank.
            continue
        with pytest.raises(StorageFailed, match=r"key was changed|is damaged") as error:
            sealer.step()
        assert "from a backup" in error.value.hint
        refused += 1
    assert refused > len(sound) / 3
    path.write_bytes(sound)
    sealer.step()
    with house.database.read() as tx:
        assert not seals.is_due(tx), "with the sound key it is sealed"


def test_a_change_of_keys_that_was_cut_off_is_gone_on_with(house: House) -> None:
    key, keys = JournalKey(house.home.keys), read_keys(JournalKey(house.home.keys).public()[1])
    tell(house, 2)
    key.change(house.database, OWNER, now=utc_now())  # Cut off here: told, and nothing sealed with the new one.
    tell(house, 2)
    with pytest.raises(Conflict, match="is being changed"):
        key.change(house.database, OWNER, now=utc_now())
    before = key.public()[0]
    for _ in range(2):
        JournalSealer(house.bench).step()
    assert key.public()[0] != before
    found = verify(journal.lines(house.database), keys)
    assert (found.unsealed, found.seals) == (0, 2)
    with house.database.read() as tx:
        changes = seals.key_changes(tx)
    assert verify(journal.lines(house.database), read_keys(key.public()[1]), None, changes).unsealed == 0


def test_a_next_key_that_was_never_told_of_is_forgotten(house: House) -> None:
    tell(house, 1)
    JournalSealer(house.bench).step()
    key = JournalKey(house.home.keys)
    shutil.copy(house.home.keys / "journal.pem", house.home.keys / "journal-next.pem")
    before = journal_key.change(house.database, OWNER, key, now=utc_now())
    assert before == key.public()[0]
    assert not (house.home.keys / "journal-next.pem").exists()
    tell(house, 1)
    JournalSealer(house.bench).step()
    assert verify(journal.lines(house.database), read_keys(key.public()[1]), None, changes_of(house)).unsealed == 0


def changes_of(house: House) -> Any:
    with house.database.read() as tx:
        return seals.key_changes(tx)


def test_one_call_is_found_among_what_was_collected(house: House) -> None:
    folder = spool_of(house.home, "d", 1)
    folder.mkdir(parents=True)
    (folder.parent / "about.json").write_text(json.dumps(ABOUT))
    for number, name in enumerate(("call-1", "call-2", "call-3")):
        head = {"kind": "prediction", "id": name, "time": 1_764_000_000 + 60 * number, "status": 200, "latency_ms": 1.5}
        answer = json.dumps([number, number]).encode()
        line = json.dumps({**head, "sizes": [len(BODY), len(answer)]}).encode()
        (folder / f"{name}.spool").write_bytes(line + b"\n" + BODY + b"\n" + answer + b"\n")
    Collector(house.bench).step()
    found = predictions.show(house.database, OWNER, "dev", "call-2", look=partial(look, house.bench.blobs))
    assert (found["endpoint"], found["deployment"]) == ("credit", "blue")
    assert [row["age"] for row in found["collected"]["model_inputs"]] == [31, 45]
    assert [row["prediction"] for row in found["collected"]["model_outputs"]] == [1, 1]
    assert "answered with status 200 in 1.5 ms" in found["sentences"][0]["text"]
    with pytest.raises(NotFound, match="not among"):
        predictions.show(house.database, OWNER, "dev", "call-9", look=partial(look, house.bench.blobs))
