"""Checkout of real repositories by the real git."""

import subprocess
from pathlib import Path

import pytest

from pratique.delivery.message import RepositorySource

from .conftest import Worker


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with two commits, a branch, and a hook that would leave a trace."""
    root = tmp_path / "origin"
    _git(tmp_path, "init", "-q", "-b", "main", str(root))
    for number in (1, 2):
        (root / "file.txt").write_text(f"{number}\n")
        _git(root, "add", ".")
        _git(root, "commit", "-q", "-m", f"commit {number} ##vso[task.setvariable variable=v]evil")
    return root


def _git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "protocol.file.allow=always"]
    done = subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _self(repository: Path, **more: str) -> RepositorySource:
    return RepositorySource("self", "credit", url=str(repository), ref="refs/heads/main", **more)


def test_the_sources_are_checked_out_without_being_asked_for(worker: Worker, repository: Path) -> None:
    commit = _git(repository, "rev-parse", "HEAD~1")
    platform = worker.run(
        """
        steps:
          - bash: cat file.txt; git rev-parse HEAD origin/main; echo "<$(v)>"; pwd; git status --short | wc -l
            displayName: look
        """,
        repositories=(_self(repository, commit=commit),),
    )
    said = platform.log("look").splitlines()
    assert said[1:4] == ["1", commit, _git(repository, "rev-parse", "HEAD")], platform.whole_log
    assert "<>" in said
    assert said[-2].endswith("/work/1/s")
    assert said[-1] == "0"
    assert "**vso[task.setvariable variable=v]evil" in platform.log("Checkout self")


def test_several_repositories_lie_side_by_side_and_the_sources_stay_where_they_are(
    worker: Worker, repository: Path
) -> None:
    other = RepositorySource("templates", "project/mlops-templates", url=str(repository), ref="refs/heads/main")
    platform = worker.run(
        """
        resources: { repositories: [{ repository: templates, type: git, name: project/mlops-templates }] }
        steps:
          - checkout: self
            fetchDepth: 1
          - checkout: templates
          - checkout: templates
            path: s/credit/inner
          - bash: |
              cat credit/file.txt mlops-templates/file.txt credit/inner/file.txt
              echo $(Build.SourcesDirectory) $(Build.Repository.LocalPath)
              git -C credit rev-list --count HEAD
            displayName: look
        """,
        repositories=(_self(repository), other),
    )
    said = platform.log("look").splitlines()
    assert said[1:4] == ["2", "2", "2"], platform.whole_log
    sources, local = said[4].split()
    assert sources.endswith("/work/1/s")
    assert local == f"{sources}/credit"


def test_a_path_that_leads_out_is_refused(worker: Worker, repository: Path) -> None:
    platform = worker.run(
        "steps: [{ checkout: self, path: ../../../out, displayName: get }]", repositories=(_self(repository),)
    )
    assert "outside of Pipeline.Workspace" in platform.step("get").reason


def test_submodules_come_along_and_hooks_and_settings_do_not(worker: Worker, repository: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    _git(tmp_path, "init", "-q", "-b", "main", str(inner))
    (inner / "deep.txt").write_text("deep\n")
    _git(inner, "add", ".")
    _git(inner, "commit", "-q", "-m", "inner")
    _git(repository, "submodule", "add", "-q", str(inner), "lib")
    _git(repository, "commit", "-q", "-m", "with lib")
    home = worker.folder / "home"
    home.mkdir()
    (home / ".gitconfig").write_text(f"[core]\n\thooksPath = {tmp_path}/hooks\n")
    (tmp_path / "hooks").mkdir()
    hook = tmp_path / "hooks" / "post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    platform = worker.run(
        "steps: [{ checkout: self, submodules: true }, { bash: cat lib/deep.txt, displayName: look }]",
        repositories=(_self(repository),),
    )
    assert platform.log("look").endswith("deep\n"), platform.whole_log
    assert not (tmp_path / "ran").exists()


def test_a_snapshot_is_the_working_tree_as_it_was(worker: Worker) -> None:
    worker.platform.keep("tree", {"train.py": "print(1)\n", "config/a.yml": "a: 1\n"})
    manifest = worker.platform.artifacts.pop("tree")
    platform = worker.run(
        "steps: [{ bash: cat train.py config/a.yml, displayName: look }]",
        repositories=(RepositorySource("self", "credit", type="snapshot", manifest=manifest),),
    )
    assert platform.log("look").endswith("print(1)\na: 1\n")
    assert "uncommitted changes included" in platform.log("Checkout self")


def test_a_commit_that_is_not_there_fails_the_job_before_its_steps(worker: Worker, repository: Path) -> None:
    platform = worker.run(
        "steps: [{ bash: echo no, displayName: look }]", repositories=(_self(repository, commit="0" * 40),)
    )
    assert platform.results() == {"Checkout self": "Failed", "look": "Skipped"}


def test_a_token_stands_in_no_file_unless_it_is_to_stay(worker: Worker, repository: Path) -> None:
    platform = worker.run(
        """
        steps:
          - checkout: self
          - bash: grep -r t0ken-of-git . && echo found || echo clean
            displayName: look
        """,
        repositories=(_self(repository, token="t0ken-of-git"),),
    )
    assert platform.log("look").endswith("clean\n")
    assert all(b"t0ken-of-git" not in body for body in platform.bodies)


def test_only_the_folders_that_are_asked_for_are_checked_out(worker: Worker, repository: Path) -> None:
    for name in ("src/a/one.txt", "docs/two.txt"):
        (repository / name).parent.mkdir(parents=True)
        (repository / name).write_text("text")
    _git(repository, "add", ".")
    _git(repository, "commit", "-q", "-m", "folders")
    platform = worker.run(
        """
        steps:
          - checkout: self
            fetchFilter: tree:0
            sparseCheckoutDirectories: src/a other
          - bash: find . -name '*.txt' | sort
            displayName: look
        """,
        repositories=(_self(repository),),
    )
    assert platform.log("look").splitlines()[1:] == ["./file.txt", "./src/a/one.txt"]
