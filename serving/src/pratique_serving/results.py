"""What a model returned, as a Response.

Scripts return JSON values or an AMLResponse. Beyond what Azure's inference
server takes, numpy and pandas values become JSON (arrays are lists, frames are
lists of records), dates are in ISO's form, bytes are sent as they are, and NaN
and the infinities, which JSON does not have, become null. None is an empty
object, as there.
"""

import json
import math
from typing import Any, List, Tuple

from pratique_serving.errors import Refused, ServingError
from pratique_serving.wire import Response, is_header_safe

JSON = "application/json"
INTERNAL = "An unexpected internal error occurred. Check the logs for more info."
FAILED = "x-ms-run-function-failed"


# The server answers with its own, whatever a script says; and what says something about a body that is not sent.
_OF_THE_SERVER = frozenset({"x-request-id", "x-ms-request-id"})
_OF_A_BODY = frozenset(
    {"allow", "content-encoding", "content-language", "content-length", "content-md5", "content-range", "content-type"}
)


class Unanswerable(ServingError):
    """A result that cannot be sent; the message is for the log."""


def to_response(result: object) -> Response:
    """Raises Unanswerable for what is neither a response nor JSON."""
    if _is_response(result):
        return _foreign_response(result)
    if isinstance(result, (bytes, bytearray, memoryview)):
        headers = [("Content-Type", "application/octet-stream"), (FAILED, "False")]
        return Response(200, bytes(result), headers)
    return json_response(200, {} if result is None else result)


def json_response(status: int, value: object, run_failed: bool = False) -> Response:
    """`value` as JSON. Raises Unanswerable when it is not JSON."""
    return Response(status, to_json(value), [("Content-Type", JSON), (FAILED, str(run_failed))])


def refusal(error: Refused) -> Response:
    """An error as every caller sees it: ``{"message": …}``."""
    return json_response(error.status, {"message": error.message}, error.run_failed)


def to_json(value: object) -> bytes:
    """Raises Unanswerable when something inside has no JSON form, or when it contains itself."""
    try:
        try:
            return _encode(value).encode()
        except ValueError:
            return _encode_the_rest(_without_nan(value)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Unanswerable(f"run() returned a {type(value).__name__} that is not JSON: {error}") from None


def _plain(value: Any) -> object:
    """The JSON form of a moment, or of a numpy or pandas value, known by its shape so that neither is imported."""
    kind = type(value)
    owner = kind.__module__.partition(".")[0]
    if owner == "pandas":
        return _plain_pandas(value, kind.__name__)
    if owner == "numpy":
        plain = value.tolist()
        return str(value) if plain is value or kind.__name__ == "datetime64" else plain
    if owner == "datetime" and hasattr(value, "isoformat"):
        return value.isoformat()
    raise TypeError(f"a {kind.__name__} inside it")


# Made once, because json.dumps makes a new encoder for each value when it is given options.
_encode = json.JSONEncoder(default=_plain, allow_nan=False).encode


def _plain_pandas(value: Any, kind: str) -> object:
    if kind == "DataFrame":
        return value.to_dict(orient="records")
    if kind in ("NAType", "NaTType"):
        return None
    if kind == "Timestamp":
        return value.isoformat()
    return value.tolist() if hasattr(value, "tolist") else str(value)


def _plain_without_nan(value: Any) -> object:
    return _without_nan(_plain(value))


# For values with NaN inside; a script that puts another `json.dumps` in its place means its own use of it.
_encode_the_rest = json.JSONEncoder(default=_plain_without_nan).encode


def _without_nan(value: object) -> object:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(item) for item in value]
    return value


def _is_response(result: object) -> bool:
    """Our AMLResponse, Azure's, or Flask's: they look the same and only one of them is ours to import."""
    return all(hasattr(result, name) for name in ("status_code", "headers", "get_data"))


def _foreign_response(result: Any) -> Response:
    try:
        status = int(result.status_code)
        headers = [(str(name), str(value)) for name, value in result.headers.items()]
        body = bytes(result.get_data())
    # A body may be made by the script's own generator, which raises what it likes.
    except Exception as error:  # noqa: BLE001
        raise Unanswerable(f"run() returned a response that cannot be read: {error}") from None
    if not 200 <= status <= 999:
        raise Unanswerable(f"run() returned a response with status {status}")
    _check_headers(headers)
    unsent = _OF_THE_SERVER | _OF_A_BODY if status == 304 else _OF_THE_SERVER
    return Response(status, body, _with_failed([pair for pair in headers if pair[0].lower() not in unsent], status))


def _check_headers(headers: List[Tuple[str, str]]) -> None:
    for name, value in headers:
        if not is_header_safe(name, value):
            raise Unanswerable(f"run() returned a response with an impossible header {name!r}")


def _with_failed(headers: List[Tuple[str, str]], status: int) -> List[Tuple[str, str]]:
    if status < 500:
        return headers
    return [pair for pair in headers if pair[0].lower() != FAILED] + [(FAILED, "True")]
