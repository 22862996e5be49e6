"""Cron."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from pratique.delivery.schedules import cron_problem, next_time

AFTER = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)  # A Wednesday.


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("* * * * *", (2026, 3, 4, 5, 7)),
        ("0 3 * * *", (2026, 3, 5, 3, 0)),
        ("6 5 * * *", (2026, 3, 5, 5, 6)),
        ("7 5 * * *", (2026, 3, 4, 5, 7)),
        ("*/15 * * * *", (2026, 3, 4, 5, 15)),
        ("10-20/5 6 * * *", (2026, 3, 4, 6, 10)),
        ("0 0 1 * *", (2026, 4, 1, 0, 0)),
        ("0 0 * Jan *", (2027, 1, 1, 0, 0)),
        ("0 12 * * Sun", (2026, 3, 8, 12, 0)),
        ("0 12 * * 7", (2026, 3, 8, 12, 0)),
        ("0 12 * * Mon-Fri", (2026, 3, 4, 12, 0)),
        ("0 1 * * Mon,Thu", (2026, 3, 5, 1, 0)),
        ("0 0 29 2 *", (2028, 2, 29, 0, 0)),
        ("0 0 13 * Fri", (2026, 3, 6, 0, 0)),
    ],
)
def test_the_next_time_is(cron: str, expected: tuple[int, int, int, int, int]) -> None:
    assert next_time(cron, AFTER) == datetime(*expected, tzinfo=UTC)


def test_a_day_that_never_comes_is_none() -> None:
    assert next_time("0 0 31 2 *", AFTER) is None


def test_times_are_utc_whatever_is_asked_from() -> None:
    there = AFTER.astimezone(timezone(timedelta(hours=-8)))
    assert next_time("0 3 * * *", there) == next_time("0 3 * * *", AFTER)


@pytest.mark.parametrize(
    "cron",
    ["", "* * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
     "a * * * *", "1-b * * * *", "*/x * * * *", "1,,2 * * * *", "-1 * * * *", "² * * * *"],
)  # fmt: skip
def test_what_is_no_schedule_is_told(cron: str) -> None:
    assert cron_problem(cron)
    with pytest.raises(ValueError, match="schedule"):
        next_time(cron, AFTER)
