"""A house with an API in front of its endpoint: what it checks, and who signs its tokens."""

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from pratique.gateway.apis import ApiRoute, KeySet, Operation, Treatment
from pratique.gateway.model import EndpointRoute
from pratique.specs.policy import NamedValue
from pratique.specs.policy_scopes import read_policy

from .conftest import Answer, House, call

ISSUER: Final = "https://login.example/tenant"
CONFIGURATION: Final = "http://127.0.0.1:1/.well-known/openid-configuration"
AUDIENCE: Final = "api://credit"
SUBSCRIPTION: Final = "subscription-key-0123456789abcdef"
SIGNER: Final = RSAKey.generate_key(2048, {"kid": "one"})
OTHER: Final = RSAKey.generate_key(2048, {"kid": "two"})
POLICY: Final = f"""<policies><inbound><base />
  <validate-jwt header-name="Authorization" failed-validation-httpcode="401"
    failed-validation-error-message="who are you?">
    <openid-config url="{CONFIGURATION}" /><audiences><audience>{AUDIENCE}</audience></audiences>
  </validate-jwt></inbound><backend><base /></backend><outbound><base /></outbound><on-error><base /></on-error>
</policies>"""
SCORE: Final = Operation("score", "POST", "/score")


def key_set(*keys: RSAKey | ECKey, issuer: str = ISSUER) -> Mapping[str, KeySet]:
    public = json.dumps({"keys": [key.as_dict(private=False) for key in keys]})
    return {CONFIGURATION: KeySet(issuer, public)}


def token(key: Any = SIGNER, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
    now = int(time.time())
    body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "caller", "iat": now, "nbf": now, "exp": now + 300, **claims}
    head = {"alg": "RS256", "kid": key.kid, **(header or {})}
    return jwt.encode(head, {name: value for name, value in body.items() if value is not None}, key, [head["alg"]])


def with_policy(inbound: str, **named: NamedValue) -> Any:
    return read_policy(f"<policies><inbound>{inbound}</inbound></policies>", named=named)


class Apis:
    """A house with the endpoint credit, private, and the API credit in front of it."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.model("blue")
        self.endpoint = replace(house.endpoint(house.deployment("blue")), is_private=True)
        self.api = ApiRoute(
            "apim-dev", "credit", "credit", (SCORE,),
            Treatment(read_policy(POLICY), self.endpoint, self.endpoint.label), needs_key=False,
            key_sets=key_set(SIGNER),
        )  # fmt: skip

    def serve(self, *others: ApiRoute, endpoint: EndpointRoute | None = None, **changes: Any) -> None:
        self.endpoint = endpoint or self.endpoint
        of_calls = {key: changes.pop(key) for key in ("policy", "presents_wrong_key") if key in changes}
        behind: dict[str, Any] = {"backend": self.endpoint, "backend_label": self.endpoint.label}
        self.api = replace(self.api, treatment=replace(self.api.treatment, **behind, **of_calls), **changes)
        published = self.house.gateway.publish(["team-a"], [self.endpoint], [self.api, *others])
        assert published.rejected == {}
        assert published.effective

    def call(
        self, given: str = "", headers: Mapping[str, str] | None = None, *, path: str = "/score", method: str = "POST",
        body: bytes = b"{}",
    ) -> Answer:  # fmt: skip
        authorised = {"authorization": f"Bearer {given}"} if given else {}
        sent = authorised | dict(headers or {})
        return call(self.house.ports[1], method, f"/apis/apim-dev/credit{path}", sent, body)

    @property
    def seen(self) -> Any:
        return self.house.models["blue"].seen
