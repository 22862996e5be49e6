"""Ids, names that nobody chose, and moments as text."""

import re
import uuid
from datetime import UTC, datetime, timedelta, timezone

from pratique.base.clock import iso, utc_now
from pratique.base.ids import new_id, new_job_name, new_secret
from pratique.base.names import problem_with_name


def test_ids_are_uuids_of_version_7_and_differ() -> None:
    found = [new_id() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert {uuid.UUID(one).version for one in found} == {7}
    assert {uuid.UUID(one).variant for one in found} == {uuid.RFC_4122}


def test_ids_sort_in_the_order_of_time() -> None:
    stamps = [new_id()[:13] for _ in range(200)]
    assert stamps == sorted(stamps)


def test_a_made_job_name_is_a_job_name() -> None:
    for _ in range(200):
        name = new_job_name()
        assert re.fullmatch(r"[a-z]+_[a-z]+_[0-9a-z]{10}", name)
        assert problem_with_name("job", name) == ""


def test_a_secret_has_256_bits_and_is_safe_in_a_header_and_on_a_command_line() -> None:
    # One in 64 random texts of this alphabet begins with a dash, which a command line takes for a flag.
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{43}", new_secret()) for _ in range(1000))
    assert new_secret() != new_secret()


def test_moments_as_text_sort_in_the_order_of_time() -> None:
    early = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    later = (early + timedelta(microseconds=1)).astimezone(timezone(timedelta(hours=-9)))
    assert iso(early) == "2026-01-02T03:04:05.000000Z"
    assert iso(early) < iso(later)
    assert utc_now().tzinfo is UTC
