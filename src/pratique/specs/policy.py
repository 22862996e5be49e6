"""API policies: the XML of API Management, read into what the gateway can do.

    <policies>
      <inbound>   <base/> who may call, how often, which backend, headers of the request
      <backend>   <base/>
      <outbound>  <base/> headers of the answer
      <on-error>  <base/>

What is read is in `STATEMENTS`; anything else is refused with its name and its
line, all at once, because a policy that is half in force protects half.

The order in which statements are carried out is that of `STATEMENTS`, which is
the gateway's, and not the file's.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from pratique.base.errors import InvalidInput, Problem
from pratique.specs.policy_xml import Element, parse_xml

LONGEST_SKEW: Final = 60
"""Seconds that two clocks may be apart."""
LONGEST_PERIOD: Final = 300
"""Seconds of a rate limit, as on Azure."""

SECTIONS: Final = ("inbound", "backend", "outbound", "on-error")

Action = Literal["override", "append", "skip", "delete"]


@dataclass(frozen=True)
class Statement:
    """What is known of one statement: where it may stand, what it may have, and what Envoy does for it."""

    sections: tuple[str, ...]
    becomes: str
    attributes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


STATEMENTS: Final[Mapping[str, Statement]] = {
    "base": Statement(SECTIONS, "nothing: no policy stands above that of an API here"),
    "cors": Statement(
        ("inbound",), "`cors`", ("allow-credentials",), (),
        ("allowed-origins", "allowed-methods", "allowed-headers", "expose-headers"),
    ),
    "validate-jwt": Statement(
        ("inbound",),
        "`jwt_authn` with the keys inside, and `rbac` for the claims",
        (
            "header-name", "require-scheme", "failed-validation-httpcode", "failed-validation-error-message",
            "require-expiration-time", "require-signed-tokens", "clock-skew",
        ),
        (),
        ("openid-config", "issuer-signing-keys", "audiences", "issuers", "required-claims"),
    ),
    "ip-filter": Statement(("inbound",), "`rbac` on the caller's address", ("action",), ("action",),
                           ("address", "address-range")),
    "rate-limit": Statement(("inbound",), "`local_ratelimit`, a bucket for each subscription",
                            ("calls", "renewal-period"), ("calls", "renewal-period")),
    "rate-limit-by-key": Statement(
        ("inbound",), "`local_ratelimit`, a bucket for each value of `counter-key`",
        ("calls", "renewal-period", "counter-key"), ("calls", "renewal-period", "counter-key"),
    ),
    "set-backend-service": Statement(("inbound",), "the routes of that endpoint", ("base-url",), ("base-url",)),
    "rewrite-uri": Statement(("inbound",), "the path that the model sees", ("template", "copy-unmatched-params"),
                             ("template",)),
    "set-header": Statement(
        ("inbound", "outbound"),
        "headers of the route; `Authorization` is the key of the endpoint, and ends at the door",
        ("name", "exists-action"), ("name",), ("value",),
    ),
    "authentication-managed-identity": Statement(
        ("inbound",), "nothing: the gateway and the endpoint are one process, and it needs no proof of itself",
        ("resource",), ("resource",),
    ),
    "forward-request": Statement(("backend",), "what happens anyway; the time limit is the deployment's"),
}  # fmt: skip
"""Every statement that is read."""

_NOT_MAPPED: Final[Mapping[str, str]] = {
    "authentication-basic": "models behind an endpoint take no user and password",
    "authentication-certificate": "models are reached by a socket of this machine, without certificates",
    "validate-azure-ad-token": "write validate-jwt with the tenant's openid-config",
    "choose": "conditions are not evaluated here: make an API for each branch",
    "quota": "only short limits are kept: rate-limit",
    "quota-by-key": "only short limits are kept: rate-limit-by-key",
}


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


@dataclass(frozen=True)
class Counted:
    """What a limit counts by: everything, a caller's address, subscription, token's subject, or a header."""

    by: Literal["everything", "address", "subscription", "subject", "header"]
    header: str = ""


@dataclass(frozen=True)
class RateLimit:
    """So many calls in so many seconds for each of what is counted by."""

    calls: int
    period: int
    counted: Counted


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
    """What a policy asks of the gateway."""

    token: TokenCheck | None = None
    addresses: AddressFilter | None = None
    cors: Cors | None = None
    limits: tuple[RateLimit, ...] = ()
    request_headers: tuple[HeaderChange, ...] = ()
    response_headers: tuple[HeaderChange, ...] = ()
    backend: str = ""
    """The address of an endpoint; empty for the API's own."""
    backend_key: str = field(default="", repr=False)
    """What `Authorization` is set to, without its scheme; empty when the policy says nothing of it."""
    rewrite: str = ""
    named_values: frozenset[str] = frozenset()


NO_POLICY: Final = Policy()


def read_policy(
    text: str, *, file: str = "policy", named: Mapping[str, NamedValue] | None = None, allow_any_audience: bool = False
) -> Policy:
    """The policy in `text`; raises `InvalidInput` with every problem, each with its line and what it is about.

    `named` are the named values of the service. A `validate-jwt` without an
    audience takes every token that its provider ever made for anybody, and is
    refused unless `allow_any_audience` says that this is meant.
    """
    reader = _Reader(file, named or {}, allow_any_audience)
    policy = reader.read(parse_xml(text, file=file))
    if reader.problems:
        raise InvalidInput.of(sorted(reader.problems, key=lambda one: one.line), what=file)
    return policy


_NAMED: Final = re.compile(r"\{\{([A-Za-z0-9_.-]{1,256})\}\}")
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", re.ASCII)
_NOT_SETTABLE: Final = frozenset(
    "host connection content-length transfer-encoding upgrade te trailer keep-alive cookie set-cookie".split()
)
_OURS: Final = ("x-envoy-", "x-pratique-", "azureml-model-", "ms-azureml-", ":")
_SUBJECTS: Final = re.compile(
    r"@\(\s*context\.Request\.Headers\.GetValueOrDefault\(\s*\"Authorization\"\s*,\s*\"\"\s*\)"
    r"\.AsJwt\(\)\?\.Subject(?:\s*\?\?\s*\"[^\"]*\")?\s*\)"
)
_HEADERS: Final = re.compile(
    r"@\(\s*context\.Request\.Headers\.GetValueOrDefault\(\s*\"([^\"]+)\"\s*(?:,\s*\"[^\"]*\"\s*)?\)\s*\)"
)
_SUBSCRIPTIONS: Final = re.compile(r"@\(\s*context\.Subscription\??\.(?:Id|Key)(?:\s*\?\?\s*\"[^\"]*\")?\s*\)")
_ADDRESSES: Final = re.compile(r"@\(\s*context\.Request\.IpAddress\s*\)")
_FLAGS: Final = {"true": True, "false": False}


class _Reader:
    """Collects what a policy says, and everything that is wrong with it."""

    def __init__(self, file: str, named: Mapping[str, NamedValue], allow_any_audience: bool) -> None:
        self.problems: list[Problem] = []
        self._file = file
        self._named = named
        self._any_audience = allow_any_audience
        self._used: set[str] = set()
        self._found: dict[str, object] = {}
        self._limits: list[tuple[Element, RateLimit]] = []
        self._headers: dict[str, list[HeaderChange]] = {"inbound": [], "outbound": []}
        self._backend_key = ""

    def read(self, root: Element) -> Policy:
        if root.name != "policies":
            self._wrong(root, f"expected <policies>; got <{root.name[:60]}>")
            return NO_POLICY
        self._only(root, (), SECTIONS)
        seen: set[str] = set()
        for section in root.children:
            if section.name in seen:
                self._wrong(section, f"<{section.name}> stands here a second time")
            seen.add(section.name)
            if section.name in SECTIONS:
                self._section(section)
        token = self._found.get("validate-jwt")
        for element, limit in self._limits:
            if limit.counted.by == "subject" and token is None:
                self._wrong(element, "counter-key asks for the subject of a token, and no validate-jwt checks one")
        return self._policy()

    def _policy(self) -> Policy:
        token, addresses, cors = (self._found.get(name) for name in ("validate-jwt", "ip-filter", "cors"))
        backend, rewrite = (self._found.get(name, "") for name in ("set-backend-service", "rewrite-uri"))
        return Policy(
            token=token if isinstance(token, TokenCheck) else None,
            addresses=addresses if isinstance(addresses, AddressFilter) else None,
            cors=cors if isinstance(cors, Cors) else None,
            limits=tuple(limit for _, limit in self._limits),
            request_headers=tuple(self._headers["inbound"]),
            response_headers=tuple(self._headers["outbound"]),
            backend=str(backend),
            backend_key=self._backend_key,
            rewrite=str(rewrite),
            named_values=frozenset(self._used),
        )

    # --- statements ------------------------------------------------------------------------------------------------

    def _section(self, section: Element) -> None:
        self._only(section, (), None)
        for element in section.children:
            known = STATEMENTS.get(element.name)
            if known is None:
                said = f"<{element.name[:60]}> is not one of the policies that are carried out here"
                self._wrong(element, said, hint=_NOT_MAPPED.get(element.name, ""))
            elif section.name not in known.sections:
                where = ", ".join(known.sections)
                self._wrong(element, f"<{element.name}> does not stand in <{section.name}>; it stands in {where}")
            else:
                self._statement(section.name, element, known)

    def _statement(self, section: str, element: Element, known: Statement) -> None:
        self._only(element, known.attributes, known.children)
        if missing := [name for name in known.required if not element.attributes.get(name, "").strip()]:
            self._wrong(element, f"<{element.name}> needs {' and '.join(missing)}")
            return
        if element.name == "set-header":
            self._header(section, element)
            return
        if element.name in ("rate-limit", "rate-limit-by-key"):
            self._limit(element)
            return
        if (make := self._makers.get(element.name)) is None:
            return
        if element.name in self._found:
            self._wrong(element, f"<{element.name}> stands here a second time; one is carried out")
            return
        self._found[element.name] = make(self, element)

    def _token(self, element: Element) -> TokenCheck:
        named = {child.name: child for child in element.children}
        configurations = [self._address(child) for child in element.children if child.name == "openid-config"]
        keys = [self._key(child) for child in self._inside(named.get("issuer-signing-keys"), "key")]
        issuers = [self._said(child) for child in self._inside(named.get("issuers"), "issuer")]
        audiences = [self._said(child) for child in self._inside(named.get("audiences"), "audience")]
        claims = [self._claim(child) for child in self._inside(named.get("required-claims"), "claim")]
        for child in element.children:
            if child.name != "openid-config" and named.get(child.name) is not child:
                self._wrong(child, f"<{child.name}> stands in this validate-jwt a second time")
        if not configurations and not keys:
            self._wrong(element, "<validate-jwt> knows no keys: give openid-config or issuer-signing-keys")
        if keys and not issuers:
            self._wrong(element, "<validate-jwt> with issuer-signing-keys names no issuer", hint="add <issuers>")
        if not audiences and not self._any_audience:
            self._wrong(
                element,
                "<validate-jwt> names no audience, so every token of the provider would open this API",
                hint="add <audiences>, or say that this is meant: --allow-any-audience",
            )
        if element.attributes.get("require-signed-tokens", "true").lower() != "true":
            self._wrong(element, "require-signed-tokens: a token that nobody signed is never taken")
        header = self._text(element, "header-name", "Authorization")
        if not _TOKEN.fullmatch(header):
            self._wrong(element, f"header-name: {header[:60]!r} is not the name of a header")
        return TokenCheck(
            configurations=tuple(configurations),
            keys=tuple(key for key in keys if key),
            issuers=tuple(issuers),
            audiences=tuple(audiences),
            claims=tuple(claims),
            header=header,
            scheme=self._scheme(element, header),
            # Envoy reads 0 as 60.
            skew=max(1, self._whole(element, "clock-skew", 0, 0, LONGEST_SKEW)),
            must_expire=self._flag(element, "require-expiration-time", True),
            status=self._whole(element, "failed-validation-httpcode", 401, 400, 499),
            message=self._text(element, "failed-validation-error-message", ""),
        )

    def _scheme(self, element: Element, header: str) -> str:
        """A header of its own carries the bare token unless the policy says otherwise."""
        given = self._text(element, "require-scheme", "Bearer" if header.lower() == "authorization" else "")
        if given and not _TOKEN.fullmatch(given):
            self._wrong(element, f"require-scheme: {given[:60]!r} is no scheme")
        return given

    def _address(self, element: Element) -> str:
        self._only(element, ("url",), ())
        url = self._text(element, "url", "")
        try:
            parts = urlsplit(url)
            is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
        except ValueError:
            is_fine = False
        if not is_fine or not url.isascii() or not url.isprintable() or " " in url:
            self._wrong(element, f"url: {url[:100]!r} is not the address of an OpenID configuration")
        return url

    def _key(self, element: Element) -> str:
        """A symmetric key in base64 as the element's text, or an RSA key by its `n` and `e`."""
        self._only(element, ("id", "n", "e"), ())
        identity = {"kid": element.attributes["id"]} if "id" in element.attributes else {}
        if "n" in element.attributes or "e" in element.attributes:
            number = {name: self._text(element, name, "") for name in ("n", "e")}
            if not all(re.fullmatch(r"[A-Za-z0-9_-]{2,2000}=*", value) for value in number.values()):
                self._wrong(element, "a key needs n and e, both in base64url")
            return json.dumps({"kty": "RSA", "use": "sig", **identity, **{k: v.rstrip("=") for k, v in number.items()}})
        text, _ = self._filled(element, element.text)
        try:
            secret = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) < 32:
            self._wrong(element, "a signing key is at least 32 bytes in base64, or has n and e")
        encoded = base64.urlsafe_b64encode(secret).rstrip(b"=").decode()
        return json.dumps({"kty": "oct", "alg": "HS256", "use": "sig", **identity, "k": encoded})

    def _claim(self, element: Element) -> RequiredClaim:
        self._only(element, ("name", "match", "separator"), ("value",))
        name = self._text(element, "name", "")
        match = self._text(element, "match", "all")
        if not name:
            self._wrong(element, "<claim> needs a name")
        if match not in ("all", "any"):
            self._wrong(element, f"match: expected all or any; got {match[:60]!r}")
        values = [self._said(child) for child in element.children if child.name == "value"]
        return RequiredClaim(name, tuple(values), match == "any", element.attributes.get("separator", ""))

    def _addresses(self, element: Element) -> AddressFilter:
        action = self._text(element, "action", "")
        if action not in ("allow", "forbid"):
            self._wrong(element, f"action: expected allow or forbid; got {action[:60]!r}")
        networks = [network for child in element.children for network in self._networks(child)]
        if not element.children:
            self._wrong(element, "<ip-filter> names no address")
        return AddressFilter(action == "allow", tuple(networks))

    def _networks(self, element: Element) -> list[str]:
        try:
            if element.name == "address-range":
                self._only(element, ("from", "to"), ())
                first = ipaddress.ip_address(self._text(element, "from", ""))
                last = ipaddress.ip_address(self._text(element, "to", ""))
                found = ipaddress.summarize_address_range(first, last)
                return [str(network) for network in found]
            self._only(element, (), ())
            return [str(ipaddress.ip_network(self._said(element)))]
        except (ValueError, TypeError) as error:
            self._wrong(element, f"this is no address: {str(error)[:100]}")
            return []

    def _cors(self, element: Element) -> Cors:
        named = {child.name: child for child in element.children}
        origins = [self._said(child) for child in self._inside(named.get("allowed-origins"), "origin")]
        methods_element = named.get("allowed-methods")
        methods = [self._said(child) for child in self._inside(methods_element, "method", "preflight-result-max-age")]
        headers = [self._said(child) for child in self._inside(named.get("allowed-headers"), "header")]
        exposed = [self._said(child) for child in self._inside(named.get("expose-headers"), "header")]
        with_credentials = self._flag(element, "allow-credentials", False)
        if not origins:
            self._wrong(element, "<cors> names no origin")
        if with_credentials and "*" in origins:
            self._wrong(element, "allow-credentials does not go with the origin *: name the origins")
        age = self._whole(methods_element, "preflight-result-max-age", 0, 0, 86_400) if methods_element else 0
        return Cors(
            tuple(origins), tuple(methods) or ("GET", "POST"), tuple(headers), tuple(exposed), age, with_credentials
        )

    def _limit(self, element: Element) -> None:
        counted = Counted("subscription")
        if element.name == "rate-limit-by-key":
            counted = self._counted(element, element.attributes.get("counter-key", ""))
        limit = RateLimit(
            self._whole(element, "calls", 1, 1, 1_000_000),
            self._whole(element, "renewal-period", 1, 1, LONGEST_PERIOD),
            counted,
        )
        self._limits.append((element, limit))

    def _counted(self, element: Element, key: str) -> Counted:
        key = key.strip()
        if not key.startswith("@"):
            return Counted("everything")
        if _SUBJECTS.fullmatch(key):
            return Counted("subject")
        if _ADDRESSES.fullmatch(key):
            return Counted("address")
        if _SUBSCRIPTIONS.fullmatch(key):
            return Counted("subscription")
        if (found := _HEADERS.fullmatch(key)) and _TOKEN.fullmatch(found[1]):
            return Counted("header", found[1].lower())
        self._wrong(
            element,
            f"counter-key: {key[:100]} is not one of the expressions that are read here",
            hint="context.Subscription.Id, context.Request.IpAddress, context.Request.Headers.GetValueOrDefault(…), "
            "that of Authorization with .AsJwt()?.Subject, or a text",
        )
        return Counted("everything")

    def _header(self, section: str, element: Element) -> None:
        name = self._text(element, "name", "")
        action = self._text(element, "exists-action", "override")
        lower = name.lower()
        if not _TOKEN.fullmatch(name) or lower in _NOT_SETTABLE or lower.startswith(_OURS):
            self._wrong(element, f"name: {name[:60]!r} is not a header that a policy sets")
        if action not in ("override", "append", "skip", "delete"):
            self._wrong(element, f"exists-action: expected override, append, skip or delete; got {action[:60]!r}")
            return
        filled = [self._filled(child, child.text) for child in element.children if child.name == "value"]
        if (action == "delete") is bool(filled):
            self._wrong(element, "<set-header> needs a <value>, and none to delete a header")
        for child, (text, _) in zip(element.children, filled, strict=False):
            self._check_header_value(child, text)
        if section == "inbound" and lower == "authorization":
            self._authorization(element, action, [text for text, _ in filled])
            return
        is_secret = any(secret for _, secret in filled)
        if section == "outbound" and is_secret:
            self._wrong(element, "a secret named value would be told to every caller")
        change = HeaderChange(name, action, tuple(text for text, _ in filled), is_secret)  # type: ignore[arg-type] # Checked above.
        self._headers[section].append(change)

    def _check_header_value(self, element: Element, text: str) -> None:
        if text.startswith("@"):
            self._wrong(element, "expressions are not evaluated in headers here: write the text")
        elif not text or not text.isascii() or not text.isprintable() or len(text) > 4000:
            self._wrong(element, "the value of a header is 1 to 4000 printable ASCII characters")

    def _authorization(self, element: Element, action: str, values: Sequence[str]) -> None:
        """The key of the endpoint: it is compared when the API is published, and nobody sends it anywhere."""
        if action == "delete":
            return
        scheme, _, key = values[0].partition(" ") if values else ("", "", "")
        if len(values) != 1 or scheme.lower() != "bearer" or not key.strip():
            self._wrong(element, "Authorization is the endpoint's key: expected one <value>Bearer {{NAME}}</value>")
            return
        self._backend_key = key.strip()

    def _backend(self, element: Element) -> str:
        url = self._text(element, "base-url", "")
        if not backend_of(url):
            self._wrong(element, f"base-url: {url[:100]!r} is not an online endpoint of this platform", hint=BACKENDS)
        return url

    def _rewrite(self, element: Element) -> str:
        template = self._text(element, "template", "")
        if "?" in template or "{" in template or template.rstrip("/") not in ("/score", "/swagger.json"):
            self._wrong(
                element, f"template: {template[:100]!r} is no path of an online endpoint",
                hint="it answers at /score and /swagger.json",
            )  # fmt: skip
        if not self._flag(element, "copy-unmatched-params", True):
            self._wrong(element, "copy-unmatched-params: what stands behind ? always goes along here")
        return template.rstrip("/")

    def _identity(self, element: Element) -> str:
        return self._text(element, "resource", "")

    _makers: Final[Mapping[str, Callable[["_Reader", Element], object]]] = {
        "validate-jwt": _token,
        "ip-filter": _addresses,
        "cors": _cors,
        "set-backend-service": _backend,
        "rewrite-uri": _rewrite,
        "authentication-managed-identity": _identity,
    }

    # --- parts -----------------------------------------------------------------------------------------------------

    def _inside(self, element: Element | None, name: str, *attributes: str) -> Iterator[Element]:
        if element is None:
            return
        self._only(element, attributes, (name,))
        if not element.children:
            self._wrong(element, f"<{element.name}> is empty")
        yield from (child for child in element.children if child.name == name)

    def _only(self, element: Element, attributes: Sequence[str], children: Sequence[str] | None) -> None:
        """Tell every attribute and child that is not known here."""
        for name in element.attributes:
            if name not in attributes:
                self._wrong(element, f"the attribute {name[:60]} of <{element.name}> is not carried out here")
        for child in element.children:
            if children is not None and child.name not in children:
                self._wrong(child, f"<{child.name[:60]}> inside <{element.name}> is not carried out here")

    def _said(self, element: Element) -> str:
        """The text of an element, which must have one."""
        text = self._open(element, element.text)
        if not text:
            self._wrong(element, f"<{element.name}> is empty")
        elif text.startswith("@"):
            self._wrong(element, f"<{element.name}>: expressions are not evaluated here")
        return text

    def _text(self, element: Element, name: str, default: str) -> str:
        text = self._open(element, element.attributes.get(name, default).strip())
        if text.startswith("@"):
            self._wrong(element, f"{name}: expressions are not evaluated here")
        return text

    def _open(self, element: Element, text: str) -> str:
        """`text` with its named values, none of them secret: it may be told in an error, and Envoy shows it."""
        filled, is_secret = self._filled(element, text)
        if is_secret:
            self._wrong(element, "a secret named value stands only in headers of the request and in signing keys")
            return ""
        return filled

    def _whole(self, element: Element, name: str, default: int, least: int, most: int) -> int:
        text = self._text(element, name, str(default))
        if not (text.isascii() and text.isdigit() and len(text) < 12 and least <= int(text) <= most):
            self._wrong(element, f"{name}: expected a whole number from {least} to {most:,}; got {text[:60]!r}")
            return default
        return int(text)

    def _flag(self, element: Element, name: str, default: bool) -> bool:
        text = self._text(element, name, str(default)).lower()
        if text not in _FLAGS:
            self._wrong(element, f"{name}: expected true or false; got {text[:60]!r}")
        return _FLAGS.get(text, default)

    def _filled(self, element: Element, text: str) -> tuple[str, bool]:
        """`text` with its named values put in, and whether one of them is secret."""
        secret = False

        def put_in(found: re.Match[str]) -> str:
            nonlocal secret
            name = found[1]
            if name not in self._named:
                hint = f"pratique apim nv create --named-value-id {name} …"
                self._wrong(element, f"there is no named value {name!r}", hint=hint)
                return ""
            self._used.add(name)
            secret = secret or self._named[name].is_secret
            return self._named[name].value

        return _NAMED.sub(put_in, text), secret

    def _wrong(self, element: Element, said: str, *, hint: str = "") -> None:
        self.problems.append(Problem(said, key=element.name[:60], file=self._file, line=element.line, hint=hint))


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
