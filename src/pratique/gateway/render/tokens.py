"""Tokens: the filter that checks their signature, issuer, audience and time, and the one that looks at their claims.

The filter's settings are a resource of their own (ECDS): another provider, or
other keys of a known one, then need no new listener, and no connection ends.
A route names what it requires by what that checks, so the settings of before
and after stand beside each other while a route changes from one to the other;
a name that is not there lets nobody in.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from pratique.gateway.model import Provider, Requirement
from pratique.gateway.render.resources import Json, typed
from pratique.specs.policy import AddressFilter, RequiredClaim

FILTER: Final = "envoy.filters.http.jwt_authn"
RULES: Final = "envoy.filters.http.rbac"
CLAIMS: Final = "claims"
"""Where the claims of a checked token are among a request's metadata, below the name of the filter."""

NOBODY: Final = "nobody"
"""A requirement that is never there."""
CLAIMS_RULE: Final = "required-claims"
ADDRESS_RULE: Final = "ip-filter"
"""The names of our rules, by which a refusal is told from another."""

_REMEMBERED: Final = 1000
"""Checked tokens for each provider; a signature costs more than everything else that the door does."""
_MESSAGE: Final = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"


def requirement_of(required: Requirement) -> str:
    """What a route asks for whose callers need what is `required`."""
    names = dict.fromkeys("-".join(group) for group in _groups(required))
    return "+".join(names) if names and all(names) else NOBODY


def token_settings(wanted: Iterable[Requirement]) -> Json:
    """The settings of the filter for every route, each with what it requires."""
    providers: dict[str, Json] = {}
    requirements: dict[str, Json] = {}
    for required in wanted:
        if (name := requirement_of(required)) == NOBODY:
            continue
        providers |= {provider.name: _provider(provider) for group in required for provider in group}
        groups = dict.fromkeys(_groups(required))
        each = [_one("requires_any", [{"provider_name": name} for name in group]) for group in groups]
        requirements[name] = _one("requires_all", each)
    return typed(_MESSAGE, {"providers": providers, "requirement_map": requirements})


def _groups(required: Requirement) -> list[tuple[str, ...]]:
    """The names of the providers of each group, each once."""
    return [tuple(dict.fromkeys(provider.name for provider in group)) for group in required]


def _one(kind: str, requirements: Sequence[Json]) -> Json:
    """`requirements` as one of `kind`; a single one is itself."""
    return requirements[0] if len(requirements) == 1 else {kind: {"requirements": [*requirements]}}


def both(before: Json, after: Json) -> Json:
    """Settings with the providers of both; of one that both know, those of `after`."""
    merged = {key: {**before.get(key, {}), **after[key]} for key in ("providers", "requirement_map")}
    return after | merged


def needs(required: Requirement) -> Json:
    """What a route says to the filter."""
    kind = "envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig"
    return typed(kind, {"requirement_name": requirement_of(required)})


def _provider(provider: Provider) -> Json:
    scheme = {"value_prefix": f"{provider.scheme} "} if provider.scheme else {}
    return {
        "issuer": provider.issuer,
        "audiences": list(provider.audiences),
        # Named, because otherwise a token in the query would do as well.
        "from_headers": [{"name": provider.header, **scheme}],
        "forward": provider.goes_on,
        "require_expiration": provider.must_expire,
        "clock_skew_seconds": provider.skew,
        "payload_in_metadata": CLAIMS,
        "local_jwks": {"inline_string": provider.key_set},
        # Shared by nobody else: a token is found here whatever audience another route asks for.
        "jwt_cache_config": {"jwt_cache_size": _REMEMBERED},
    }


# --- rules --------------------------------------------------------------------------------------------------------


def rules(checks: Sequence[Sequence[RequiredClaim]], addresses: Sequence[AddressFilter]) -> Json | None:
    """What is refused beside bad tokens: claims that a check lacks, and wrong addresses; None when nothing is.

    The claims of the first check are `CLAIMS_RULE`; of the others each is that, with its number.
    """
    wrong: dict[str, Json] = {}
    for number, claims in enumerate(checks):
        if claims:
            name = f"{CLAIMS_RULE}-{number}" if number else CLAIMS_RULE
            wrong[name] = {"not_id": _all([_claim(claim) for claim in claims])}
    if addresses:
        wrong[ADDRESS_RULE] = _any([_elsewhere(one) for one in addresses])
    return _refusing(wrong) if wrong else None


def _elsewhere(addresses: AddressFilter) -> Json:
    listed = _any([{"direct_remote_ip": _range(network)} for network in addresses.networks])
    return {"not_id": listed} if addresses.is_allowed else listed


def only_subjects(subjects: Sequence[tuple[str, int]]) -> Json:
    """What refuses tokens of everybody but `subjects`, each with the generation of tokens that is good."""
    each = [
        _all(
            [_metadata("sub", {"string_match": {"exact": name}}), _metadata("gen", {"double_match": {"exact": number}})]
        )
        for name, number in subjects
    ]
    return _refusing({CLAIMS_RULE: {"not_id": _any(each)} if each else {"any": True}})


def _refusing(wrong: Mapping[str, Json]) -> Json:
    policies = {name: {"permissions": [{"any": True}], "principals": [who]} for name, who in wrong.items()}
    settings = {"rbac": {"rules": {"action": "DENY", "policies": policies}}}
    return typed("envoy.extensions.filters.http.rbac.v3.RBACPerRoute", settings)


def _claim(claim: RequiredClaim) -> Json:
    if not claim.values:
        return _metadata(claim.name, {"present_match": True})
    each = [_any([_metadata(claim.name, value) for value in _values(one, claim.separator)]) for one in claim.values]
    return _any(each) if claim.is_any else _all(each)


def _values(text: str, separator: str) -> list[Json]:
    """How a claim may hold `text`: as text, as one of a list, between separators, or as what JSON makes of it."""
    if separator:
        between, found = _literal(separator), _literal(text)
        string: Json = {"safe_regex": {"regex": f"(?:.*{between})?{found}(?:{between}.*)?"}}
    else:
        string = {"exact": text}
    found_in: list[Json] = [{"string_match": string}, {"list_match": {"one_of": {"string_match": string}}}]
    if text in ("true", "false"):
        found_in.append({"bool_match": text == "true"})
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        found_in.append({"double_match": {"exact": float(text)}})
    return found_in


def _literal(text: str) -> str:
    """An RE2 expression for just `text`; RE2 knows no escaped space, which Python writes."""
    return re.escape(text).replace(r"\ ", " ")


def _metadata(claim: str, value: Mapping[str, Any]) -> Json:
    return {"metadata": {"filter": FILTER, "path": [{"key": CLAIMS}, {"key": claim}], "value": dict(value)}}


def _range(network: str) -> Json:
    address, _, length = network.partition("/")
    return {"address_prefix": address, "prefix_len": int(length)}


def _all(principals: Sequence[Json]) -> Json:
    return principals[0] if len(principals) == 1 else {"and_ids": {"ids": list(principals)}}


def _any(principals: Sequence[Json]) -> Json:
    return principals[0] if len(principals) == 1 else {"or_ids": {"ids": list(principals)}}
