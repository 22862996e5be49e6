"""When an OpenID configuration is asked again."""

from datetime import timedelta
from typing import Final

from pratique.engine.key_sets import Turns

MINUTE: Final = timedelta(minutes=1)
SOON: Final = timedelta(seconds=5)


def turns() -> Turns:
    return Turns(every=MINUTE, again=SOON)


def test_each_is_asked_at_first_and_then_every_minute() -> None:
    made = turns()
    assert made.due({"b", "a"}, now=0.0) == ["a", "b"]
    assert made.due({"a", "b"}, now=59.9) == []
    assert made.due({"a", "b", "c"}, now=59.9) == ["c"]
    assert made.due({"a", "b", "c"}, now=60.0) == ["a", "b"]


def test_an_unknown_key_lets_everybody_be_asked_at_once() -> None:
    made = turns()
    made.due({"a"}, now=0.0)
    assert made.hurry()
    assert made.due({"a"}, now=10.0) == ["a"]
    assert made.due({"a"}, now=69.9) == []


def test_however_many_unknown_keys_come_nobody_is_asked_more_often_than_every_five_seconds() -> None:
    made = turns()
    asked = []
    for tenth in range(600):
        made.hurry()
        asked += [tenth / 10 for _ in made.due({"a"}, now=tenth / 10)]
    assert asked == [5.0 * turn for turn in range(12)]


def test_who_hurries_right_after_a_question_is_not_forgotten() -> None:
    made = turns()
    made.due({"a"}, now=0.0)
    made.hurry()
    assert made.due({"a"}, now=1.0) == []
    assert made.due({"a"}, now=5.0) == ["a"]


def test_what_is_said_twice_is_no_news() -> None:
    made = turns()
    assert [made.hurry(), made.hurry()] == [True, False]
    made.due({"a"}, now=0.0)
    assert made.hurry()


def test_whom_no_policy_names_any_more_is_forgotten() -> None:
    made = turns()
    made.due({"a", "b"}, now=0.0)
    made.due({"b"}, now=1.0)
    assert made.due({"a", "b"}, now=2.0) == ["a"]
