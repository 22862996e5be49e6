"""What a caller reads when the door itself answers, and when a model failed.

Envoy's own words are turned into JSON, ``{"error": {"code", "message"}}``, with
the status that Azure's front end gives. What a model answers keeps its body;
`MODEL_ERRORS` only changes its status.

    nobody with this key or token    401      path or deployment unknown      404
    an address or a private endpoint 403      a rate limit of a policy        429
    longer than request_timeout_ms   408      body too large                  413
    too many requests in progress    429      the model answered other than 200,
    misdirected host                 421      died, or is not there           424
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pratique.gateway.render.clusters import API
from pratique.gateway.render.resources import Json, extension, set_header

STATUS_HEADER: Final = "ms-azureml-model-error-statuscode"
REASON_HEADER: Final = "ms-azureml-model-error-reason"
_REFUSED_BY: Final = "x-pratique-refused-by"
"""On its way through the filters, a refusal says here which of them it was."""

UNKNOWN_KEY: Final = "/internal/unknown-key"
"""Where the API hears that a token named a key which the door does not know."""

MODEL_ERRORS: Final = f"""
-- When the API was told last of an unknown key; each of Envoy's threads has its own.
local told_at = 0

-- A provider may have a new key. Anybody can write such a token, so the API is told once a second and nobody waits.
local function tell_unknown_key(handle)
  local now = tonumber(handle:timestamp())
  if now - told_at < 1000 then return end
  told_at = now
  local words = {{[":method"] = "POST", [":path"] = "{UNKNOWN_KEY}", [":authority"] = "localhost"}}
  handle:httpCall("{API}", words, "", 5000, true)
end

-- Azure's front end: whatever a model answers other than 200 is a failed dependency.
-- Only an upstream's answer carries the service time; Envoy's own replies keep their status.
function envoy_on_response(handle)
  local headers = handle:headers()
  local status = headers:get(":status")
  if headers:get("x-envoy-upstream-service-time") == nil then
    local by = headers:get("{_REFUSED_BY}")
    if by == nil then return end
    headers:remove("{_REFUSED_BY}")
    -- Who is not let in does not learn which deployment would have answered.
    headers:remove("azureml-model-deployment")
    local kind = nil
    if string.find(by, "jwt_authn", 1, true) or string.find(by, "required-claims", 1, true) then
      kind = "token" .. (string.match(by, "required%-claims(%-%d+)") or "")
      if string.find(by, "match_kid", 1, true) then tell_unknown_key(handle) end
    elseif string.find(by, "ip-filter", 1, true) then
      kind = "address"
    elseif status == "401" then
      kind = "key"
    end
    local said = kind and handle:metadata():get(kind)
    if said == nil then return end
    headers:replace(":status", handle:metadata():get(kind .. "-status"))
    -- To wait for the body ends the life of `headers`.
    local size = handle:body():setBytes(said)
    handle:headers():replace("content-length", size)
    return
  end
  headers:remove("x-envoy-upstream-service-time")
  if status == "200" then return end
  headers:replace("{STATUS_HEADER}", status)
  headers:replace("{REASON_HEADER}", "model_error")
  headers:replace(":status", "424")
  headers:remove("location")
  headers:remove("www-authenticate")
end
"""
"""Lua, because it is the only stock filter that changes a status and keeps the body."""

_WHO = {_REFUSED_BY: "%RESPONSE_CODE_DETAILS%"}
_NOT_READY = {STATUS_HEADER: "503", REASON_HEADER: "model_not_ready"}
_DIED = {STATUS_HEADER: "502", REASON_HEADER: "model_error"}
_NO_ROOM = {REASON_HEADER: "too_many_pending_request", "Retry-After": "1"}


_PLATFORM_DOWN = "the platform is starting or down; see pratique status"

_TOO_LATE = ("UT", "UMSDR")
_TOO_MANY = ("UO",)
_NOBODY_THERE = ("UF", "UH", "NC")
_BROKEN = ("UC", "UR", "LR", "UPE")
_NOT_PERMITTED = ("UAEX",)
_FORBIDDEN: Final = 403
"""Envoy's response flags, by what they mean here."""


def scoring_replies() -> Json:
    """The replies of the endpoints' door, first match wins."""
    late = "the model took longer than the deployment's request_timeout_ms"
    many = "too many requests are in progress at this deployment"
    key = "the endpoint's key is needed: Authorization: Bearer KEY"
    return {
        "mappers": [
            _reply(_flags(_TOO_LATE), 408, "RequestTimeout", late),
            _reply(_flags(_TOO_MANY), 429, "TooManyRequests", many, _NO_ROOM),
            _reply(_flags(_NOBODY_THERE), 424, "ModelNotReady", "no replica of the deployment is running", _NOT_READY),
            _reply(_flags(_BROKEN), 424, "ModelFailed", "the model ended while it worked on the request", _DIED),
            _reply(_status(429), 429, "RateLimited", "more calls than the policy of the API allows; try again later"),
            _reply(_status(401), 401, "Unauthenticated", key, _WHO),
            _reply(_status(403), 403, "Forbidden", "%LOCAL_REPLY_BODY%", _WHO),
            *_ANY_DOOR,
        ]
    }


def door_replies() -> Json:
    """The replies of the front door, first match wins."""
    unreachable = (*_NOBODY_THERE, *_TOO_MANY, *_BROKEN)
    return {
        "mappers": [
            # The API says why it refused, in its own JSON; only when it could not be asked are the words ours.
            _reply(_both(_flags(_NOT_PERMITTED), _status(503)), 503, "Unavailable", _PLATFORM_DOWN),
            {
                "filter": _flags(_NOT_PERMITTED),
                "body_format_override": {
                    "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"},
                    "content_type": "application/json",
                },
            },
            _reply(_flags(_TOO_LATE), 504, "Unavailable", "the platform did not answer in time"),
            _reply(_flags(unreachable), 503, "Unavailable", _PLATFORM_DOWN),
            *_ANY_DOOR,
        ]
    }


def refusals(*, key: str = "", tokens: Sequence[tuple[int, str]] = (), address: str = "") -> Json:
    """What a route says to who is not let in, as its metadata; for an empty text the door's own words stay.

    `tokens` are a status and a text for each check. A bad token hears the first, lacking claims that of their check.
    """
    said = {"key": (401, key), "address": (403, address)}
    said |= {f"token-{number}" if number else "token": check for number, check in enumerate(tokens)}
    fields: dict[str, str] = {}
    for kind, (status, message) in said.items():
        if message:
            code = "Forbidden" if status == _FORBIDDEN else "Unauthenticated"
            fields[kind] = json.dumps({"error": {"code": code, "message": message}})
            fields[f"{kind}-status"] = str(status)
    return {"filter_metadata": {"envoy.filters.http.lua": fields}}


def _reply(condition: Json, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Json:
    return {
        "filter": condition,
        "status_code": status,
        "body_format_override": {"json_format": {"error": {"code": code, "message": message}}},
        "headers_to_add": [set_header(name, value) for name, value in (headers or {}).items()],
    }


def _flags(flags: Sequence[str]) -> Json:
    return {"response_flag_filter": {"flags": list(flags)}}


def _status(status: int, operator: str = "EQ") -> Json:
    comparison = {"op": operator, "value": {"default_value": status, "runtime_key": "pratique.reply.status"}}
    return {"status_code_filter": {"comparison": comparison}}


def _both(*conditions: Json) -> Json:
    return {"and_filter": {"filters": list(conditions)}}


_ANY_DOOR: Sequence[Json] = (
    _reply(_status(400), 400, "InvalidInput", "the request is malformed, or its path is encoded in a refused way"),
    _reply(_status(404), 404, "NotFound", "%LOCAL_REPLY_BODY%"),
    _reply(_status(405), 405, "MethodNotAllowed", "%LOCAL_REPLY_BODY%"),
    _reply(_status(408), 408, "RequestTimeout", "the request did not arrive in time"),
    _reply(_status(413), 413, "TooLarge", "the body is larger than this path takes"),
    _reply(_status(421), 421, "Misdirected", "%LOCAL_REPLY_BODY%"),
    _reply(_status(431), 431, "TooLarge", "the headers are larger than this door takes"),
)


def failures_log() -> Sequence[Json]:
    """Log what failed, one JSON object a line; never a query, a header or a body, which may hold secrets.

    The route's name stands for the path: that of a one-time link is its secret.
    """
    fields: dict[str, Any] = {
        "time": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        "route": "%ROUTE_NAME%",
        "status": "%RESPONSE_CODE%",
        "flags": "%RESPONSE_FLAGS%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "cluster": "%UPSTREAM_CLUSTER%",
        "duration_ms": "%DURATION%",
        "bytes_in": "%BYTES_RECEIVED%",
        "bytes_out": "%BYTES_SENT%",
        "request_id": "%REQ(X-REQUEST-ID)%",
    }
    log = extension(
        "envoy.access_loggers.stdout",
        "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
        {"log_format": {"json_format": fields}},
    )
    return [log | {"filter": _status(400, "GE")}]
