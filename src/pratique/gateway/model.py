"""What the doors route: endpoints, their deployments, and the two doors themselves.

Plain values, made by whoever knows the rows. `problem_with` says what Envoy
would choke on, so that one bad endpoint is left out instead of stopping all.
"""

import hashlib
import json
import os
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeAlias

from pratique.base.names import problem_with_name

LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")
"""The only names by which a caller on this machine may know us: a page of another name that leads here is an attack."""
MAX_SOCKET_PATH: Final = 107
"""Bytes: what the kernel takes in `sockaddr_un`, without its closing zero."""

_KEY: Final = re.compile(r"[\x21-\x7e]{8,512}", re.ASCII)


@dataclass(frozen=True)
class DeploymentRoute:
    """One deployment as the door sees it."""

    name: str
    sockets: tuple[Path, ...]
    """One unix socket for each live replica; none means that callers are told the model is not ready."""
    request_timeout: timedelta
    """From handing the request to the model to the last byte of its answer."""
    max_pending: int | None
    """The most requests in progress at once, all replicas together; None means no limit of ours."""
    max_body: int | None = None
    """Largest request body in bytes; None: what the door takes."""
    revision: int = 1
    """What runs behind it. Each revision is an upstream of its own, so that the end of its requests can be seen."""


@dataclass(frozen=True)
class Provider:
    """Whose tokens are taken: what `jwt_authn` checks before a call goes on."""

    issuer: str
    audiences: tuple[str, ...]
    """Empty: any. Envoy remembers tokens for each provider, so those of two audiences are two providers."""
    source: str
    """Where its keys are from; the keys of one source may change, and it is the same provider."""
    key_set: str = field(repr=False)
    """A JSON Web Key Set as text."""
    header: str = "Authorization"
    scheme: str = "Bearer"
    skew: int = 60
    """Seconds that the clocks may be apart, 1 or more."""
    must_expire: bool = True
    goes_on: bool = False
    """Whether the filters behind see the token as well; then the route takes it away."""

    @property
    def name(self) -> str:
        """Tells it from others by what it checks; its keys may change under it."""
        checked = (self.issuer, self.audiences, self.source, self.header, self.scheme, self.skew, self.must_expire)
        said = json.dumps([*checked, *([True] if self.goes_on else ())])
        return hashlib.sha256(said.encode()).hexdigest()[:20]


Requirement: TypeAlias = tuple[tuple[Provider, ...], ...]
"""A caller has a token of one provider of each group."""


@dataclass(frozen=True)
class EndpointTokens:
    """The tokens that open an endpoint, instead of its keys."""

    provider: Provider
    subjects: tuple[tuple[str, int], ...] | None = None
    """Only tokens for these, each with the generation of tokens that is good; None takes whoever has one."""


@dataclass(frozen=True)
class EndpointRoute:
    """One endpoint: who may call it and where its calls go."""

    workspace: str
    name: str
    keys: tuple[str, ...]
    """Every key that opens it, primary first; without one nobody may call."""
    traffic: Mapping[str, int]
    """Shares by deployment; a share of 0 takes no traffic, and callers may still name the deployment."""
    mirror: Mapping[str, int]
    """Percent of the unpinned requests that are copied, by deployment."""
    deployments: tuple[DeploymentRoute, ...]
    tokens: EndpointTokens | None = None
    """None: its keys open it."""
    is_private: bool = False
    """Reachable only through an API; whoever has a key is told so."""

    @property
    def label(self) -> str:
        """The endpoint's full name, ``workspace/name``, unique at this door."""
        return f"{self.workspace}/{self.name}"

    def shape(self) -> Hashable:
        """What decides whether Envoy takes it: everything but its shares, its keys' text and its sockets.

        The most frequent publications, a switch, a change of weights and a replica
        that comes or goes, then need no preflight.
        """
        return (
            self.label,
            len(self.keys),
            self.tokens and replace(self.tokens, provider=replace(self.tokens.provider, key_set="")),
            self.is_private,
            tuple(replace(row, sockets=(), revision=1) for row in self.deployments),
        )

    def trial(self) -> "EndpointRoute":
        """What is tried for every endpoint of this shape: each deployment takes a share and is a mirror's target.

        Without the real keys, because Envoy repeats what it refuses.
        """
        each = {row.name: 1 for row in self.deployments}
        keys = tuple(f"trial-key-{number}" for number, _ in enumerate(self.keys))
        return replace(self, keys=keys, traffic=each, mirror=each)

    def __repr__(self) -> str:
        # Keys are secrets, and representations end up in logs.
        names = [deployment.name for deployment in self.deployments]
        return f"EndpointRoute({self.label!r}, deployments={names}, traffic={dict(self.traffic)})"


@dataclass(frozen=True)
class Tls:
    """Where the same two doors are open to others, over TLS only."""

    address: str
    """``127.0.0.1``, an address of this machine, or ``0.0.0.0``."""
    door_port: int | None
    """None: not at all; 0 lets the kernel choose."""
    endpoints_port: int | None
    names: tuple[str, ...]
    """What callers call us by, beside this machine's own names."""
    certificate: Path
    """The operator's, as PEM; an empty path: the home's own authority makes one."""
    key: Path

    @property
    def is_own(self) -> bool:
        """Whether the home's own authority makes the certificate."""
        return self.certificate == Path()


@dataclass(frozen=True)
class Patience:
    """How long a door waits for slow callers, and for how many at once."""

    connections: int = 5_000
    """To one door; who comes then is let go at once."""
    headers: timedelta = timedelta(seconds=10)
    """From the first byte of a request to the end of its headers."""
    body: timedelta = timedelta(seconds=120)
    """Until a request for a model is there as a whole; uploads to the front door have their own limits."""


@dataclass(frozen=True)
class Doors:
    """Where the two doors listen, on loopback, and what is behind the first one."""

    door_port: int
    """0 lets the kernel choose; `Gateway.actual_ports` says what it chose."""
    endpoints_port: int
    api_socket: Path
    mlflow_socket: Path
    score_body_limit: int
    """Bytes; no deployment may ask for more."""
    upload_body_limit: int
    """Bytes; for blobs and MLflow artifacts."""
    tls: Tls | None = None
    """None: nobody but this machine reaches them."""
    patience: Patience = field(default_factory=Patience)
    inside_socket: Path | None = None
    """Where jobs without a network reach the front door; None: nowhere."""
    identity_socket: Path | None = None
    """Where replicas without a network get tokens of their identity; None: nowhere."""

    @property
    def names(self) -> tuple[str, ...]:
        """What callers may call us by, as a Host header has it."""
        return (*LOOPBACK_NAMES, *(self.tls.names if self.tls else ()))


def cluster_name(endpoint: EndpointRoute, deployment: DeploymentRoute) -> str:
    """What Envoy calls the upstream of one revision; without dots, which would split its statistics."""
    return f"{endpoint.label}/{deployment.name}/{deployment.revision}"


def problem_with(endpoint: EndpointRoute) -> str:
    """Why `endpoint` cannot be routed; empty when it can."""
    known = {deployment.name for deployment in endpoint.deployments}
    return (
        problem_with_name("workspace", endpoint.workspace)
        or problem_with_name("endpoint", endpoint.name)
        or next((said for key in endpoint.keys if (said := problem_with_key(key))), "")
        or ("two deployments have the same name" if len(known) < len(endpoint.deployments) else "")
        or _problem_with_shares("traffic", endpoint.traffic, known)
        or _problem_with_shares("mirror", endpoint.mirror, known)
        or next((said for row in endpoint.deployments if (said := _problem_with_deployment(row))), "")
    )


def problem_with_key(key: str) -> str:
    """Why `key` cannot open a route; empty when it can."""
    # The key itself is never part of the message.
    return "" if _KEY.fullmatch(key) else "a key must be 8 to 512 printable ASCII characters without spaces"


def _problem_with_shares(what: str, shares: Mapping[str, int], known: set[str]) -> str:
    for name, share in shares.items():
        if name not in known:
            return f"{what} names the deployment {name!r}, which is not there"
        if not 0 <= share <= 100:
            return f"{what} of {name!r} is {share}; expected 0 to 100"
    return ""


def _problem_with_deployment(deployment: DeploymentRoute) -> str:
    limits = (deployment.revision, *(one for one in (deployment.max_body, deployment.max_pending) if one is not None))
    if said := problem_with_name("deployment", deployment.name):
        return said
    if deployment.request_timeout <= timedelta(0) or min(limits) <= 0:
        return f"the limits of {deployment.name!r} must be above 0"
    for socket in deployment.sockets:
        if not socket.is_absolute() or len(os.fsencode(socket)) > MAX_SOCKET_PATH:
            return f"a socket of {deployment.name!r} is not an absolute path of at most {MAX_SOCKET_PATH} bytes"
    return ""
