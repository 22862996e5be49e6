"""Traffic rules: Azure's, and every problem at once."""

from typing import Any

import pytest

from pratique.base.errors import InvalidInput
from pratique.specs.traffic import check_traffic

BOTH = ("blue", "green")


@pytest.mark.parametrize(
    ("traffic", "mirror"),
    [({}, {}), ({"blue": 100}, {}), ({"blue": 90, "green": 10}, {}), ({"blue": 0, "green": 0}, {}),
     ({"blue": 100}, {"green": 50}), ({"blue": 100, "green": 0}, {"green": 10}), ({"gone": 0, "blue": 100}, {})],
)  # fmt: skip
def test_a_right_rule_passes(traffic: dict[str, int], mirror: dict[str, int]) -> None:
    check_traffic(traffic, mirror, BOTH)


@pytest.mark.parametrize(
    ("traffic", "mirror", "said"),
    [
        ({"blue": 60, "green": 60}, {}, "blue=60 green=60 is 120"),
        ({"blue": 50}, {}, "blue=50 is 50"),
        ({"blue": -10, "green": 110}, {}, "expected a whole number from 0 to 100; got -10"),
        ({"blue": 100.5}, {}, "got 100.5"),
        ({"blue": True}, {}, "got True"),
        ({"blue": 90, "red": 10}, {}, "the endpoint has no deployment red (deployments: blue, green)"),
        ({"blue": 100}, {"red": 10}, "the endpoint has no deployment red"),
        ({"blue": 100}, {"green": 51}, "at most 50"),
        ({"blue": 100}, {"blue": 10}, "blue answers live requests"),
        ({"blue": 100}, {"blue": 0, "green": 10}, "only one deployment"),
    ],
)
def test_a_wrong_rule_is_refused(traffic: Any, mirror: Any, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_traffic(traffic, mirror, BOTH)
    assert said in str(caught.value)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        check_traffic({"blue": 60, "red": 60}, {"blue": 60, "pink": 1}, BOTH)
    assert len(caught.value.problems) == 6
