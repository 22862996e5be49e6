"""`pratique bundle`: what can be said without fetching anything."""

import json
from pathlib import Path

import pytest

from pratique.app.console import run_console
from pratique.compute.bundle import open_bundle, seal


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRATIQUE_CONFIG_DIR", str(tmp_path / "config"))


def test_a_place_that_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.zip").write_text("mine")
    assert run_console(["bundle", "create", "mine.zip"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "mine.zip").read_text() == "mine"


def test_a_conda_file_that_is_none_is_told_before_anything_is_fetched(capsys: pytest.CaptureFixture[str]) -> None:
    Path("conda.yml").write_text("dependencies: [openmpi]\n")
    assert run_console(["bundle", "create", "b.zip", "--conda-file", "conda.yml"]) == 1
    assert "openmpi" in capsys.readouterr().err
    assert not Path("b.zip").exists()


def test_verifying_says_the_digest_to_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "README.md").write_text("read me")
    seal(tmp_path / "b", made_by="a test")
    assert run_console(["bundle", "verify", "b", "-o", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["digest"], said["files"]) == (open_bundle(tmp_path / "b").digest, 1)


def test_what_is_no_bundle_is_an_error_with_what_to_name_instead(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_console(["bundle", "verify", "nowhere"]) == 1
    said = capsys.readouterr()
    assert "nowhere is no bundle" in said.err
    assert "pratique bundle create" in said.err
    assert said.out == ""
