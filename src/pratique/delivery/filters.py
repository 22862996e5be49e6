"""Branch, tag and path filters of triggers.

Branches and tags: `*` stands for any text, `/` included, `?` for one
character; `main` means `refs/heads/main`. Paths are from the repository's
root and case-sensitive: a path means itself and everything below it, `*` stops
at `/`, `**` does not, and `docs/*` is everything below docs. An exclusion wins,
unless an inclusion names the same thing more exactly (paths only).
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from pratique.delivery.pipeline import Filter, PullRequestTrigger, PushTrigger


def takes_push(trigger: PushTrigger, ref: str, paths: Iterable[str]) -> bool:
    """Whether a push to `ref` (refs/heads/… or refs/tags/…) that changed `paths` starts a run."""
    if not trigger.is_enabled:
        return False
    if ref.startswith("refs/tags/"):
        return trigger.tags != Filter() and takes_name(trigger.tags, ref)
    return takes_name(trigger.branches, ref) and takes_paths(trigger.paths, paths)


def takes_pull_request(
    trigger: PullRequestTrigger, target: str, paths: Iterable[str], *, is_draft: bool = False
) -> bool:
    """Whether a pull request into `target` that changes `paths` starts a run."""
    is_wanted = trigger.is_enabled and (trigger.takes_drafts or not is_draft)
    return is_wanted and takes_name(trigger.branches, target) and takes_paths(trigger.paths, paths)


def takes_name(names: Filter, ref: str) -> bool:
    """Whether a branch or tag passes."""
    short = re.sub(r"^refs/(heads|tags)/", "", ref)

    def is_among(patterns: tuple[str, ...]) -> bool:
        shortened = (re.sub(r"^refs/(heads|tags)/", "", pattern) for pattern in patterns)
        return any(_name(pattern).fullmatch(short) for pattern in shortened)

    return (not names.include or is_among(names.include)) and not is_among(names.exclude)


def takes_paths(wanted: Filter, paths: Iterable[str]) -> bool:
    """Whether one of `paths` passes; without a filter every push does."""
    return wanted == Filter() or any(_takes_path(wanted, path.lstrip("/")) for path in paths)


def _takes_path(wanted: Filter, path: str) -> bool:
    included = [pattern for pattern in wanted.include if _path(pattern).fullmatch(path)]
    excluded = [pattern for pattern in wanted.exclude if _path(pattern).fullmatch(path)]
    if wanted.include and not included:
        return False
    if not excluded:
        return True
    # docs/ is excluded and docs/api included: the longer one is the more exact.
    return bool(included) and max(map(len, included)) > max(map(len, excluded))


@lru_cache(maxsize=1024)
def _name(pattern: str) -> re.Pattern[str]:
    stars = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in stars))


@lru_cache(maxsize=1024)
def _path(pattern: str) -> re.Pattern[str]:
    plain = re.sub(r"\*{3,}", "**", pattern.strip().lstrip("/"))
    plain = re.sub(r"/\*{0,2}$", "", plain)
    if plain in ("", "*", "**"):
        return re.compile(".*")
    words = re.split(r"(\*\*/|\*\*|\*|\?)", plain)
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(known.get(word, re.escape(word)) for word in words) + "(?:/.*)?")
