"""Branch, tag and path filters of triggers.

Branches and tags: `*` stands for any text, `/` included, `?` for one
character; `main` means `refs/heads/main`. Paths are from the repository's
root and case-sensitive: a path means itself and everything below it, `*` stops
at `/`, `**` does not, and `docs/*` is everything below docs. An exclusion wins,
unless an inclusion names the same thing more exactly (paths only).
"""

import re
from collections.abc import Iterable, Iterator
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
        return any(_name(pattern).takes(short) for pattern in shortened)

    return (not names.include or is_among(names.include)) and not is_among(names.exclude)


def takes_paths(wanted: Filter, paths: Iterable[str]) -> bool:
    """Whether one of `paths` passes; without a filter every push does."""
    return wanted == Filter() or any(_takes_path(wanted, path.lstrip("/")) for path in paths)


def _takes_path(wanted: Filter, path: str) -> bool:
    included = [pattern for pattern in wanted.include if any(one.takes(path) for one in _path(pattern))]
    excluded = [pattern for pattern in wanted.exclude if any(one.takes(path) for one in _path(pattern))]
    if wanted.include and not included:
        return False
    if not excluded:
        return True
    # docs/ is excluded and docs/api included: the longer one is the more exact.
    return bool(included) and max(map(len, included)) > max(map(len, excluded))


class _Pattern:
    """A pattern as a small automaton: all its states advance together, so that no pattern is slow."""

    def __init__(self, words: list[str]) -> None:
        self._words = words
        """Single characters, or one of ? * ** **/ (any folders) and its loop."""

    def takes(self, text: str) -> bool:
        """Whether the pattern is the whole of `text`."""
        states = self._reached({0})
        for one in text:
            states = self._reached({to for state in states for to in self._step(state, one)})
            if not states:
                return False
        return len(self._words) in states

    def _step(self, state: int, one: str) -> Iterator[int]:
        if state >= len(self._words):
            return
        match self._words[state]:
            case "**":
                yield state
            case "*":
                if one != "/":
                    yield state
            case "**/loop":
                yield state
                if one == "/":
                    yield state + 1
            case "?":
                if one != "/":
                    yield state + 1
            case word:
                if word == one:
                    yield state + 1

    def _reached(self, states: set[int]) -> set[int]:
        """`states` and where they lead without a character."""
        waiting = list(states)
        while waiting:
            state = waiting.pop()
            word = self._words[state] if state < len(self._words) else ""
            ahead = {"*": (1,), "**": (1,), "**/": (1, 2)}.get(word, ())
            for to in (state + step for step in ahead):
                if to not in states:
                    states.add(to)
                    waiting.append(to)
        return states


@lru_cache(maxsize=1024)
def _name(pattern: str) -> _Pattern:
    return _Pattern(["**" if one == "*" else one for one in re.sub(r"\*+", "*", pattern)])


@lru_cache(maxsize=1024)
def _path(pattern: str) -> tuple[_Pattern, ...]:
    """The pattern itself, and everything below what it matches."""
    plain = re.sub(r"/\*{0,2}$", "", pattern.strip().lstrip("/"))
    if plain in ("", "*", "**"):
        return (_Pattern(["**"]),)
    words: list[str] = []
    for word in re.split(r"(\*\*+/|\*\*+|\*|\?)", plain):
        if word.endswith("*/") and word.startswith("**"):
            words += ["**/", "**/loop"]
        elif word.startswith("**"):
            words.append("**")
        else:
            words += list(word)
    return (_Pattern(words), _Pattern([*words, "/", "**"]))
