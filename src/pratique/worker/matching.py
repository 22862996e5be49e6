"""File patterns as the tasks have them: minimatch with exclusions, as of azure-pipelines-task-lib.

    *  ?  [abc]              within one name, dot files too
    **                       any number of folders, none as well; at the end every file below
    ?(a|b) *(…) +(…) @(…)    such a choice at most once, any number of times, at least once, once
    !pattern                 takes away what the patterns before it matched
    #                        a comment

Patterns are tried in their order. Braces are plain text, and case counts.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

_GLOB: Final = re.compile(r"[*?\[]|[+@!]\(")
_CHOICES: Final = {"?": "?", "*": "*", "+": "+", "@": ""}


def matching(paths: Iterable[str], patterns: Sequence[str]) -> list[str]:
    """Those of `paths` that the patterns leave, in their order."""
    known = list(paths)
    kept: set[str] = set()
    for pattern in patterns:
        text, is_exclusion = _parsed(pattern)
        if text:
            fits = _compiled(text)
            found = {path for path in known if fits.fullmatch(path)}
            kept = kept - found if is_exclusion else kept | found
    return [path for path in known if path in kept]


def found_below(root: Path, patterns: Sequence[str]) -> list[Path]:
    """The files that the patterns choose; those that do not begin with / count from `root`."""
    whole: list[str] = []
    places: dict[str, None] = {}
    for pattern in patterns:
        text, is_exclusion = _parsed(pattern)
        if text:
            full = os.path.normpath(root / text) if not _GLOB.search(text) else _joined(root, text)
            whole.append(f"!{full}" if is_exclusion else full)
            if not is_exclusion:
                places[_start(full)] = None
    paths = {file: None for place in places for file in _files_at(place)}
    return [Path(path) for path in matching(paths, whole)]


def _parsed(pattern: str) -> tuple[str, bool]:
    """A pattern without its signs, empty for a comment, and whether it takes away."""
    text = pattern.strip()
    if text.startswith("#"):
        return "", False
    bare = text.lstrip("!")
    return bare.strip(), (len(text) - len(bare)) % 2 == 1


def _joined(root: Path, text: str) -> str:
    """`text` below `root`, with the plain part in front of the first sign made normal."""
    plain = text.replace("\\", "/")
    head = plain[: _GLOB.search(plain).start()].rpartition("/")[0] if _GLOB.search(plain) else ""  # type: ignore[union-attr]
    start = os.path.normpath(root / head) if head or not plain.startswith("/") else "/"
    return f"{start.rstrip('/')}/{plain[len(head) :].lstrip('/')}"


def _start(full: str) -> str:
    """The folder, or the file, below which everything lies that a pattern can match."""
    found = _GLOB.search(full)
    return full[: found.start()].rpartition("/")[0] or "/" if found else full


def _files_at(place: str) -> Iterator[str]:
    path = Path(place)
    if path.is_dir():
        yield from (f"{place.rstrip('/')}/{file}" for file in files_below(path))
    elif path.exists():
        yield place


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
    return re.compile(_expression(plain), re.DOTALL)


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
        close = part.find(")", at + 2) if char in _CHOICES and part[at + 1 : at + 2] == "(" else -1
        if close > 0:
            choices = "|".join(_name(one) for one in part[at + 2 : close].split("|"))
            out.append(f"(?:{choices}){_CHOICES[char]}")
            at = close
        elif char == "*":
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
