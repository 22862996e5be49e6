"""The two doors: where they listen, how they read a request, and the filters it passes.

    door        strip ─ permission (ext_authz) ─ body limits ─ router
    endpoints   strip ─ other origins ─ key ─ token ─ claims, addresses ─ limits ─ buffer ─ errors (Lua) ─ router

Both authorising filters are on for every route and must be switched off by
name: a route that forgot its keys or its permission lets nobody through.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pratique.gateway.model import Patience
from pratique.gateway.ports import LOOPBACK
from pratique.gateway.render import door, scoring
from pratique.gateway.render.classes import CALL_BODY_FILTER, CALL_BODY_LIMIT, UPLOAD_BODY_FILTER, WAIT
from pratique.gateway.render.clusters import API
from pratique.gateway.render.replies import MODEL_ERRORS, door_replies, failures_log, scoring_replies
from pratique.gateway.render.resources import Json, extension, seconds, set_header, typed

CERTIFICATE: Final = "doors"
"""The name of the secret that the doors show over TLS."""
_HEADERS_KB: Final = 60
_HEADERS: Final = 100
"""Of one request, all together."""
_HTTP2: Final = {
    "max_concurrent_streams": 100,
    "initial_stream_window_size": 65_536,
    "initial_connection_window_size": 1_048_576,
}
"""What one connection may ask for at once; Envoy's own values are for proxies that trust each other."""
AUTHORIZE: Final = "/internal/authorize"
"""Where the API is asked for a permission: this, then the original path."""

_NOBODY: Final = {"address_prefix": "255.255.255.255", "prefix_len": 32}
_HCM: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"

_FOREIGN: Final = (
    "x-mlflow-workspace", "x-forwarded-host", "x-forwarded-prefix", "x-forwarded-port", "forwarded",
    "x-real-ip", "x-original-url", "x-rewrite-url", "x-http-method-override",
)  # fmt: skip
"""Request headers that only a proxy may set, and which an application behind it might believe."""


def tls_listener(name: str, address: str, port: int, manager: Json, connections: int, certificate: Path) -> Json:
    """The same beyond loopback, over TLS only; `certificate` is a watched file of one secret."""
    secret = {"name": CERTIFICATE, "sds_config": watched(certificate)}
    context = {
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "tls_certificate_sds_secret_configs": [secret],
            "alpn_protocols": ["h2", "http/1.1"],
        }
    }
    kind = "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    open_to_others = listener(name, port, manager, connections, address=address)
    (chain,) = open_to_others["filter_chains"]
    wrapped = {**chain, "transport_socket": extension("envoy.transport_sockets.tls", kind, context)}
    # Who does not even finish the handshake is let go.
    return {**open_to_others, "filter_chains": [{**wrapped, "transport_socket_connect_timeout": "10s"}]}


def certificate_secret(chain: str, key: str) -> Json:
    """A certificate with its key, as the watched file has it."""
    held = {"certificate_chain": {"inline_string": chain}, "private_key": {"inline_string": key}}
    kind = "envoy.extensions.transport_sockets.tls.v3.Secret"
    return typed(kind, {"name": CERTIFICATE, "tls_certificate": held})


def listener(name: str, port: int, manager: Json, connections: int, *, address: str = LOOPBACK) -> Json:
    """A TCP listener for at most so many connections at once, on loopback unless an address is given."""
    kind = "envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit"
    limit = extension("connections", kind, {"stat_prefix": name, "max_connections": str(connections)})
    return {
        "name": name,
        "address": {"socket_address": {"address": address, "port_value": port}},
        # With SO_REUSEPORT a second program of this user could take a share of the connections unseen.
        "enable_reuse_port": False,
        "per_connection_buffer_limit_bytes": 1_048_576,
        "filter_chains": [{"filters": [limit, {"name": "http", "typed_config": manager}]}],
    }


def inside_listener(name: str, path: Path, manager: Json, connections: int) -> Json:
    """The same at a socket with a path, for this user alone."""
    address = {"pipe": {"path": str(path), "mode": 0o600}}
    return {**listener(name, 0, manager, connections), "address": address}


def door_manager(routes: Mapping[str, Any], upload_limit: int, patience: Patience, *, caller: str = "") -> Json:
    """How the front door treats requests; `routes` is ``rds`` or ``route_config``, the limit is in bytes.

    `caller` is the address that all callers have, where the listener itself sees none.
    """
    filters = [
        _strip([_header("x-content-type-options", "nosniff")], [_header("x-forwarded-for", caller)] if caller else ()),
        _authorize(),
        _body_limit(CALL_BODY_FILTER, CALL_BODY_LIMIT),
        _body_limit(UPLOAD_BODY_FILTER, upload_limit),
        _router(suppress_envoy_headers=True),
    ]
    return _manager(door.ROUTES, routes, filters, door_replies(), patience)


def endpoints_manager(
    routes: Mapping[str, Any], body_limit: int, tokens: Json, limits: Json, patience: Patience
) -> Json:
    """How the endpoints' door treats requests; what a model answers is never a page of ours.

    `tokens` and `limits` are the filters whose settings change, watched or as they are.
    """
    answers = [
        _header("content-security-policy", "sandbox"),
        _header("x-content-type-options", "nosniff"),
        # A cookie has no port: one from a model would reach the front door.
        {"remove": "set-cookie"},
    ]
    client_id = {"key": "x-ms-client-request-id", "value": "%REQ(X-MS-CLIENT-REQUEST-ID):40%"}
    filters = [
        _strip(
            answers, [{"remove": "cookie"}, {"append": {"header": client_id, "append_action": "OVERWRITE_IF_EXISTS"}}]
        ),
        _stock("cors", "Cors", {}),
        # Without any key: those are for each route to say.
        _stock("api_key_auth", "ApiKeyAuth", {"key_sources": [{"header": "Authorization"}]}),
        tokens,
        _stock("rbac", "RBAC", {}),
        limits,
        # A model gets whole requests only: no slow caller holds it, and its time limit counts its own work.
        _stock("buffer", "Buffer", {"max_request_bytes": body_limit}),
        _stock("lua", "Lua", {"default_source_code": {"inline_string": MODEL_ERRORS}}),
        _router(),
    ]
    manager = _manager(scoring.ROUTES, routes, filters, scoring_replies(), patience)
    return manager | {"request_timeout": seconds(patience.body)}


def watched_routes(name: str, file: Path) -> Json:
    """Routes from a file that Envoy watches."""
    return {"rds": {"route_config_name": name, "config_source": watched(file)}}


def watched_filter(name: str, file: Path, default: Json) -> Json:
    """A filter whose settings are a resource in a file; `default` is what counts until it is read."""
    source = {"config_source": watched(file), "default_config": default, "type_urls": [default["@type"]]}
    return {"name": name, "config_discovery": source}


def watched(file: Path) -> Json:
    """A source of resources that is a file replaced by rename."""
    return {"path_config_source": {"path": str(file)}, "resource_api_version": "V3"}


def _manager(name: str, routes: Mapping[str, Any], filters: Sequence[Json], replies: Json, patience: Patience) -> Json:
    request_ids = {"pack_trace_reason": False}
    return typed(
        _HCM,
        {
            "stat_prefix": name,
            # Nobody is internal: every caller's x-envoy-* headers and request id are replaced. A range must be
            # named, because without one Envoy trusts private and loopback addresses.
            "use_remote_address": True,
            "internal_address_config": {"cidr_ranges": [_NOBODY]},
            "always_set_request_id_in_response": True,
            "request_id_extension": {
                "typed_config": typed("envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig", request_ids)
            },
            # One spelling of a path for the routes, the permission and the application.
            "normalize_path": True,
            "merge_slashes": True,
            "path_with_escaped_slashes_action": "REJECT_REQUEST",
            "server_name": "pratique",
            "common_http_protocol_options": {
                "idle_timeout": "300s",
                "headers_with_underscores_action": "DROP_HEADER",
                "max_headers_count": _HEADERS,
            },
            "stream_idle_timeout": "300s",
            "request_headers_timeout": seconds(patience.headers),
            "max_request_headers_kb": _HEADERS_KB,
            "http2_protocol_options": _HTTP2,
            "local_reply_config": replies,
            "access_log": failures_log(),
            "http_filters": list(filters),
            **routes,
        },
    )


def _strip(answers: Sequence[Json], requests: Sequence[Json] = ()) -> Json:
    """Take from a request what only we may say, and put on an answer what a browser must obey."""
    ours = {"remove_on_match": {"key_matcher": {"prefix": "x-pratique-"}}}
    mutations = {
        "request_mutations": [ours, *({"remove": name} for name in _FOREIGN), *requests],
        "response_mutations": list(answers),
    }
    return _stock("header_mutation", "HeaderMutation", {"mutations": mutations})


def _header(name: str, value: str) -> Json:
    return {"append": set_header(name, value)}


def _authorize() -> Json:
    """Ask the API whether this caller may do this; it gets the caller's credentials, method and path."""
    asked = (
        "authorization", "cookie", "origin", "accept", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
        "x-forwarded-for",
    )  # fmt: skip
    told = ("www-authenticate", "location", "content-type")
    settings = {
        "transport_api_version": "V3",
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": _names(asked),
        "http_service": {
            "server_uri": {"uri": f"http://{API}", "cluster": API, "timeout": "35s"},
            "path_prefix": AUTHORIZE,
            "retry_policy": WAIT,
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": [{"prefix": "x-pratique-"}]},
                "allowed_client_headers": _names(told),
            },
        },
    }
    return _stock("ext_authz", "ExtAuthz", settings)


def _names(names: Sequence[str]) -> Json:
    return {"patterns": [{"exact": name, "ignore_case": True} for name in names]}


def _body_limit(name: str, limit: int) -> Json:
    kind = "envoy.extensions.filters.http.body_size_limit.v3.BodySizeLimit"
    return extension(name, kind, {"max_request_bytes": limit})


def _router(**settings: bool) -> Json:
    return _stock("router", "Router", settings)


def _stock(filter_name: str, message: str, settings: Json) -> Json:
    """A filter that Envoy ships, under the name by which routes find it."""
    kind = f"envoy.extensions.filters.http.{filter_name}.v3.{message}"
    return extension(f"envoy.filters.http.{filter_name}", kind, settings)
