"""Endpoints that take tokens: of a provider, for this endpoint, of those who may score."""

import json
from dataclasses import replace

from pratique.gateway.model import EndpointRoute, EndpointTokens, Provider

from .api_house import ISSUER, SIGNER, token
from .conftest import KEY, House


def _takes_tokens(house: House, subjects: tuple[tuple[str, int], ...] | None, name: str = "credit") -> EndpointRoute:
    keys = json.dumps({"keys": [SIGNER.as_dict(private=False)]})
    provider = Provider(ISSUER, (f"endpoint:{name}",), "pratique", keys)
    return replace(house.endpoint(house.deployment("blue"), name=name), tokens=EndpointTokens(provider, subjects))


def test_a_token_for_one_endpoint_opens_it_and_no_other_and_its_keys_do_not(house: House) -> None:
    house.model("blue")
    house.serve(_takes_tokens(house, None), _takes_tokens(house, None, "fraud"))
    given = token(aud="endpoint:credit")
    for _ in range(2):
        assert house.score(key=given).status == 200
        assert house.score(key=given, name="fraud").status == 401
    answer = house.score(key=KEY)
    assert (answer.status, "token" in answer.document["error"]["message"]) == (401, True)
    assert "authorization" not in house.models["blue"].seen[0].headers


def test_only_those_who_may_score_get_in_with_a_token_that_was_not_revoked(house: House) -> None:
    house.model("blue")
    house.serve(_takes_tokens(house, (("ann", 2), ("bob", 0))))
    tokens = {
        (sub, gen): house.score(key=token(aud="endpoint:credit", sub=sub, gen=gen)).status
        for sub, gen in (("ann", 2), ("ann", 1), ("bob", 0), ("eve", 0), ("ann", None))
    }
    assert tokens == {("ann", 2): 200, ("ann", 1): 401, ("bob", 0): 200, ("eve", 0): 401, ("ann", None): 401}
    house.serve(_takes_tokens(house, ()))
    assert house.score(key=token(aud="endpoint:credit", sub="bob", gen=0)).status == 401
