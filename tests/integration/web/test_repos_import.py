"""A repository that lies elsewhere is brought to the platform by git on the machine of whoever asks."""

from pathlib import Path

import pytest

from .conftest import PROJECT, Run, Site, pushes_of

P = ("--project", PROJECT)


def test_branches_and_tags_come_over_and_what_is_new_when_asked_again(
    site: Site, pratique: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    site.repository("imported")
    source = site.git("source")
    source("init", "--quiet", "--initial-branch", "main")
    first = source.commit("one", readme="1")
    source("tag", "v1")
    source("branch", "other")
    words = ("repos", "import", "create", "--git-source-url", str(source.folder), "--repository", "imported", *P)
    assert pratique(*words).returncode == 0
    assert {one.name for one in pushes_of(site, "imported")[0].moved} == {
        "refs/heads/main", "refs/heads/other", "refs/tags/v1",
    }  # fmt: skip
    second = source.commit("two", readme="2")
    assert pratique(*words).returncode == 0
    assert [(one.name, one.old, one.new) for one in pushes_of(site, "imported")[0].moved] == [
        ("refs/heads/main", first, second)
    ]


def test_what_git_cannot_fetch_or_may_not_push_is_an_error(
    site: Site, pratique: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    site.repository("unreadable")
    words = ("repos", "import", "create", "--repository", "unreadable", *P, "--git-source-url")
    ran = pratique(*words, str(tmp_path / "absent"))
    assert ran.returncode == 1
    assert "git fetch ended with 128" in ran.stderr
    ran = pratique(*words, "--upload-pack=touch /tmp/never")
    assert ran.returncode != 0
    source = site.git("unreadable-source")
    source("init", "--quiet", "--initial-branch", "main")
    source.commit("one", readme="1")
    assert pratique(*words, str(source.folder), who="rita", role="Reader").returncode == 1
    assert pushes_of(site, "unreadable") == []
