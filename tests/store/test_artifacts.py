"""The files of runs: found by their folder, never by what somebody else called a file."""

from collections.abc import Callable
from datetime import datetime

import pytest

from pratique.store import artifacts
from pratique.store.artifacts import Artifact
from pratique.store.database import Database

MakeFile = Callable[..., Artifact]


@pytest.fixture
def file(now: datetime) -> MakeFile:
    """Makes a file; whatever is not given does not matter."""

    def make(path: str, workspace: str = "dev", blob: str = "a" * 64) -> Artifact:
        return Artifact(workspace, path, blob, 1, now)

    return make


def paths(files: list[Artifact]) -> list[str]:
    return [one.path for one in files]


def test_a_file_written_again_replaces_the_first(database: Database, file: MakeFile) -> None:
    with database.write() as tx:
        artifacts.put(tx, [file("0/r/artifacts/a"), file("0/r/artifacts/a", blob="b" * 64)])
        found = artifacts.get(tx, "dev", "0/r/artifacts/a")
        assert artifacts.get(tx, "qa", "0/r/artifacts/a") is None
    assert found is not None
    assert found.blob == "b" * 64


def test_below_a_folder_is_only_what_is_in_it(database: Database, file: MakeFile) -> None:
    with database.write() as tx:
        for path in ("m", "m/a", "m/b/c", "M/a", "m.txt", "mm/a", "m0", "m/%_", "m-/a"):
            artifacts.put(tx, [file(path)])
        assert sorted(paths(artifacts.below(tx, "dev", "m"))) == ["m", "m/%_", "m/a", "m/b/c"]
        assert paths(artifacts.below(tx, "dev", "m_")) == []
        assert paths(artifacts.below(tx, "dev", "%")) == []
        assert artifacts.is_folder(tx, "dev", "M")
        assert not artifacts.is_folder(tx, "dev", "m.txt")
        assert len(artifacts.below(tx, "dev", "")) == 9
        assert artifacts.remove(tx, "dev", "m") == 4
        assert sorted(paths(artifacts.below(tx, "dev", ""))) == ["M/a", "m-/a", "m.txt", "m0", "mm/a"]


def test_a_run_has_the_files_of_its_own_folder(database: Database, file: MakeFile) -> None:
    with database.write() as tx:
        artifacts.put(tx, [file("0/r1/artifacts/a"), file("0/r1/artifacts/artifacts/b"), file("0/r12/artifacts/c")])
        artifacts.put(tx, [file("0/r1/artifacts/a", workspace="qa")])
        assert paths(artifacts.of_run(tx, "dev", "r1")) == ["0/r1/artifacts/a", "0/r1/artifacts/artifacts/b"]


def test_a_run_cannot_write_a_file_that_counts_as_another_run_s(database: Database, file: MakeFile) -> None:
    with database.write() as tx:
        artifacts.put(tx, [file("0/good/artifacts/model.pkl")])
        artifacts.put(tx, [file("0/evil/artifacts/good/artifacts/model.pkl")])
        artifacts.put(tx, [file("0/evil/artifacts/x/models/m1/artifacts/model.pkl")])
        assert paths(artifacts.of_run(tx, "dev", "good")) == ["0/good/artifacts/model.pkl"]
        assert artifacts.of_model(tx, "dev", "m1") == []


def test_a_model_has_the_files_of_its_own_folder(database: Database, file: MakeFile) -> None:
    with database.write() as tx:
        artifacts.put(tx, [file("0/models/m1/artifacts/MLmodel"), file("0/models/m2/artifacts/MLmodel")])
        assert paths(artifacts.of_model(tx, "dev", "m1")) == ["0/models/m1/artifacts/MLmodel"]
