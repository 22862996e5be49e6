"""API policies: what they ask of the gateway, as values.

`pratique.specs.policy_reader` reads one document, and `pratique.specs.policy_scopes`
puts the documents of a service, an API and an operation together.
"""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

Action = Literal["override", "append", "skip", "delete"]


@dataclass(frozen=True)
class NamedValue:
    """What ``{{name}}`` stands for."""

    value: str
    is_secret: bool = False

    def __repr__(self) -> str:
        return "NamedValue(…)"


@dataclass(frozen=True)
class RequiredClaim:
    """A claim that the token must have: one of `values`, or every one of them; no value asks for the claim alone."""

    name: str
    values: tuple[str, ...] = ()
    is_any: bool = False
    separator: str = ""


@dataclass(frozen=True)
class TokenCheck:
    """Whose tokens are taken, and what is said to others."""

    configurations: tuple[str, ...] = ()
    """Addresses of OpenID configurations."""
    keys: tuple[str, ...] = field(default=(), repr=False)
    """Keys of the file itself, each a JSON Web Key as JSON text; some are secret."""
    issuers: tuple[str, ...] = ()
    """Empty: the issuer that each configuration names."""
    audiences: tuple[str, ...] = ()
    """Empty: any, which somebody has said in words."""
    claims: tuple[RequiredClaim, ...] = ()
    header: str = "Authorization"
    scheme: str = "Bearer"
    skew: int = 1
    """Seconds."""
    must_expire: bool = True
    status: int = 401
    message: str = ""
    variable: str = ""
    """What the document calls the token; only a limit asks for it."""


@dataclass(frozen=True)
class Counted:
    """What a limit counts by: everything, a caller's address, subscription, token's subject, or a header."""

    by: Literal["everything", "address", "subscription", "subject", "header"]
    header: str = ""
    variable: str = ""
    """The token whose subject is meant, as its check calls it; empty for the one that the caller came with."""


@dataclass(frozen=True)
class RateLimit:
    """So many calls in so many seconds for each of what is counted by."""

    calls: int
    period: int
    counted: Counted
    scope: str = ""
    """Where it stands: the calls of all that is below it are counted together."""


@dataclass(frozen=True)
class AddressFilter:
    """Networks, in CIDR notation, that alone may call or that may not."""

    is_allowed: bool
    networks: tuple[str, ...]


@dataclass(frozen=True)
class Cors:
    """Which pages of other origins a browser lets call."""

    origins: tuple[str, ...]
    methods: tuple[str, ...] = ("GET", "POST")
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: int = 0
    with_credentials: bool = False


@dataclass(frozen=True)
class HeaderChange:
    """One header of a request or an answer."""

    name: str
    action: Action
    values: tuple[str, ...] = field(default=(), repr=False)
    is_secret: bool = False


@dataclass(frozen=True)
class Policy:
    """What happens to a call: the statements of every scope that it is in."""

    tokens: tuple[TokenCheck, ...] = ()
    """A caller passes all of them."""
    addresses: tuple[AddressFilter, ...] = ()
    """A caller passes all of them."""
    cors: Cors | None = None
    limits: tuple[RateLimit, ...] = ()
    request_headers: tuple[HeaderChange, ...] = ()
    response_headers: tuple[HeaderChange, ...] = ()
    backend: str = ""
    """The address of an endpoint; empty for the API's own."""
    backend_key: str = field(default="", repr=False)
    """What `Authorization` is set to, without its scheme; empty when the policy says nothing of it."""
    rewrite: str = ""
    """What stands behind the address of the endpoint, instead of the template of the operation."""
    seconds: int = 0
    """How long an answer may take; 0 leaves that to the deployment."""
    named_values: frozenset[str] = frozenset()

    @property
    def configurations(self) -> tuple[str, ...]:
        """The OpenID configurations of whoever it trusts."""
        return tuple(dict.fromkeys(url for check in self.tokens for url in check.configurations))


NO_POLICY: Final = Policy()


BACKENDS: Final = "its scoring_uri, with or without /score: http://127.0.0.1:7071/endpoints/WORKSPACE/NAME"
_BACKEND: Final = re.compile(r"/endpoints/([a-z0-9-]+)/([A-Za-z0-9-]+?)(/score)?/?")
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True)
class Backend:
    """An online endpoint, as the address of a backend names it."""

    workspace: str
    endpoint: str
    path: str
    """What stands before the path of an operation: nothing, or ``/score``."""

    @property
    def label(self) -> str:
        return f"{self.workspace}/{self.endpoint}"


def backend_of(url: str) -> Backend | None:
    """The endpoint that `url`, or a path of the endpoints' door, names; None when it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return None
    if (parts.scheme or host) and (parts.scheme not in ("http", "https") or host not in _LOOPBACK):
        return None
    found = _BACKEND.fullmatch(parts.path) if not parts.query and not parts.fragment else None
    return Backend(found[1], found[2], found[3] or "") if found else None
