"""What the endpoints' door routes as APIs: an operation, a policy, and the endpoint behind it.

    /apis/<service>/<path of the API>/<template of the operation>

An API leads to the processes of its endpoint by itself, so it needs no key of
that endpoint, and none is sent anywhere. Whoever publishes one must be allowed
to read the keys.
"""

import hashlib
import json
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.gateway.model import DeploymentRoute, EndpointRoute, Provider, Requirement, problem_with_key
from pratique.specs.policy import NO_POLICY, Policy, TokenCheck

PATHS: Final = frozenset({"/score", "/swagger.json"})
"""What an online endpoint answers at."""

_TEMPLATE: Final = re.compile(r"\{[^{}/]*\}")


@dataclass(frozen=True)
class Treatment:
    """What happens to a call, and which endpoint it goes to."""

    policy: Policy = NO_POLICY
    backend: EndpointRoute | None = None
    """None: the endpoint is not there."""
    backend_label: str = ""
    """``workspace/name`` of the endpoint, also while it is not there."""
    backend_path: str = ""
    """What stands before the path of an operation at the endpoint: nothing, or ``/score``."""
    presents_wrong_key: bool = False
    """Whether the policy presents a key that is none of the endpoint's, which then lets nobody in."""

    def target(self, template: str) -> str:
        """The path that the model sees of an operation; empty when the endpoint has no such path."""
        wanted = self.policy.rewrite or template
        paths = [f"{self.backend_path}{wanted}"]
        if self.policy.rewrite:
            # The scoring_uri ends in /score already, and most policies say it again.
            paths.append(wanted)
        return next((path.rstrip("/") for path in paths if path.rstrip("/") in PATHS), "")

    def over(self, served: Mapping[str, EndpointRoute]) -> "Treatment":
        """The same over the endpoints that are `served`, by their labels."""
        backend = served.get(self.backend_label)
        return self if backend is self.backend else replace(self, backend=backend)


@dataclass(frozen=True)
class Operation:
    """One method and path of an API."""

    name: str
    method: str
    template: str
    """Below the path of the API, such as ``/score`` or ``/customers/{id}``."""
    treatment: Treatment | None = None
    """None: that of its API."""

    @property
    def precision(self) -> tuple[object, ...]:
        """Of two operations that would take the same path, the one with the lesser value does.

        Segment by segment: text before a parameter, a parameter before what takes everything.
        """
        kinds = [2 if part == "*" else 1 if "{" in part else 0 for part in self.template.split("/")[1:]]
        return (*kinds, 3), -len(self.template), self.template, self.name

    @property
    def is_exact(self) -> bool:
        return "{" not in self.template and "*" not in self.template and self.template != "/"

    @property
    def pattern(self) -> str:
        """The template as an RE2 expression; what it may end in may be missing together with its slash."""
        if self.template == "/":
            return "/?"
        parts = _TEMPLATE.split(self.template.removesuffix("/*"))
        fixed = "[^/]+".join(re.escape(part) for part in parts)
        return f"{fixed}(?:/.*)?" if self.template.endswith("/*") else fixed


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
    treatment: Treatment
    """Of every operation that has none of its own."""
    needs_key: bool
    """Whether callers need a subscription."""
    keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """(subscription, key) of every subscription that opens it."""
    key_sets: Mapping[str, KeySet] = field(default_factory=dict)
    """By the address of their OpenID configuration."""
    is_beside_root: bool = False
    """Whether another API of its service has no path."""

    @property
    def label(self) -> str:
        """Its full name, unique at this door."""
        return f"apis/{self.service}/{self.name}"

    @property
    def treatments(self) -> tuple[Treatment, ...]:
        """That of the API, and those of operations with one of their own."""
        return (self.treatment, *(one.treatment for one in self.operations if one.treatment))

    @property
    def backends(self) -> list[EndpointRoute]:
        """The endpoints behind it that are there."""
        return [one.backend for one in self.treatments if one.backend]

    def treatment_of(self, operation: Operation) -> Treatment:
        """What happens to the calls of `operation`."""
        return operation.treatment or self.treatment

    def required(self, treatment: Treatment) -> Requirement:
        """Whose tokens `treatment` asks for, check by check; nobody's for a check of which no key is known."""
        return tuple(tuple(_providers(check, self.key_sets)) for check in treatment.policy.tokens)

    def over(self, served: Mapping[str, EndpointRoute]) -> "ApiRoute":
        """The same API over the endpoints that are `served`, by their labels."""
        return self._with(lambda one: one.over(served))

    def as_before(self, known: "ApiRoute") -> "ApiRoute":
        """`known`, which this API was before, over the endpoints of now."""
        return known.over({backend.label: backend for backend in self.backends})

    def trial(self) -> "ApiRoute":
        """What is tried for every API of this shape: without secrets, because Envoy repeats what it refuses.

        It leads to an endpoint of its own, so that a change of the real one needs no other trial.
        """
        tried = self._with(lambda one: replace(one, policy=_trial_policy(one.policy), backend=_TRIAL))
        return replace(tried, keys=(("trial", "trial-key"),) if self.keys else ())

    def shape(self) -> Hashable:
        """What decides whether Envoy takes it: everything but its endpoint, its keys and its secrets."""
        known = tuple((url, one.issuer, one.keys) for url, one in sorted(self.key_sets.items()))
        operations = tuple(
            (one.name, one.method, one.template, one.treatment and _shape_of_treatment(one.treatment))
            for one in self.operations
        )
        shape = _shape_of_treatment(self.treatment)
        return self.label, self.path, self.is_beside_root, operations, self.needs_key, bool(self.keys), known, shape

    def _with(self, change: Callable[[Treatment], Treatment]) -> "ApiRoute":
        if not any(one.treatment for one in self.operations):
            changed = change(self.treatment)
            return self if changed is self.treatment else replace(self, treatment=changed)
        operations = tuple(
            replace(one, treatment=change(one.treatment)) if one.treatment else one for one in self.operations
        )
        return replace(self, treatment=change(self.treatment), operations=operations)


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
            must_expire=check.must_expire, goes_on=True,
        )
        for issuer, source, keys in found
        if issuer
    ]  # fmt: skip


def problem_with_api(api: ApiRoute) -> str:
    """Why `api` cannot be routed; empty when it can."""
    if not all(all(api.required(treatment)) for treatment in api.treatments):
        return "no keys are known of whom its policy trusts"
    return next((said for _, key in api.keys if (said := problem_with_key(key))), "")


def _shape_of_treatment(treatment: Treatment) -> Hashable:
    return _trial_policy(treatment.policy), treatment.backend_path


def _trial_policy(policy: Policy) -> Policy:
    headers = tuple(
        replace(one, values=("trial",) * len(one.values)) if one.is_secret else one for one in policy.request_headers
    )
    tokens = tuple(
        replace(check, keys=tuple(_TRIAL_KEY if '"oct"' in key else key for key in check.keys))
        for check in policy.tokens
    )
    return replace(policy, request_headers=headers, backend_key="", tokens=tokens, named_values=frozenset())


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
