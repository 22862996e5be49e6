"""MLflow's little search language."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput
from pratique.web.mlflow.filters import Fields, parse_filter, parse_order

FIELDS = Fields({"name": False, "run_id": False, "version_number": True})
THING: dict[str, Any] = {
    "name": "credit-risk", "run_id": "ab", "version_number": 7, "tags": {"team": "risk", "a b": "it's"},
}  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "name = 'credit-risk'",
        'name="credit-risk"',
        "name LIKE 'credit%'",
        "name like '%risk'",
        "name ILIKE 'CREDIT_RISK'",
        "name != 'x' AND version_number > 6 and version_number <= 7",
        "run_id IN ('cd', 'ab')",
        "tags.team = 'risk'",
        "tag.`a b` = 'it\\'s'",
        "tags.missing != 'x'",
        "version_number = 7",
    ],
)
def test_a_thing_fits_the_filter(text: str) -> None:
    assert parse_filter(text, FIELDS)(THING)


@pytest.mark.parametrize(
    "text",
    [
        "name = 'credit'",
        "name LIKE 'Credit%'",
        "name LIKE 'credit'",
        "name LIKE 'credit.risk'",
        "tags.missing = 'x'",
        "version_number < 7",
        "run_id IN ('cd')",
        "name = 'credit-risk' AND run_id = 'x'",
    ],
)
def test_it_does_not_fit(text: str) -> None:
    assert not parse_filter(text, FIELDS)(THING)


@pytest.mark.parametrize(
    "text",
    [
        "name",
        "name =",
        "name = credit",
        "'a' = 'a'",
        "name = 'a' OR name = 'b'",
        "name = 'a' AND",
        "name = 'a' name = 'b'",
        "secret = 'a'",
        "name > 'a'",
        "version_number = 'a'",
        "version_number LIKE 7",
        "name IN 'a'",
        "name = 'a'; DROP TABLE models",
        "name = 'unclosed",
        "x" * 7000,
    ],
)
def test_what_is_not_understood_is_an_error(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_filter(text, FIELDS)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        parse_filter(text, FIELDS)(THING)


def test_a_pattern_cannot_make_the_server_think_for_ever() -> None:
    thing = {**THING, "name": "a" * 255}
    assert not parse_filter(f"name LIKE '{'%a' * 100}b'", FIELDS)(thing)


def test_order_is_by_each_clause_in_turn() -> None:
    rows = [{"name": name, "version_number": number} for name, number in [("b", 1), ("a", 1), ("a", 2)]]
    ordered = parse_order(["name ASC", "version_number DESC"], FIELDS)(rows)
    assert [(row["name"], row["version_number"]) for row in ordered] == [("a", 2), ("a", 1), ("b", 1)]
    for clause in ("secret", "name SIDEWAYS", "name ASC DESC", ""):
        with pytest.raises(InvalidInput):
            parse_order([clause], FIELDS)
