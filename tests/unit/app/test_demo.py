"""What the demo decides without a platform."""

from pathlib import Path

import pytest

from pratique.app.demo import demo
from pratique.app.demo_delivery import NAME
from pratique.app.project import EXAMPLE, Names, rendered
from pratique.base.errors import Unavailable


def test_without_git_the_demo_says_so_and_starts_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PRATIQUE_HOME", str(tmp_path / "home"))
    with pytest.raises(Unavailable, match="no git program") as caught:
        demo(project=str(tmp_path / "project"), rate=600, bundle=None)
    assert "install git" in caught.value.hint
    assert [*tmp_path.iterdir()] == []


def test_the_demo_uses_the_names_that_the_file_of_the_example_has() -> None:
    assert Names(NAME, NAME, NAME, EXAMPLE.compute) == EXAMPLE
    text = rendered(NAME, EXAMPLE)["azure-pipelines.yml"].decode()
    for name in (f"group: {NAME}", f"dev_workspace: {NAME}-dev", f"qa_connection: {NAME}-qa", "environment: qa"):
        assert f" {name}\n" in text
