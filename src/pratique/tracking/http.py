"""One request to MLflow's unix socket, in JSON."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from pratique.base.errors import (
    AlreadyExists,
    Conflict,
    InternalError,
    InvalidInput,
    NotFound,
    PratiqueError,
    Unavailable,
)
from pratique.base.unix_http import UnixConnection

TRACKING_HEADER: Final = "X-Pratique-Tracking"
_TIMEOUT_SECONDS: Final = 30.0
_ERRORS: Final[Mapping[str, type[PratiqueError]]] = {
    "RESOURCE_DOES_NOT_EXIST": NotFound,
    "RESOURCE_ALREADY_EXISTS": AlreadyExists,
    "RESOURCE_CONFLICT": Conflict,
    "INVALID_STATE": Conflict,
    "INVALID_PARAMETER_VALUE": InvalidInput,
    "BAD_REQUEST": InvalidInput,
    "TEMPORARILY_UNAVAILABLE": Unavailable,
}


def ask(
    path_of_socket: Path,
    method: str,
    path: str,
    *,
    tracking: str | None = None,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
    timeout: float = _TIMEOUT_SECONDS,
) -> bytes:
    """The body of the answer; `tracking` is what MLflow knows the workspace by.

    Raises the error of ours that MLflow's code means, and `Unavailable` when it is not up.
    """
    connection = UnixConnection(path_of_socket, timeout=timeout)
    headers = {"Content-Type": "application/json"} | ({TRACKING_HEADER: tracking} if tracking else {})
    target = f"{path}?{urlencode(query, doseq=True)}" if query else path
    try:
        connection.request(method, target, json.dumps(body).encode() if body is not None else None, headers)
        answer = connection.getresponse()
        said = answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(
            f"the tracking server does not answer: {type(error).__name__} {error}", hint="pratique status"
        ) from error
    finally:
        connection.close()
    if answer.status > 299:
        raise _error(answer.status, said)
    return said


def _error(status: int, said: bytes) -> PratiqueError:
    try:
        document = json.loads(said)
        code, message = str(document["error_code"]), str(document["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "", said[:500].decode("utf-8", "replace")
    kind = _ERRORS.get(code, InternalError)
    return kind(f"the tracking server says ({status}): {message}")
