"""Online endpoints."""

from typing import Any

import pytest

from pratique.base.errors import InvalidInput
from pratique.specs.endpoint import OnlineEndpoint
from pratique.specs.kinds import load
from pratique.specs.reader import document_of, parse_document


def endpoint(**keys: Any) -> OnlineEndpoint:
    spec = load("online-endpoint", document_of({"name": "credit"} | keys))
    assert isinstance(spec, OnlineEndpoint)
    return spec


def test_a_full_file_is_understood_and_what_is_not_run_is_said() -> None:
    text = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: credit-risk
auth_mode: Key
description: Scores.
tags: {team: risk}
traffic: {blue: 90, green: "10"}
mirror_traffic: {}
public_network_access: disabled
identity:
  type: user_assigned
  user_assigned_identities:
    - resource_id: /subscriptions/x
    - /subscriptions/y
provisioning_state: Succeeded
scoring_uri: http://127.0.0.1/x
"""
    spec = load("online-endpoint", parse_document(text, file="endpoint.yml"))
    assert isinstance(spec, OnlineEndpoint)
    assert (spec.auth_mode, spec.traffic) == ("key", {"blue": 90, "green": 10})
    assert spec.planned() == []
    assert "scoring_uri" not in spec.to_document()


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Key", "key"), ("AMLToken", "aml_token"), ("AADToken", "aad_token"), ("AML_TOKEN", "aml_token")],
)
def test_words_of_azures_own_answers_are_understood(written: str, meant: str) -> None:
    assert endpoint(auth_mode=written).auth_mode == meant
    identity = endpoint(identity={"type": "SystemAssigned"}).identity
    assert identity is not None
    assert identity.type == "system_assigned"


@pytest.mark.parametrize("mode", ["key", "aml_token", "aad_token"])
def test_every_way_of_authentication_is_run(mode: str) -> None:
    assert endpoint(auth_mode=mode).auth_mode == mode


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"name": "a"}, "name: 'a' cannot name an endpoint"),
        ({"auth_mode": "keys"}, "auth_mode: expected one of key, aml_token, aad_token; got keys (did you mean key?)"),
        ({"traffic": {"blue": 60, "green": 60}}, "must add up to 100, or to 0; blue=60 green=60 is 120"),
        ({"traffic": {"blue": -1}}, "traffic.blue: expected a whole number from 0 to 100; got -1"),
        ({"traffic": {"blue": 100.5}}, "traffic.blue: expected a whole number; got 100.5"),
        ({"traffic": {"blue": "all"}}, "traffic.blue: expected a whole number; got all"),
        ({"traffic": "blue=100"}, "traffic: expected a mapping; got blue=100"),
        ({"traffic": {"b/l": 100}}, "cannot name a deployment"),
        ({"mirror_traffic": {"blue": 60}}, "mirror_traffic.blue: at most 50 per cent can be mirrored; got 60"),
        ({"traffic": {"blue": 100}, "mirror_traffic": {"blue": 10}}, "blue answers live requests"),
        ({"public_network_access": "maybe"}, "public_network_access: expected one of enabled, disabled; got maybe"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_at_its_key(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        endpoint(**keys)
    (problem,) = caught.value.problems
    assert said in str(problem)
