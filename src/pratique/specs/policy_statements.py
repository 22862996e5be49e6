"""The statements of policies that the gateway carries out, and what is said of some that it does not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SECTIONS: Final = ("inbound", "backend", "outbound", "on-error")
BASE: Final = "base"


@dataclass(frozen=True)
class Statement:
    """What is known of one statement: where it may stand, what it may have, and what Envoy does for it."""

    sections: tuple[str, ...]
    becomes: str
    attributes: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    children: tuple[str, ...] = ()


STATEMENTS: Final[Mapping[str, Statement]] = {
    "base": Statement(SECTIONS, "what the policy above says in this section"),
    "cors": Statement(
        ("inbound",), "`cors`", ("allow-credentials", "terminate-unmatched-request"), (),
        ("allowed-origins", "allowed-methods", "allowed-headers", "expose-headers"),
    ),
    "validate-jwt": Statement(
        ("inbound",),
        "`jwt_authn` with the keys inside, and `rbac` for the claims",
        (
            "header-name", "require-scheme", "failed-validation-httpcode", "failed-validation-error-message",
            "require-expiration-time", "require-signed-tokens", "clock-skew", "output-token-variable-name",
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
    "forward-request": Statement(
        ("backend",), "what happens anyway; `timeout` is that of the route, beside the deployment's own",
        ("timeout", "follow-redirects", "buffer-response"),
    ),
}  # fmt: skip
"""Every statement that is read."""

NOT_MAPPED: Final[Mapping[str, str]] = {
    "authentication-basic": "models behind an endpoint take no user and password",
    "authentication-certificate": "models are reached by a socket of this machine, without certificates",
    "validate-azure-ad-token": "write validate-jwt with the tenant's openid-config",
    "choose": "conditions are not evaluated here: make an operation or an API for each branch",
    "include-fragment": "write what the fragment says into the policy, or into the one above",
    "return-response": "answers are the model's: leave the operation out, and its path answers 404",
    "mock-response": "answers are the model's: leave the operation out, and its path answers 404",
    "llm-token-limit": "calls are counted, and not tokens of a language model: rate-limit-by-key",
    "azure-openai-token-limit": "calls are counted, and not tokens of a language model: rate-limit-by-key",
    "check-header": "a claim of a token is checked by validate-jwt, an address by ip-filter",
    "log-to-eventhub": "failed calls are in the log of the service envoy: pratique status",
    "trace": "failed calls are in the log of the service envoy: pratique status",
    "retry": "a call that no replica has seen is tried again anyway, any other never",
    "quota": "only short limits are kept: rate-limit",
    "quota-by-key": "only short limits are kept: rate-limit-by-key",
}
"""Statements of Azure that are not read, with what to write instead, or why it is not needed."""

REPEATED: Final = frozenset({"set-header", "rate-limit", "rate-limit-by-key", "validate-jwt", "ip-filter"})
"""Statements of which one section may have several."""
