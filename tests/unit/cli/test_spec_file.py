"""What the platform finds wrong has the file and the line where it stands, whatever the file describes."""

from pathlib import Path

import pytest

from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.cli.files import spec_of

FILES = {
    "online-deployment": "name: blue\nendpoint_name: credit\nmodel: azureml:credit:1\n",
    "component": "name: train\ntype: command\ncommand: echo\nenvironment: azureml:gone@latest\n",
    "data": "name: rows\nversion: 1\npath: azureml://jobs/j/outputs/rows\n",
    "online-endpoint": "name: credit\nauth_mode: key\n",
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("kind", "key", "line"),
    [
        ("online-deployment", "model", 3),
        ("component", "environment", 4),
        ("data", "path", 3),
        ("online-endpoint", "auth_mode", 2),
    ],
)
def test_a_problem_of_any_kind_has_its_line(kind: str, key: str, line: int) -> None:
    Path("it.yml").write_text(FILES[kind])
    with pytest.raises(NotFound) as caught, spec_of(kind, file="it.yml", given={}):
        raise NotFound(f"{key}: there is no such thing")
    assert str(caught.value) == f"it.yml:{line} {key}: there is no such thing"


def test_each_of_many_problems_has_its_line() -> None:
    Path("it.yml").write_text(FILES["component"])
    told = [Problem("is not there", key="environment"), Problem("is too long", key="command"), Problem("odd")]
    with pytest.raises(InvalidInput) as caught, spec_of("component", file="it.yml", given={}):
        raise InvalidInput("component: 3 problems", problems=told)
    assert [str(one) for one in caught.value.problems] == [
        "it.yml:4 environment: is not there", "it.yml:3 command: is too long", "odd",
    ]  # fmt: skip


def test_what_was_typed_has_no_line_of_the_file() -> None:
    Path("it.yml").write_text(FILES["data"])
    with pytest.raises(NotFound) as caught, spec_of("data", file="it.yml", given={"version": "7"}):
        raise NotFound("version: is taken")
    assert str(caught.value) == "version: is taken"
    with pytest.raises(NotFound) as caught, spec_of("online-endpoint", file=None, given={"name": "credit"}):
        raise NotFound("name: is taken")
    assert str(caught.value) == "name: is taken"
