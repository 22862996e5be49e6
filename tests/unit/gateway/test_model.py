"""What can be routed, and what is said about what cannot."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pratique.gateway.model import DeploymentRoute, EndpointRoute, cluster_name, problem_with

BLUE = DeploymentRoute("blue", (Path("/run/blue.sock"),), timedelta(seconds=5), 4, 1000)
CREDIT = EndpointRoute("team-a", "credit", ("k" * 32,), {"blue": 100}, {}, (BLUE,))


def test_a_whole_endpoint_has_no_problem() -> None:
    assert problem_with(CREDIT) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"workspace": "Team A"}, "workspace"),
        ({"name": "a/b"}, "endpoint"),
        ({"name": "a.b"}, "endpoint"),
        ({"keys": ("short",)}, "a key must be"),
        ({"keys": ("k" * 32 + "\n",)}, "a key must be"),
        ({"keys": ("schlüssel-0123456789",)}, "a key must be"),
        ({"traffic": {"green": 100}}, "'green', which is not there"),
        ({"traffic": {"blue": -1}}, "expected 0 to 100"),
        ({"traffic": {"blue": 101}}, "expected 0 to 100"),
        ({"mirror": {"green": 10}}, "mirror names"),
        ({"deployments": (BLUE, BLUE)}, "same name"),
        ({"deployments": (replace(BLUE, max_body=0),)}, "above 0"),
        ({"deployments": (replace(BLUE, max_pending=0),)}, "above 0"),
        ({"deployments": (replace(BLUE, request_timeout=timedelta(0)),)}, "above 0"),
        ({"deployments": (replace(BLUE, sockets=(Path("blue.sock"),)),)}, "absolute"),
        ({"deployments": (replace(BLUE, sockets=(Path("/" + "x" * 107),)),)}, "107 bytes"),
    ],
)
def test_what_cannot_be_routed_is_said(change: dict[str, Any], said: str) -> None:
    assert said in problem_with(replace(CREDIT, **change))


def test_no_message_and_no_representation_tells_a_key() -> None:
    secret = "a secret with spaces"
    endpoint = replace(CREDIT, keys=(secret,))
    assert secret not in problem_with(endpoint)
    assert secret not in repr(endpoint)


def test_no_dot_gets_into_the_name_by_which_envoy_counts() -> None:
    assert cluster_name(CREDIT, CREDIT.deployments[0]) == "team-a/credit/blue/1"
