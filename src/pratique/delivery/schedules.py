"""Cron: five fields, in UTC, as `schedules` has them.

    minute 0-59   hour 0-23   day of month 1-31   month 1-12 or Jan   day of week 0-6 or Sun

A field is `*`, a number, a range `a-b`, a list `a,b`, and steps `*/n` and
`a-b/n`. Where both days are restricted, either one suffices, as in cron.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final[tuple[tuple[str, int, int, dict[str, int]], ...]] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)
_HORIZON: Final = timedelta(days=366 * 8)
"""The 29th of February can be eight years away."""


@dataclass(frozen=True)
class _Cron:
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    is_either_day: bool
    """Whether both kinds of days are restricted, so that one of them suffices."""

    def has_day(self, day: datetime) -> bool:
        in_month, in_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and (in_month or in_week if self.is_either_day else in_month and in_week)


def cron_problem(cron: str) -> str:
    """Why `cron` is no schedule; empty when it is one."""
    try:
        _parsed(cron)
    except ValueError as error:
        return str(error)
    return ""


def next_time(cron: str, after: datetime) -> datetime | None:
    """The first minute later than `after`, an aware time, that `cron` names; None when there is none.

    Raises `ValueError` when `cron` is no schedule.
    """
    wanted = _parsed(cron)
    at = after.astimezone(UTC).replace(second=0, microsecond=0) + timedelta(minutes=1)
    end = at + _HORIZON
    while at < end:
        if not wanted.has_day(at):
            at = at.replace(hour=0, minute=0) + timedelta(days=1)
        elif at.hour not in wanted.hours:
            at = at.replace(minute=0) + timedelta(hours=1)
        elif at.minute not in wanted.minutes:
            at += timedelta(minutes=1)
        else:
            return at
    return None


@lru_cache(maxsize=512)
def _parsed(cron: str) -> _Cron:
    words = cron.split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"a schedule has 5 fields; {cron!r} has {len(words)}")
    found = [_field(word, *field) for word, field in zip(words, _FIELDS, strict=True)]
    weekdays = frozenset(day % 7 for day in found[4])
    is_either = not words[2].startswith("*") and not words[4].startswith("*")
    return _Cron(found[0], found[1], found[2], found[3], weekdays, is_either)


def _field(word: str, what: str, least: int, most: int, names: dict[str, int]) -> frozenset[int]:
    found: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isascii() or not step.isdigit() or int(step) == 0):
            raise ValueError(f"{part!r} is no {what} of a schedule")
        if span == "*":
            first, last = least, most
        else:
            low, dash, high = span.partition("-")
            first = _number(low, what, least, most, names)
            last = _number(high, what, least, most, names) if dash else most if slash else first
        if first > last:
            raise ValueError(f"{part!r} is no {what} of a schedule")
        found |= set(range(first, last + 1, int(step) if slash else 1))
    return frozenset(found)


def _number(word: str, what: str, least: int, most: int, names: dict[str, int]) -> int:
    number = names.get(word[:3].lower())
    if number is None and word.isascii() and word.isdigit() and len(word) < 4:
        number = int(word)
    if number is None or not least <= number <= most:
        raise ValueError(f"{word!r} is no {what} of a schedule, which is {least} to {most}")
    return number
