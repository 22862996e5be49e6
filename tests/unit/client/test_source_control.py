"""Git's tags: there when there is a repository, and never with a password."""

import subprocess
from pathlib import Path

import pytest

from pratique.client.source_control import git_tags, without_credentials


@pytest.mark.parametrize(
    ("remote", "shown"),
    [
        ("https://example.com/org/repo.git", "https://example.com/org/repo.git"),
        ("https://user:token@example.com/org/repo.git", "https://example.com/org/repo.git"),
        ("https://token@dev.azure.com/org/_git/repo", "https://dev.azure.com/org/_git/repo"),
        ("https://a:b@c@example.com:8443/r?private_token=x#y", "https://example.com:8443/r"),
        ("ssh://git@example.com:22/org/repo", "ssh://example.com:22/org/repo"),
        ("git@github.com:org/repo.git", "github.com:org/repo.git"),
        ("user:pass@host:repo", "host:repo"),
        ("/srv/repo.git", "/srv/repo.git"),
        ("", ""),
    ],
)
def test_a_remote_loses_its_credentials(remote: str, shown: str) -> None:
    assert without_credentials(remote) == shown


def test_no_repository_gives_no_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_tags(tmp_path) == {}
    assert git_tags(tmp_path / "absent") == {}


def test_a_changed_file_makes_it_dirty_and_no_program_of_the_repository_runs(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "a.txt").write_text("a")
    git("init", "-b", "main")
    git("add", ".")
    git("commit", "-m", "x")
    git("config", "core.fsmonitor", "touch ran; false")
    assert git_tags(tmp_path)["azureml.git.dirty"] == "False"
    (tmp_path / "a.txt").write_text("b")
    tags = git_tags(tmp_path)
    assert tags["azureml.git.dirty"] == "True"
    assert tags["mlflow.source.git.branch"] == "main"
    assert "mlflow.source.git.repoURL" not in tags
    assert not (tmp_path / "ran").exists()


def test_without_git_there_are_no_tags(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_tags(tmp_path) == {}
