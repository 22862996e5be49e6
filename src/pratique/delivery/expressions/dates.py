"""Dates in the custom format strings of .NET that run names and `format` use."""

import re
from datetime import datetime
from typing import Final

_PART: Final = re.compile(r"'([^']*)'|\\(.)|(y+|M+|d+|H+|h+|m+|s+|f+|t+)|(.)", re.DOTALL)
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def formatted_date(moment: datetime, style: str) -> str:
    """`moment` as `style` writes it: `yyyyMMdd`, `HH.mm`, `MMM d`; other characters stay."""
    return "".join(_part(moment, found) for found in _PART.finditer(style))


def _part(moment: datetime, found: re.Match[str]) -> str:
    quoted, escaped, word, other = found.groups()
    return quoted if quoted is not None else escaped or other or _word(moment, word)


def _word(moment: datetime, word: str) -> str:
    count = len(word)
    match word[0]:
        case "y":
            return f"{moment.year % 100:0{count}d}" if count <= 2 else f"{moment.year:0{count}d}"
        case "M":
            name = _MONTHS[moment.month - 1]
            return f"{moment.month:0{count}d}" if count <= 2 else name[:3] if count == 3 else name
        case "d":
            name = _DAYS[moment.weekday()]
            return f"{moment.day:0{count}d}" if count <= 2 else name[:3] if count == 3 else name
        case "H":
            return f"{moment.hour:0{min(count, 2)}d}"
        case "h":
            return f"{(moment.hour - 1) % 12 + 1:0{min(count, 2)}d}"
        case "m":
            return f"{moment.minute:0{min(count, 2)}d}"
        case "s":
            return f"{moment.second:0{min(count, 2)}d}"
        case "f":
            return f"{moment.microsecond:06d}"[: min(count, 6)]
        case _:
            return ("AM" if moment.hour < 12 else "PM")[: min(count, 2)]
