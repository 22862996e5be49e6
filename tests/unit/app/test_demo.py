"""What the demo decides without a platform."""

from pathlib import Path
from typing import Any

import pytest

from pratique.app.demo import Told, Verdict, demo, tell_end
from pratique.app.demo_delivery import NAME
from pratique.app.demo_story import Story
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


class Made(Story):
    """A story of which everything is there already."""

    def az(self, words: str, *, shown: str = "", **variables: str) -> Any:
        answers = {
            "model show": {"name": "m", "version": "2", "properties": {"pratique.digest": "0123456789abcdef"}},
            "online-deployment list": [{"timings": {"prepare_s": 0.5}}],
            "online-endpoint show": {"scoring_uri": "http://door/score", "openapi_uri": "http://door/swagger.json"},
            "online-endpoint get-credentials": {"primaryKey": "k-1"},
        }
        return next(answer for said, answer in answers.items() if f"ml {said}" in words)


@pytest.mark.parametrize("stops", [True, False])
def test_only_a_demo_that_leaves_the_platform_up_says_how_to_ask_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stops: bool
) -> None:
    monkeypatch.setenv("CI", str(stops).lower())
    job = {"services": {"Studio": {"endpoint": "http://door/mlflow"}}}
    tell_end(Made(tmp_path, {}), Told([7], Verdict(job, {"auc": 0.8}, "registered", "it is better")), 9.0)
    said = capsys.readouterr().err
    assert "registered: it is better" in said
    assert ("the platform is stopped now" in said) is stops
    assert ("The platform stays up" in said) is not stops
    assert ("curl -s http://door/score" in said) is not stops
    assert ("http://door/mlflow" in said) is not stops
