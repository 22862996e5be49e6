"""`pratique init` writes a project from flags, or from answers on a terminal."""

import io
import json
import sys
from pathlib import Path

import pytest

from pratique.app.console import run_console
from pratique.specs.reader import read_document


class Terminal(io.StringIO):
    """Somebody who types these lines."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRATIQUE_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def name_in(file: str) -> str:
    return str(read_document(Path(file)).value["name"])


def test_without_a_terminal_the_folder_names_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_console(["init", "my-first", "-o", "json"]) == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert document["template"] == "credit-risk"
    assert {document[what] for what in ("name", "model", "endpoint")} == {"my-first"}
    assert "pipeline.yml" in document["new"]
    assert name_in("my-first/endpoint.yml") == "my-first"


def test_it_ends_with_what_to_do_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_console(["init", "my-first"]) == 0
    assert capsys.readouterr().out.endswith("Next:\n\n  pratique up\n  cd my-first\n\nand follow README.md there.\n")


def test_without_anything_it_is_the_example_in_a_folder_of_its_name() -> None:
    assert run_console(["init", "-o", "none"]) == 0
    assert name_in("credit-risk/environment.yml") == "credit-risk"


def test_flags_name_each_thing() -> None:
    words = "init x --name scoring --model scorer --endpoint score-it --compute big -o none"
    assert run_console(words.split()) == 0
    assert name_in("x/environment.yml") == "scoring"
    assert name_in("x/endpoint.yml") == "score-it"
    assert read_document(Path("x/deployment-blue.yml")).value["model"] == "azureml:scorer@latest"
    assert read_document(Path("x/pipeline.yml")).value["settings"]["default_compute"] == "azureml:big"


def test_a_folder_whose_name_is_none_needs_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_console(["init", "My Project"]) == 1
    assert "--name" in capsys.readouterr().err
    assert not Path("My Project").exists()


def test_on_a_terminal_it_asks_for_what_no_flag_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("no name!\nchurn\n\nask-churn\n"))
    assert run_console(["init", "x", "--compute", "big", "-o", "none"]) == 0
    asked = capsys.readouterr().err
    assert "'no name!' cannot name a project" in asked
    assert "Compute" not in asked
    assert name_in("x/environment.yml") == "churn"
    assert name_in("x/endpoint.yml") == "ask-churn"
    assert read_document(Path("x/deployment-blue.yml")).value["model"] == "azureml:churn@latest"


def test_an_end_of_the_answers_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("churn\n"))
    assert run_console(["init", "x"]) == 1
    assert not Path("x").exists()


def test_yes_asks_nothing_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert run_console(["init", "churn", "--yes", "-o", "none"]) == 0


def test_a_second_time_says_that_all_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    run_console(["init", "churn", "-o", "none"])
    assert run_console(["init", "churn"]) == 0
    assert "nothing was written" in capsys.readouterr().out
