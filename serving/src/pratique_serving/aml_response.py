"""AMLResponse: what a script answers with when it wants to choose the status, the headers or the bytes itself.

What of Flask's response scoring scripts use, without Flask. Whatever is not here cannot be set by mistake: a name
that nobody reads is an AttributeError. `datetime` and `http.cookies` are not imported, because every start of a
script would pay for them.
"""

import json
import re
import time
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Iterable, Iterator, List, Mapping, Optional, Union

from pratique_serving.multidict import Headers
from pratique_serving.wire import MONTHS, WEEKDAYS

Moment = Any
"""A datetime (UTC, if it does not say), seconds since 1970, or text that is taken as it is."""

NO_HEADERS: Mapping[str, str] = MappingProxyType({})
HTML = "text/html; charset=utf-8"
JSON = "application/json"
FAILED = "x-ms-run-function-failed"

# Types whose text is written with its encoding.
_TEXT_TYPES = frozenset({"application/xml", "application/javascript", "application/ecmascript", "image/svg+xml"})

_COOKIE = re.compile(r"[\w!#$%&'()*+\-./:<=>?@\[\]^`{|}~]*", re.ASCII)


class _Field:
    """A header that is also an attribute: None removes it, a list is written with commas, a moment as HTTP has it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, response: Optional["AMLResponse"], owner: Any = None) -> Any:
        return self if response is None else response.headers.get(self._name)

    def __set__(self, response: "AMLResponse", value: Any) -> None:
        if value is None:
            response.headers.remove(self._name)
        elif hasattr(value, "utctimetuple"):
            response.headers[self._name] = _moment(value)
        elif isinstance(value, (list, tuple, set, frozenset)):
            response.headers[self._name] = ", ".join(value)
        else:
            response.headers[self._name] = value


class AMLResponse:
    """A status, headers and a body; all of it can be changed until it is returned."""

    __slots__ = ("_body", "headers", "status_code")

    location = _Field("Location")
    content_encoding = _Field("Content-Encoding")
    content_location = _Field("Content-Location")
    content_type = _Field("Content-Type")
    retry_after = _Field("Retry-After")
    age = _Field("Age")
    date = _Field("Date")
    expires = _Field("Expires")
    last_modified = _Field("Last-Modified")
    access_control_allow_origin = _Field("Access-Control-Allow-Origin")
    access_control_allow_methods = _Field("Access-Control-Allow-Methods")
    access_control_allow_headers = _Field("Access-Control-Allow-Headers")
    access_control_expose_headers = _Field("Access-Control-Expose-Headers")
    access_control_max_age = _Field("Access-Control-Max-Age")

    def __init__(
        self,
        message: Any,
        status_code: Union[int, str, HTTPStatus, None],
        response_headers: Mapping[str, str] = NO_HEADERS,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        """`message` is sent as it is when it is text, bytes, or made of such, else as JSON; None is an empty object.

        With `json_str` it is always JSON. A comma within a value of `response_headers` separates repeated headers.
        """
        self.headers = Headers()
        self.status_code = _status_of(status_code)
        self._body = b""
        self._fill(message, json_str)
        self.headers[FAILED] = run_function_failed
        for name, value in response_headers.items():
            if name.lower() in ("content-type", FAILED):
                self.headers[name] = value
                continue
            for one in value.split(","):
                self.headers.add(name, one.strip())

    def _fill(self, message: Any, json_str: bool) -> None:
        self.content_type = HTML
        if message is None:
            message, json_str = {}, True
        if not json_str and isinstance(message, (str, bytes, bytearray, memoryview)):
            self.set_data(message)
            return
        if not json_str and isinstance(message, Iterable) and not isinstance(message, Mapping):
            message = list(message)
            if all(isinstance(part, (str, bytes)) for part in message):
                self._body = _joined(message)
                return
        self.content_type = JSON
        self.set_data(json.dumps(message))

    @property
    def status(self) -> str:
        """``404 NOT FOUND``."""
        known = [status.phrase.upper() for status in HTTPStatus if status == self.status_code]
        return f"{self.status_code} {known[0] if known else 'UNKNOWN'}"

    @status.setter
    def status(self, value: Union[int, str, HTTPStatus]) -> None:
        self.status_code = _status_of(value)

    @property
    def data(self) -> bytes:
        return self._body

    @data.setter
    def data(self, value: Union[bytes, str]) -> None:
        self.set_data(value)

    def get_data(self, as_text: bool = False) -> Union[bytes, str]:
        """The body."""
        return self._body.decode("utf-8", "replace") if as_text else self._body

    def set_data(self, value: Union[bytes, bytearray, memoryview, str]) -> None:
        """Replace the body."""
        self._body = value.encode("utf-8") if isinstance(value, str) else bytes(value)
        self.headers["Content-Length"] = len(self._body)

    @property
    def response(self) -> List[bytes]:
        """The body, in parts."""
        return [self._body]

    @response.setter
    def response(self, parts: Union[str, bytes, Iterable[Union[str, bytes]]]) -> None:
        self.set_data(parts if isinstance(parts, (str, bytes)) else _joined(parts))

    def iter_encoded(self) -> Iterator[bytes]:
        """The body, in parts."""
        return iter(self.response)

    @property
    def is_streamed(self) -> bool:
        """A response is sent when it is whole."""
        return False

    @property
    def mimetype(self) -> Optional[str]:
        """The content type without its parameters."""
        kind = self.content_type
        return kind.partition(";")[0].strip().lower() if kind else None

    @mimetype.setter
    def mimetype(self, kind: str) -> None:
        is_text = kind.startswith("text/") or kind in _TEXT_TYPES or kind.endswith("+xml")
        self.content_type = f"{kind}; charset=utf-8" if is_text else kind

    @property
    def content_length(self) -> int:
        """Bytes of the body; setting it is of no use, because it is told as it is."""
        return len(self._body)

    @content_length.setter
    def content_length(self, value: Any) -> None:
        pass

    def calculate_content_length(self) -> int:
        """Bytes of the body."""
        return len(self._body)

    @property
    def is_json(self) -> bool:
        kind = self.mimetype or ""
        return kind == JSON or (kind.startswith("application/") and kind.endswith("+json"))

    @property
    def json(self) -> Any:
        return self.get_json()

    def get_json(self, force: bool = False, silent: bool = False) -> Any:
        """The body parsed; None when it does not say that it is JSON."""
        if not (force or self.is_json):
            return None
        try:
            return json.loads(self._body)
        except ValueError:
            if silent:
                return None
            raise

    def set_cookie(
        self,
        key: str,
        value: str = "",
        max_age: Any = None,
        expires: Moment = None,
        path: Optional[str] = "/",
        domain: Optional[str] = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Optional[str] = None,
    ) -> None:
        """One more ``Set-Cookie``; `max_age` is seconds or a timedelta."""
        seconds = int(max_age.total_seconds()) if hasattr(max_age, "total_seconds") else max_age
        if expires is None and seconds is not None:
            expires = time.time() + seconds
        facts = [
            f"{key}={_cookie(value)}",
            domain and f"Domain={domain}",
            expires is not None and f"Expires={_moment(expires)}",
            seconds is not None and f"Max-Age={seconds}",
            secure and "Secure",
            httponly and "HttpOnly",
            path and f"Path={path}",
            samesite and f"SameSite={samesite.title()}",
        ]
        self.headers.add("Set-Cookie", "; ".join(fact for fact in facts if fact))

    def delete_cookie(self, key: str, path: Optional[str] = "/", domain: Optional[str] = None) -> None:
        """Let the client forget it."""
        self.set_cookie(key, max_age=0, expires=0, path=path, domain=domain)

    def close(self) -> None:
        """Nothing is open."""


def _status_of(value: Union[int, str, HTTPStatus, None]) -> int:
    """Text may have a reason behind the number; what begins with none is 0, which cannot be sent."""
    if value is None:
        return 200
    if isinstance(value, int):
        return int(value)
    if not isinstance(value, str):
        raise TypeError("a status is a number or text that begins with one")
    words = value.split()
    if not words:
        raise ValueError("an empty status")
    return int(words[0]) if words[0].lstrip("-").isdigit() else 0


def _joined(parts: Iterable[Union[str, bytes]]) -> bytes:
    return b"".join(part.encode("utf-8") if isinstance(part, str) else bytes(part) for part in parts)


def _moment(value: Moment) -> str:
    """``Wed, 01 Jan 2020 00:00:00 GMT``, in every locale."""
    if isinstance(value, str):
        return value
    at = value.utctimetuple() if hasattr(value, "utctimetuple") else time.gmtime(value)
    return f"{WEEKDAYS[at[6]]}, {at[2]:02} {MONTHS[at[1] - 1]} {at[0]:04} {at[3]:02}:{at[4]:02}:{at[5]:02} GMT"


def _cookie(value: str) -> str:
    """What a cookie cannot hold is written as octal digits, in quotes."""
    if _COOKIE.fullmatch(value):
        return value
    escaped = [rf"\{byte:03o}" if byte in b'\\",;' or not 32 <= byte < 127 else chr(byte) for byte in value.encode()]
    return f'"{"".join(escaped)}"'
