"""One document of a policy: the XML of API Management, read into what the gateway can do.

    <policies>
      <inbound>   <base/> who may call, how often, which backend, headers of the request
      <backend>   <base/>
      <outbound>  <base/> headers of the answer
      <on-error>  <base/>

What is read is in `STATEMENTS`; anything else is refused with its name and its
line, all at once, because a policy that is half in force protects half.
"""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from pratique.specs.policy import (
    BACKENDS,
    AddressFilter,
    Cors,
    Counted,
    HeaderChange,
    RateLimit,
    RequiredClaim,
    TokenCheck,
    backend_of,
)
from pratique.specs.policy_elements import ElementReader
from pratique.specs.policy_statements import BASE, NOT_MAPPED, REPEATED, SECTIONS, STATEMENTS, Statement
from pratique.specs.policy_xml import Element

LONGEST_SKEW: Final = 60
"""Seconds that two clocks may be apart."""
LONGEST_PERIOD: Final = 300
"""Seconds of a rate limit, as on Azure."""
LONGEST_ANSWER: Final = 240
"""Seconds, as on Azure, whose balancers end what is idle for longer."""

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}", re.ASCII)
_NOT_SETTABLE: Final = frozenset(
    "host connection content-length transfer-encoding upgrade te trailer keep-alive cookie set-cookie".split()
)
_OURS: Final = ("x-envoy-", "x-pratique-", "azureml-model-", "ms-azureml-", ":")
_SUBJECTS: Final = re.compile(
    r"@\(\s*context\.Request\.Headers\.GetValueOrDefault\(\s*\"Authorization\"\s*,\s*\"\"\s*\)"
    r"\.AsJwt\(\)\?\.Subject(?:\s*\?\?\s*\"[^\"]*\")?\s*\)"
)
_VARIABLES: Final = re.compile(r"@\(\s*\(\(Jwt\)\s*context\.Variables\[\"([A-Za-z0-9_.-]{1,80})\"\]\)\??\.Subject\s*\)")
_HEADERS: Final = re.compile(
    r"@\(\s*context\.Request\.Headers\.GetValueOrDefault\(\s*\"([^\"]+)\"\s*(?:,\s*\"[^\"]*\"\s*)?\)\s*\)"
)
_SUBSCRIPTIONS: Final = re.compile(r"@\(\s*context\.Subscription\??\.(?:Id|Key)(?:\s*\?\?\s*\"[^\"]*\")?\s*\)")
_ADDRESSES: Final = re.compile(r"@\(\s*context\.Request\.IpAddress\s*\)")


@dataclass(frozen=True)
class Placed:
    """One statement where it stands."""

    name: str
    value: object
    """Of the kind that `name` has; None for one that says nothing but its name."""
    line: int


Sections: TypeAlias = Mapping[str, tuple[Placed, ...]]
"""The statements of each section that a document has, in its order."""


@dataclass(frozen=True)
class EndpointKey:
    """What `Authorization` is set to, without its scheme; empty when it is taken away."""

    text: str = field(repr=False)


class DocumentReader(ElementReader):
    """Collects what a document says, and everything that is wrong with it."""

    def read(self, root: Element) -> Sections:
        """What stands in each section that there is."""
        if root.name != "policies":
            self._wrong(root, f"expected <policies>; got <{root.name[:60]}>")
            return {}
        self._only(root, (), SECTIONS)
        found: dict[str, tuple[Placed, ...]] = {}
        for section in root.children:
            if section.name in found:
                self._wrong(section, f"<{section.name}> stands here a second time")
            elif section.name in SECTIONS:
                found[section.name] = tuple(self._section(section))
        return found

    # --- statements ------------------------------------------------------------------------------------------------

    def _section(self, section: Element) -> Iterator[Placed]:
        self._only(section, (), None)
        seen: set[str] = set()
        for element in section.children:
            known = STATEMENTS.get(element.name)
            if known is None:
                said = f"<{element.name[:60]}> is not one of the policies that are carried out here"
                self._wrong(element, said, hint=NOT_MAPPED.get(element.name, ""))
            elif section.name not in known.sections:
                where = ", ".join(known.sections)
                self._wrong(element, f"<{element.name}> does not stand in <{section.name}>; it stands in {where}")
            elif element.name in seen and element.name not in REPEATED:
                self._wrong(element, f"<{element.name}> stands here a second time; one is carried out")
            else:
                seen.add(element.name)
                yield from self._statement(section.name, element, known)
        if section.name == "backend":
            self._check_forwarding(section, seen)

    def _check_forwarding(self, section: Element, seen: set[str]) -> None:
        """Who takes `<base />` away and forwards nothing gets answers that no model has given."""
        if not seen & {BASE, "forward-request"}:
            self._wrong(section, "<backend> forwards nothing: it needs <base /> or <forward-request />")
        if seen >= {BASE, "forward-request"}:
            self._wrong(section, "<backend> holds one of <base /> and <forward-request />, which would call twice")

    def _statement(self, section: str, element: Element, known: Statement) -> Iterator[Placed]:
        self._only(element, known.attributes, known.children)
        if missing := [name for name in known.required if not element.attributes.get(name, "").strip()]:
            self._wrong(element, f"<{element.name}> needs {' and '.join(missing)}")
            return
        make = _MAKERS.get(element.name)
        value = make(self, section, element) if make else None
        yield Placed(element.name, value, element.line)

    def _token(self, _section: str, element: Element) -> TokenCheck:
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
            variable=self._text(element, "output-token-variable-name", ""),
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

    def _addresses(self, _section: str, element: Element) -> AddressFilter:
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

    def _cors(self, _section: str, element: Element) -> Cors:
        named = {child.name: child for child in element.children}
        origins = [self._said(child) for child in self._inside(named.get("allowed-origins"), "origin")]
        methods_element = named.get("allowed-methods")
        methods = [self._said(child) for child in self._inside(methods_element, "method", "preflight-result-max-age")]
        headers = [self._said(child) for child in self._inside(named.get("allowed-headers"), "header")]
        exposed = [self._said(child) for child in self._inside(named.get("expose-headers"), "header")]
        with_credentials = self._flag(element, "allow-credentials", False)
        if self._flag(element, "terminate-unmatched-request", False):
            said = "terminate-unmatched-request: a page of another origin is refused when it asks; nothing else ends"
            self._wrong(element, said)
        if not origins:
            self._wrong(element, "<cors> names no origin")
        if with_credentials and "*" in origins:
            self._wrong(element, "allow-credentials does not go with the origin *: name the origins")
        age = self._whole(methods_element, "preflight-result-max-age", 0, 0, 86_400) if methods_element else 0
        return Cors(
            tuple(origins), tuple(methods) or ("GET", "POST"), tuple(headers), tuple(exposed), age, with_credentials
        )

    def _limit(self, _section: str, element: Element) -> RateLimit:
        counted = Counted("subscription")
        if element.name == "rate-limit-by-key":
            counted = self._counted(element, element.attributes.get("counter-key", ""))
        return RateLimit(
            self._whole(element, "calls", 1, 1, 1_000_000),
            self._whole(element, "renewal-period", 1, 1, LONGEST_PERIOD),
            counted,
        )

    def _counted(self, element: Element, key: str) -> Counted:
        key = key.strip()
        if not key.startswith("@"):
            return Counted("everything")
        if _SUBJECTS.fullmatch(key):
            return Counted("subject")
        if found := _VARIABLES.fullmatch(key):
            return Counted("subject", variable=found[1])
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
            'that of Authorization with .AsJwt()?.Subject, ((Jwt)context.Variables["…"]).Subject, or a text',
        )
        return Counted("everything")

    def _header(self, section: str, element: Element) -> HeaderChange | EndpointKey | None:
        name = self._text(element, "name", "")
        action = self._text(element, "exists-action", "override")
        lower = name.lower()
        if not _TOKEN.fullmatch(name) or lower in _NOT_SETTABLE or lower.startswith(_OURS):
            self._wrong(element, f"name: {name[:60]!r} is not a header that a policy sets")
        if action not in ("override", "append", "skip", "delete"):
            self._wrong(element, f"exists-action: expected override, append, skip or delete; got {action[:60]!r}")
            return None
        filled = [self._filled(child, child.text) for child in element.children if child.name == "value"]
        if (action == "delete") is bool(filled):
            self._wrong(element, "<set-header> needs a <value>, and none to delete a header")
        for child, (text, _) in zip(element.children, filled, strict=False):
            self._check_header_value(child, text)
        if section == "inbound" and lower == "authorization":
            return self._authorization(element, action, [text for text, _ in filled])
        is_secret = any(secret for _, secret in filled)
        if section == "outbound" and is_secret:
            self._wrong(element, "a secret named value would be told to every caller")
        return HeaderChange(name, action, tuple(text for text, _ in filled), is_secret)  # type: ignore[arg-type] # Checked above.

    def _check_header_value(self, element: Element, text: str) -> None:
        if text.startswith("@"):
            self._wrong(element, "expressions are not evaluated in headers here: write the text")
        elif not text or not text.isascii() or not text.isprintable() or len(text) > 4000:
            self._wrong(element, "the value of a header is 1 to 4000 printable ASCII characters")

    def _authorization(self, element: Element, action: str, values: Sequence[str]) -> EndpointKey:
        """The key of the endpoint: it is compared when the API is published, and nobody sends it anywhere."""
        if action == "delete":
            return EndpointKey("")
        scheme, _, key = values[0].partition(" ") if values else ("", "", "")
        if len(values) != 1 or scheme.lower() != "bearer" or not key.strip():
            self._wrong(element, "Authorization is the endpoint's key: expected one <value>Bearer {{NAME}}</value>")
        return EndpointKey(key.strip())

    def _backend(self, _section: str, element: Element) -> str:
        url = self._text(element, "base-url", "")
        if not backend_of(url):
            self._wrong(element, f"base-url: {url[:100]!r} is not an online endpoint of this platform", hint=BACKENDS)
        return url

    def _rewrite(self, _section: str, element: Element) -> str:
        template = self._text(element, "template", "")
        if template not in ("/", "/score", "/score/", "/swagger.json"):
            self._wrong(
                element, f"template: {template[:100]!r} is no path of an online endpoint",
                hint="it answers at /score and /swagger.json; / stands behind a backend that ends in /score",
            )  # fmt: skip
        if not self._flag(element, "copy-unmatched-params", True):
            self._wrong(element, "copy-unmatched-params: what stands behind ? always goes along here")
        return template

    def _identity(self, _section: str, element: Element) -> str:
        return self._text(element, "resource", "")

    def _forwarding(self, _section: str, element: Element) -> int:
        """Seconds; 0 when it says nothing of them."""
        for name in ("follow-redirects", "buffer-response"):
            if self._flag(element, name, False):
                self._wrong(element, f"{name}: an answer goes to the caller as the model gives it, and never waits")
        if "timeout" not in element.attributes:
            return 0
        return self._whole(element, "timeout", 1, 1, LONGEST_ANSWER)


_MAKERS: Final[Mapping[str, Callable[[DocumentReader, str, Element], object]]] = {
    "validate-jwt": DocumentReader._token,
    "ip-filter": DocumentReader._addresses,
    "cors": DocumentReader._cors,
    "rate-limit": DocumentReader._limit,
    "rate-limit-by-key": DocumentReader._limit,
    "set-backend-service": DocumentReader._backend,
    "rewrite-uri": DocumentReader._rewrite,
    "set-header": DocumentReader._header,
    "authentication-managed-identity": DocumentReader._identity,
    "forward-request": DocumentReader._forwarding,
}
"""What makes a value of each statement; the others have none."""
