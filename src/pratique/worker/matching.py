"""File patterns as the tasks have them: minimatch with exclusions, as of azure-pipelines-task-lib.

    *  ?  [abc]      within one name, dot files too
    **               any number of folders, none as well
    {a,b}            either
    !pattern         takes away what the patterns before it matched
    #                a comment

Patterns are tried in their order. Paths are relative, with slashes, and case counts.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

MAX_BRACES: Final = 1000
"""Patterns that one with braces may become."""


def matching(paths: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Those of `paths` that the patterns leave, in their order."""
    known = list(paths)
    kept: set[str] = set()
    for pattern in patterns:
        text = pattern.strip()
        if not text or text.startswith("#"):
            continue
        is_exclusion = (len(text) - len(text.lstrip("!"))) % 2 == 1
        fits = _compiled(text.lstrip("!").strip())
        found = {path for path in known if fits.fullmatch(path)}
        kept = kept - found if is_exclusion else kept | found
    return [path for path in known if path in kept]


def files_below(root: Path) -> Iterator[str]:
    """Every file below `root`, sorted; links to folders are followed unless they lead back."""
    yield from _files(root, "", {os.path.realpath(root)})


def _files(folder: Path, before: str, above: set[str]) -> Iterator[str]:
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda one: one.name)
    for entry in entries:
        path = f"{before}{entry.name}"
        if not entry.is_dir():
            yield path
        elif (real := os.path.realpath(entry.path)) not in above:
            yield from _files(Path(entry.path), f"{path}/", {*above, real})


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    plain = re.sub(r"/{2,}", "/", pattern.replace("\\", "/")).removeprefix("./").rstrip("/")
    return re.compile("|".join(_expression(one) for one in _without_braces(plain)), re.DOTALL)


def _without_braces(pattern: str) -> list[str]:
    """The patterns that one with `{a,b}` stands for."""
    waiting, done = [pattern], list[str]()
    while waiting:
        text = waiting.pop(0)
        found = re.search(r"\{([^{}]*,[^{}]*)\}", text)
        if found is None or len(waiting) + len(done) > MAX_BRACES:
            done.append(text)
        else:
            waiting += [text[: found.start()] + one + text[found.end() :] for one in found[1].split(",")]
    return done


def _expression(pattern: str) -> str:
    parts = pattern.split("/")
    out: list[str] = []
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            out.append(r"(?:.+)" if is_last else r"(?:[^/]+/)*")
        else:
            out.append(_name(part) + ("" if is_last else "/"))
    return "".join(out)


def _name(part: str) -> str:
    """The expression for one name; a class of characters that does not end stands for itself."""
    out: list[str] = []
    at = 0
    while at < len(part):
        char = part[at]
        end = part.find("]", at + 2) if char == "[" else -1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif end > 0:
            inside = part[at + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            out.append(f"[{'^' + inside[1:] if inside[0] in '!^' else inside}]")
            at = end
        else:
            out.append(re.escape(char))
        at += 1
    return "".join(out)
