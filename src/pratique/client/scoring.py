"""One request to an endpoint, as any caller of it would send it."""

import json
from typing import Final

import urllib3
from urllib3.exceptions import HTTPError

from pratique.base.errors import ComputeFailed, NotFound, PratiqueError, TooLarge, Unauthenticated, Unavailable
from pratique.client.door import check_url

_TIMEOUT: Final = 320.0
"""Seconds: above Azure's longest request timeout (300 s), so that the endpoint's own answer arrives."""

_LOGS: Final = "pratique ml online-deployment get-logs --endpoint-name {endpoint} --name {name} shows what it printed"
_MEANINGS: Final[dict[int, tuple[type[PratiqueError], str]]] = {
    401: (Unauthenticated, "get the key with `pratique ml online-endpoint get-credentials --name {endpoint}`"),
    404: (
        NotFound,
        "no deployment has traffic: pratique ml online-endpoint update --name {endpoint} --traffic NAME=100",
    ),
    408: (
        ComputeFailed,
        "let it take longer: pratique ml online-deployment update --endpoint-name {endpoint} --name {name} "
        "--set request_settings.request_timeout_ms=30000",
    ),
    413: (TooLarge, "raise PRATIQUE_SCORE_BODY_LIMIT_MB and run `pratique up` again, or send less"),
    424: (ComputeFailed, _LOGS),
    429: (
        Unavailable,
        "too many requests wait: send them more slowly, or raise request_settings.max_concurrent_requests_per_instance "
        "or instance_count",
    ),
    503: (Unavailable, "see `pratique status`"),
}


def score(uri: str, *, key: str, body: bytes, endpoint: str, deployment: str = "") -> str:
    """The answer to `body` (JSON) of `endpoint`, which is at `uri`.

    `deployment` pins one instead of the traffic's choice.
    Raises `ComputeFailed` when the model answered with an error, with what it said.
    """
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5, read=_TIMEOUT))
    try:
        answer = pool.request("POST", check_url(uri), body=body, headers=headers, redirect=False)
    except HTTPError as error:
        raise Unavailable(f"{uri} does not answer: {error}", hint="see `pratique status`") from error
    text = answer.data.decode("utf-8", "replace")
    if answer.status == 200:
        return text
    raise _refused(answer, text, endpoint, deployment)


def _refused(answer: urllib3.BaseHTTPResponse, text: str, endpoint: str, deployment: str) -> PratiqueError:
    kind, hint = _MEANINGS.get(answer.status, (ComputeFailed, _LOGS))
    if answer.status == 404 and deployment:
        hint = "pratique ml online-deployment list --endpoint-name {endpoint} -o table"
    behind = answer.headers.get("ms-azureml-model-error-statuscode")
    if behind and behind.startswith("4"):
        hint = "what it takes: pratique ml online-endpoint show --name {endpoint} --query openapi_uri -o tsv"
    said = f"{answer.status}, the model said {behind}" if behind else str(answer.status)
    # Which one the traffic led to is in the answer, unless it never got so far.
    name = answer.headers.get("azureml-model-deployment") or deployment or "NAME"
    return kind(f"the endpoint answered {said}: {_words(text)}", hint=hint.format(endpoint=endpoint, name=name))


def _words(text: str) -> str:
    """What the door says inside its JSON; what a model answered, as it is."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip() or "no words"
