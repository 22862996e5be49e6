"""The name of a run: dates, the revision, and variables.

The revision, `$(Rev:r)`, counts the runs of a pipeline whose names are equal
in all else, so a name is made in two steps: `prepared` puts in everything but
the revision, and `finished` the number that the caller counted for it. Times
are UTC. Source: Azure Pipelines, Run (build) number.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pratique.delivery.expressions.dates import formatted_date
from pratique.delivery.expressions.macros import replaced

MAX_LENGTH: Final = 255
_SHORT: Final = {
    "builddefinitionname": "Build.DefinitionName",
    "buildid": "Build.BuildId",
    "definitionname": "Build.DefinitionName",
    "sourcebranchname": "Build.SourceBranchName",
    "teamproject": "System.TeamProject",
}
"""Words that a name may have for variables of the platform, unless a variable is called so."""
_REVISION: Final = re.compile(r"\$\(Rev:([^)r]*)(r+)\)", re.IGNORECASE)
_FORBIDDEN: Final = re.compile(r"[\"/:<>'|?@*\x00-\x1f\\]")
_MARK: Final = "\x01"
"""Stands for the revision between the two steps; no name can hold it."""


@dataclass(frozen=True)
class RunName:
    """A name that lacks only its revision."""

    text: str
    before: str = ""
    """What stands between `$(Rev:` and the first r."""
    digits: int = 0
    """Of the revision, filled with zeros; 0: the name has none."""

    @property
    def prefix(self) -> str:
        """What runs that count together have in common."""
        return self.text.replace(_MARK, "")


def prepared(style: str, now: datetime, lookup: Callable[[str], str | None]) -> RunName:
    """`style` with dates and variables put in; an unknown macro stays as it is. `now` is in UTC."""
    found = _REVISION.search(style)
    if found is not None:
        style = f"{style[: found.start()]}{_MARK}{style[found.end() :]}"
    # A second revision has no meaning; it goes.
    style = _REVISION.sub("", style)
    text = replaced(style, lambda name: _token(name, now) or lookup(name) or lookup(_SHORT.get(name.lower(), "")))
    return RunName(text, found[1] if found else "", len(found[2]) if found else 0)


def finished(name: RunName, revision: int) -> str:
    """The whole name, at most 255 characters, without those that no name can have."""
    text = name.text.replace(_MARK, f"{name.before}{revision:0{name.digits}d}" if name.digits else "")
    text = _FORBIDDEN.sub("_", text).strip()[:MAX_LENGTH].rstrip(". ")
    return text or str(revision)


def _token(name: str, now: datetime) -> str | None:
    word, _, style = name.partition(":")
    match word.lower():
        case "date":
            return formatted_date(now, style or "yyyyMMdd")
        case "year":
            return formatted_date(now, style or "yyyy")
        case "dayofmonth":
            return str(now.day)
        case "dayofyear":
            return str(now.timetuple().tm_yday)
        case "hours":
            return str(now.hour)
        case "minutes":
            return str(now.minute)
        case "month":
            return str(now.month)
        case "seconds":
            return str(now.second)
        case _:
            return None
