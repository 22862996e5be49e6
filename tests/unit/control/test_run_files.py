"""The files of runs, where jobs and models ask for them."""

from datetime import datetime

import pytest

from pratique.base.errors import Conflict, NotFound
from pratique.content.manifest import Entry, Manifest
from pratique.control import artifacts, groups, workspaces
from pratique.control.actor import PLATFORM
from pratique.store.database import Database

RUN = "0123456789abcdef0123456789abcdef"
ROOT = f"1/{RUN}/artifacts"


def digest(letter: str) -> str:
    return letter * 64


@pytest.fixture
def dev(database: Database, now: datetime) -> Database:
    with database.write() as tx:
        groups.create(tx, PLATFORM, "team", location="local", tags={}, now=now)
        workspaces.create(tx, PLATFORM, {"name": "dev"}, group="team", now=now)
    return database


def lay(database: Database, path: str, letter: str, now: datetime) -> None:
    with database.write() as tx:
        artifacts.add_file(tx, PLATFORM, "dev", path, digest(letter), 1, now=now)


def of_run(database: Database, path: str) -> dict[str, str]:
    with database.read() as tx:
        found = artifacts.of_run(tx, "dev", RUN, path)
    return {entry.path: entry.digest[0] for entry in found.entries}


def test_a_run_gives_a_folder_a_file_or_all(dev: Database, now: datetime) -> None:
    lay(dev, f"{ROOT}/model/MLmodel", "a", now)
    lay(dev, f"{ROOT}/notes.txt", "b", now)
    assert of_run(dev, "") == {"model/MLmodel": "a", "notes.txt": "b"}
    assert of_run(dev, "model/") == {"MLmodel": "a"}
    assert of_run(dev, "notes.txt") == {"notes.txt": "b"}
    for missing in ("nothing", "mode"):
        with pytest.raises(NotFound):
            of_run(dev, missing)


def test_a_file_of_another_run_whose_path_only_mentions_this_one_is_not_its(dev: Database, now: datetime) -> None:
    lay(dev, f"{ROOT}/real", "a", now)
    lay(dev, f"1/other/artifacts/{RUN}/artifacts/fake", "b", now)
    assert of_run(dev, "") == {"real": "a"}


def test_a_model_logged_apart_from_its_run_is_found_in_it(dev: Database, now: datetime) -> None:
    lay(dev, f"{ROOT}/notes.txt", "n", now)
    for model_id, letter in (("m-1", "a"), ("m-2", "b")):
        lay(dev, f"1/models/{model_id}/artifacts/MLmodel", letter, now)
        with dev.write() as tx:
            artifacts.link_model(tx, PLATFORM, "dev", RUN, "clf", model_id, now=now)
        assert of_run(dev, "clf") == {"MLmodel": letter}
    lay(dev, f"{ROOT}/clf/MLmodel", "c", now)  # What the run itself logged goes first.
    assert of_run(dev, "clf") == {"MLmodel": "c"}


def test_a_logged_model_of_two_experiments_is_refused(dev: Database, now: datetime) -> None:
    lay(dev, "1/models/m-1/artifacts/MLmodel", "a", now)
    lay(dev, "2/models/m-1/artifacts/MLmodel", "b", now)
    with dev.read() as tx, pytest.raises(Conflict):
        artifacts.of_logged_model(tx, "dev", "m-1")


def test_outputs_of_a_job_become_files_of_its_run(dev: Database, now: datetime) -> None:
    manifest = Manifest([Entry("a/b.txt", digest("a"), 3), Entry("c.txt", digest("b"), 4)])
    with dev.write() as tx:
        artifacts.add(tx, "dev", f"{ROOT}/outputs", manifest, now=now)
    assert of_run(dev, "outputs") == {"a/b.txt": "a", "c.txt": "b"}
