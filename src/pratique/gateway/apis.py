"""What the endpoints' door routes as APIs: an operation, a policy, and the endpoint behind it.

    /apis/<service>/<path of the API>/<template of the operation>

An API leads to the processes of its endpoint by itself, so it needs no key of
that endpoint, and none is sent anywhere. Whoever publishes one must be allowed
to read the keys.
"""

import hashlib
import json
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.gateway.model import DeploymentRoute, EndpointRoute, Provider
from pratique.specs.policy import NO_POLICY, Policy, TokenCheck

PATHS: Final = frozenset({"/score", "/swagger.json"})
"""What an online endpoint answers at."""

_TEMPLATE: Final = re.compile(r"\{[^{}/]*\}")


@dataclass(frozen=True)
class Operation:
    """One method and path of an API."""

    name: str
    method: str
    template: str
    """Below the path of the API, such as ``/score`` or ``/customers/{id}``."""

    @property
    def is_exact(self) -> bool:
        return "{" not in self.template and "*" not in self.template

    @property
    def pattern(self) -> str:
        """The template as an RE2 expression."""
        parts = _TEMPLATE.split(self.template)
        return "[^/]+".join(re.escape(part).replace(r"\*", ".*") for part in parts)


@dataclass(frozen=True)
class KeySet:
    """What an OpenID configuration said last."""

    issuer: str
    keys: str = field(repr=False)
    """A JSON Web Key Set as text."""


@dataclass(frozen=True)
class ApiRoute:
    """One API: who may call it, what happens to a call, and where it goes."""

    service: str
    name: str
    path: str
    """Without a slash at its ends; it may have some inside."""
    operations: tuple[Operation, ...]
    backend: EndpointRoute | None
    """None: the endpoint is not there."""
    needs_key: bool
    """Whether callers need a subscription."""
    keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(subscription, key) of every subscription that opens it."""
    policy: Policy = NO_POLICY
    key_sets: Mapping[str, KeySet] = field(default_factory=dict)
    """By the address of their OpenID configuration."""
    backend_label: str = ""
    """``workspace/name`` of the endpoint, also while it is not there."""
    presents_wrong_key: bool = False
    """Whether the policy presents a key that is none of the endpoint's, which then lets nobody in."""
    backend_path: str = ""
    """What stands before the path of an operation at the endpoint: nothing, or ``/score``."""

    @property
    def label(self) -> str:
        """Its full name, unique at this door."""
        return f"apis/{self.service}/{self.name}"

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Whose tokens its policy takes; empty when it asks for none, and when no key is known yet."""
        check = self.policy.token
        return tuple(_providers(check, self.key_sets)) if check else ()

    def target(self, operation: Operation) -> str:
        """The path that the model sees; empty when the endpoint has no such path."""
        path = self.policy.rewrite or f"{self.backend_path}{operation.template}"
        path = path.rstrip("/")
        return path if path in PATHS else ""


def _providers(check: TokenCheck, key_sets: Mapping[str, KeySet]) -> list[Provider]:
    """One for each pair of an issuer and a set of keys."""
    found = [
        (issuer, url, known.keys)
        for url in check.configurations
        if (known := key_sets.get(url)) and known.keys
        for issuer in check.issuers or (known.issuer,)
    ]
    if check.keys:
        own = json.dumps({"keys": [json.loads(key) for key in check.keys]})
        found += [(issuer, f"policy {hashlib.sha256(own.encode()).hexdigest()[:16]}", own) for issuer in check.issuers]
    return [
        Provider(
            issuer, check.audiences, source, keys, header=check.header, scheme=check.scheme, skew=check.skew,
            must_expire=check.must_expire,
        )
        for issuer, source, keys in found
        if issuer
    ]  # fmt: skip


def problem_with_api(api: ApiRoute) -> str:
    """Why `api` cannot be routed; empty when it can."""
    if api.policy.token and not api.providers:
        return "no keys are known of whom its policy trusts"
    expected = {key for _, key in api.keys}
    if any(not _KEY.fullmatch(key) for key in expected):
        return "a key must be 8 to 512 printable ASCII characters without spaces"
    return ""


_KEY: Final = re.compile(r"[\x21-\x7e]{8,512}", re.ASCII)


def shape_of(api: ApiRoute) -> Hashable:
    """What decides whether Envoy takes an API: everything but its endpoint, its keys and its secrets."""
    known = tuple((url, one.issuer, one.keys) for url, one in sorted(api.key_sets.items()))
    return api.label, api.path, api.operations, api.needs_key, bool(api.keys), known, _trial_policy(api.policy)


def trial_api(api: ApiRoute) -> ApiRoute:
    """What is tried for every API of this shape: without secrets, because Envoy repeats what it refuses.

    It leads to an endpoint of its own, so that a change of the real one needs no other trial.
    """
    keys = (("trial", "trial-key"),) if api.keys else ()
    policy = _trial_policy(api.policy)
    return replace(api, backend=_TRIAL, keys=keys, policy=policy)


def _trial_policy(policy: Policy) -> Policy:
    headers = tuple(
        replace(one, values=("trial",) * len(one.values)) if one.is_secret else one for one in policy.request_headers
    )
    keys = tuple(_TRIAL_KEY if '"oct"' in key else key for key in policy.token.keys) if policy.token else ()
    token = policy.token and replace(policy.token, keys=keys)
    return replace(policy, request_headers=headers, backend_key="", token=token, named_values=frozenset())


_TRIAL_KEY: Final = json.dumps({"kty": "oct", "alg": "HS256", "use": "sig", "k": "dHJpYWw" * 8})
_TRIAL: Final = EndpointRoute(
    workspace="trial",
    name="trial",
    keys=(),
    traffic={"blue": 100},
    mirror={"green": 10},
    deployments=tuple(
        DeploymentRoute(name, (Path("/trial.sock"),), timedelta(seconds=1), None, 1) for name in ("blue", "green")
    ),
)
