"""How a problem is shown, whatever is in the value."""

from typing import Any

import pytest

from pratique.specs.words import did_you_mean, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (True, "true"), (None, "nothing"), ({}, "a mapping"), ([1], "a list"), ("x", "x"), (1.5, "1.5"),
     ("a\x1b[2J", "'a\\x1b[2J'"), ("x" * 100, "x" * 57 + "...")],
)  # fmt: skip
def test_a_value_is_shown_short_and_without_control_characters(value: Any, text: str) -> None:
    assert shown(value) == text


def test_a_number_is_shown_as_it_was_written() -> None:
    assert shown(1.1, "1.10") == "1.10"


def test_a_near_name_is_offered_and_a_far_one_is_not() -> None:
    assert did_you_mean("insance_count", ["instance_type", "instance_count"]) == "did you mean instance_count?"
    assert did_you_mean("Type", ["type"]) == "did you mean type?"
    assert did_you_mean("zebra", ["type"]) == ""
    assert did_you_mean(3, ["type"]) == ""
