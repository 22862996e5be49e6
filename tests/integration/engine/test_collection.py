"""What replicas have collected comes into the datastore once, whatever is in the spools."""

import fcntl
import json
import os
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pratique.base.clock import utc_now
from pratique.control import assets, collections, inputs
from pratique.engine import collection as collecting
from pratique.engine.collection import Collector, folder_of, spool_of, tally
from pratique.store import datastores

from .conftest import OWNER, House

BODY = json.dumps({"input_data": {"columns": ["a"], "data": [[1.5]]}}).encode()
ABOUT = {
    "workspace": "dev",
    "endpoint": "credit",
    "deployment": "blue",
    "collections": {"model_inputs": 1.0},
    "rolling_rate": "day",
}


def spool(house: House, name: str, data: bytes | None = None) -> Path:
    """A file of the spool of deployment ``d``, with one prediction of a day in 2025."""
    folder = spool_of(house.home, "d", 1)
    folder.mkdir(parents=True, exist_ok=True)
    (folder_of(house.home, "d", 1) / "about.json").write_text(json.dumps(ABOUT))
    head = {"kind": "prediction", "id": name, "time": 1_764_000_000, "status": 200, "latency_ms": 1}
    line = json.dumps({**head, "sizes": [len(BODY), 3]}).encode()
    path = folder / name
    path.write_bytes(line + b"\n" + BODY + b"\n[2]\n" if data is None else data)
    return path


def stored(house: House) -> list[str]:
    with house.database.read() as tx:
        return [file.path for file in datastores.below(tx, "dev", "workspaceblobstore", "modelDataCollector")]


def test_a_spool_is_stored_once_also_when_it_is_taken_twice(house: House) -> None:
    path = spool(house, "one.spool")
    kept = path.read_bytes()
    Collector(house.bench).step()
    assert not path.exists()
    path.write_bytes(kept)
    left = folder_of(house.home, "d", 1) / "making-of-one-that-was-killed"
    left.mkdir()
    Collector(house.bench).step()
    assert not left.exists()
    assert stored(house) == ["modelDataCollector/credit/blue/model_inputs/2025/11/24/one.parquet"]


def test_a_data_asset_shows_what_is_there_by_now(house: House) -> None:
    spool(house, "one.spool")
    Collector(house.bench).step()
    with house.database.read() as tx:
        found = assets.get(tx, OWNER, "dev", "data", "credit-blue-model_inputs", "@latest")
        before = collections.files_of(tx, found)
    place = "azureml://datastores/workspaceblobstore/paths/modelDataCollector/credit/blue/model_inputs"
    assert (found.version, found.type, found.path, found.manifest) == ("1", "uri_folder", place, None)
    spool(house, "two.spool")
    Collector(house.bench).step()
    with house.database.write() as tx:
        pinned = collections.pinned(tx, found, now=utc_now())
        after = collections.files_of(tx, found)
        given = inputs.of_path(
            tx, "dev", "azureml:credit-blue-model_inputs:1", "uri_folder", "ro_mount", "x", now=utc_now()
        )
    assert [entry.path for entry in after.entries] == ["2025/11/24/one.parquet", "2025/11/24/two.parquet"]
    assert before.digest != after.digest == pinned == given["manifest"]
    assert len(house.told("Pratique.DataRegistered")) == 1


def test_an_asset_of_something_else_is_not_taken_for_a_collection(house: House) -> None:
    path = house.upload({"a": "b"}, "seen")
    spec = {"name": "credit-blue-model_inputs", "version": "1", "type": "uri_folder", "path": path}
    with house.database.write() as tx:
        assets.create(tx, OWNER, "dev", "data", spec, now=utc_now())
    spool(house, "one.spool")
    Collector(house.bench).step()
    assert len(stored(house)) == 1
    house.make_endpoint()
    house.deploy("def init(): pass\ndef run(raw): return 1\n", data_collector={"collections": {"model_inputs": {}}})
    house.deployer.step()
    error = house.deployment().error
    assert error is not None
    assert "cannot show what is collected" in error["message"]


def test_one_that_cannot_be_read_is_set_aside_and_the_others_go_on(house: House) -> None:
    broken = spool(house, "broken.spool", b"no record\n")
    spool(house, "good.spool")
    Collector(house.bench).step()
    assert [Path(path).name for path in stored(house)] == ["good.parquet"]
    assert (folder_of(house.home, "d", 1) / "taken" / broken.name).with_suffix(".unreadable").exists()
    found = tally(house.home, "d")
    assert (found["records"], found["unreadable"]) == (1, 1)


def test_what_is_wrong_with_one_deployment_keeps_no_other_from_being_stored(house: House) -> None:
    good = spool(house, "good.spool")
    wrong = spool_of(house.home, "a", 1)
    wrong.mkdir(parents=True)
    (wrong / good.name).write_bytes(good.read_bytes())
    (wrong.parent / "about.json").write_text(json.dumps({"collections": {"model_inputs": 1.0}}))
    with pytest.raises(KeyError):
        Collector(house.bench).step()
    assert [Path(path).name for path in stored(house)] == ["good.parquet"]


def test_everything_that_is_wrong_at_once_is_told(house: House) -> None:
    good = spool(house, "good.spool")
    for name in ("a", "b"):
        wrong = spool_of(house.home, name, 1)
        wrong.mkdir(parents=True)
        (wrong / good.name).write_bytes(good.read_bytes())
        (wrong.parent / "about.json").write_text(json.dumps({"collections": {"model_inputs": 1.0}}))
    with capture_logs() as said, pytest.raises(KeyError):
        Collector(house.bench).step()
    (told,) = [one for one in said if one["event"] == "collection.failed"]
    assert Path(told["folder"]) == spool_of(house.home, "b", 1).parent
    assert "KeyError" in told["error"]


def test_what_is_being_written_is_left_alone_until_its_writer_is_gone_for_long(house: House) -> None:
    part = spool(house, "late.spool.part")
    Collector(house.bench).step()
    assert part.exists()
    os.utime(part, (1, 1))
    Collector(house.bench).step()
    assert not part.exists()
    assert [Path(path).name for path in stored(house)] == ["late.parquet"]


def test_a_part_is_taken_as_soon_as_its_writer_is_gone_and_never_before(house: House) -> None:
    part = spool(house, "dead.spool.part")
    os.utime(part, (time.time() - 60, time.time() - 60))
    with part.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        Collector(house.bench).step()
        assert part.exists()
    Collector(house.bench).step()
    assert [Path(path).name for path in stored(house)] == ["dead.parquet"]


def test_what_a_replica_may_put_there_that_is_no_spool_is_not_read(house: House) -> None:
    real = spool(house, "real.spool")
    other = real.with_name("other.txt")
    other.write_text("of another deployment")
    real.with_name("link.spool").symlink_to(other)
    os.mkfifo(real.with_name("pipe.spool"))
    real.with_name("folder.spool").mkdir()
    real.with_name("odd\nname.spool").write_bytes(b"")
    Collector(house.bench).step()
    assert [Path(path).name for path in stored(house)] == ["real.parquet"]
    assert [path.name for path in real.parent.iterdir()] == ["other.txt"]
    assert other.read_text() == "of another deployment"


def test_where_there_is_no_room_what_was_collected_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    path = spool(house, "one.spool")
    monkeypatch.setattr(collecting, "_CONVERTER", ("-c", f"import os; os._exit({os.EX_TEMPFAIL})"))
    with pytest.raises(collecting.OutOfRoom):
        Collector(house.bench).step()
    assert not path.with_suffix(".unreadable").exists()
    monkeypatch.undo()
    Collector(house.bench).step()
    assert [Path(path).name for path in stored(house)] == ["one.parquet"]


def test_the_place_of_a_deployment_that_is_gone_goes_when_nothing_comes_any_more(house: House) -> None:
    path = spool(house, "last.spool")
    Collector(house.bench).step()
    Collector(house.bench).step()
    assert path.parent.exists()
    os.utime(path.parent, (1, 1))
    Collector(house.bench).step()
    assert not folder_of(house.home, "d", 1).parent.exists()
    assert len(stored(house)) == 1


def test_what_was_collected_is_stored_as_its_own_revision_wished(house: House) -> None:
    spool(house, "one.spool")
    later = folder_of(house.home, "d", 2)
    later.mkdir()
    (later / "about.json").write_text(json.dumps({**ABOUT, "collections": {"model_inputs": 0.0}}))
    Collector(house.bench).step()
    assert len(stored(house)) == 1
