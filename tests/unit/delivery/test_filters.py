"""Which pushes and pull requests start a run."""

from collections.abc import Sequence

import pytest

from pratique.delivery.filters import takes_name, takes_paths, takes_pull_request, takes_push
from pratique.delivery.pipeline import Filter, PullRequestTrigger, PushTrigger


@pytest.mark.parametrize(
    ("include", "exclude", "branch", "takes"),
    [
        ([], [], "refs/heads/x", True),
        (["main"], [], "refs/heads/main", True),
        (["refs/heads/main"], [], "refs/heads/main", True),
        (["main"], [], "refs/heads/main2", False),
        (["main"], [], "refs/heads/Main", False),
        (["releases/*"], [], "refs/heads/releases/1/2", True),
        (["releases/*"], [], "refs/heads/releases", False),
        (["*"], ["releases/old*"], "refs/heads/releases/old1", False),
        ([], ["main"], "refs/heads/dev", True),
        ([], ["main"], "refs/heads/main", False),
        (["v?"], [], "refs/heads/v1", True),
        (["v?"], [], "refs/heads/v10", False),
        (["none"], [], "refs/heads/main", False),
    ],
)
def test_branches_pass_that_are_included_and_not_excluded(
    include: Sequence[str], exclude: Sequence[str], branch: str, takes: bool
) -> None:
    assert takes_name(Filter(tuple(include), tuple(exclude)), branch) is takes


@pytest.mark.parametrize(
    ("include", "exclude", "path", "takes"),
    [
        ([], [], "a/b", True),
        (["docs"], [], "docs/a/b.md", True),
        (["docs/"], [], "docs/a", True),
        (["/docs/*"], [], "docs/a/b", True),
        (["docs"], [], "docs2/a", False),
        (["docs"], [], "Docs/a", False),
        (["docs/*.md"], [], "docs/a.md", True),
        (["docs/*.md"], [], "docs/b/a.md", False),
        (["**/*.py"], [], "a.py", True),
        (["**/*.py"], [], "a/b/c.py", True),
        (["a/**/z"], [], "a/z", True),
        (["a/**/z"], [], "a/b/c/z", True),
        (["environment_setup/arm-templates/*"], [], "environment_setup/arm-templates/x.json", True),
        ([], ["docs"], "docs/a", False),
        ([], ["docs"], "src/a", True),
        (["docs"], ["docs/api"], "docs/api/a", False),
        (["docs/api"], ["docs"], "docs/api/a", True),
        (["*"], ["README.md"], "README.md", False),
        (["a.b"], [], "axb", False),
        (["a?c"], [], "abc", True),
        (["a?c"], [], "a/c", False),
    ],
)
def test_paths_pass_that_are_included_and_not_excluded(
    include: Sequence[str], exclude: Sequence[str], path: str, takes: bool
) -> None:
    assert takes_paths(Filter(tuple(include), tuple(exclude)), [path]) is takes


def test_one_path_of_a_push_suffices_and_none_does_not() -> None:
    wanted = Filter(("src",), ())
    assert takes_paths(wanted, ["docs/a", "src/b"])
    assert not takes_paths(wanted, [])
    assert takes_paths(Filter(), [])


def test_a_push_needs_branch_and_path_and_tags_are_apart() -> None:
    trigger = PushTrigger(branches=Filter(("main",)), paths=Filter(("src",)), tags=Filter(("v*",)))
    assert takes_push(trigger, "refs/heads/main", ["src/a"])
    assert not takes_push(trigger, "refs/heads/main", ["docs/a"])
    assert not takes_push(trigger, "refs/heads/dev", ["src/a"])
    assert takes_push(trigger, "refs/tags/v1", [])
    assert not takes_push(trigger, "refs/tags/x", [])
    assert not takes_push(PushTrigger(), "refs/tags/v1", [])
    assert not takes_push(PushTrigger(is_enabled=False), "refs/heads/main", ["a"])


def test_a_pull_request_is_asked_by_its_target() -> None:
    trigger = PullRequestTrigger(branches=Filter(("main",)), takes_drafts=False)
    assert takes_pull_request(trigger, "refs/heads/main", ["a"])
    assert not takes_pull_request(trigger, "refs/heads/main", ["a"], is_draft=True)
    assert not takes_pull_request(trigger, "refs/heads/dev", ["a"])
