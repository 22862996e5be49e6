"""What a `@rawhttp` script sees: AMLRequest, and the decorator.

The parts of Flask's request that scoring scripts use, without Flask. Served under Azure's module names by `contrib`,
unless the environment has the real ones.
"""

import io
import json
from functools import cached_property
from typing import Any, Callable, Dict, List, Optional, Tuple, TypeVar, Union
from urllib.parse import parse_qsl

from pratique_serving.aml_response import AMLResponse
from pratique_serving.header_values import Accepted, Authorization, UserAgent
from pratique_serving.multidict import Arguments, Headers
from pratique_serving.multipart import File, parameters_of, parse_multipart
from pratique_serving.wire import Request

Run = TypeVar("Run", bound=Callable[..., Any])

FORM = "application/x-www-form-urlencoded"

# Read by `contrib`; Azure's module has a flag of the same name, which is how a script's choice is known.
_rawHttpRequested = False  # noqa: N816


def rawhttp(run: Run) -> Run:
    """Mark `run()`: it wants the request itself."""
    global _rawHttpRequested
    _rawHttpRequested = True
    return run


class NotJson(ValueError):
    """The body is not JSON, or does not say that it is."""

    code = 400


class AMLRequest:
    """One request, read-only."""

    # The server listens on this machine only; behind the gateway everybody comes from here.
    remote_addr = "127.0.0.1"
    remote_user = None
    scheme = "http"
    is_secure = False
    root_path = script_root = ""
    endpoint = "main.handle_score"
    blueprint = "main"

    def __init__(self, request: Request) -> None:
        self._request = request
        self._read: Optional[bytes] = None
        self.method = request.method
        self.path = request.path
        self.query_string = request.query.encode("latin-1")
        self.stream = io.BytesIO(request.body)
        """The body; what was read here is not in `get_data()` any more."""
        self.view_args: Dict[str, Any] = {}

    @cached_property
    def headers(self) -> Headers:
        return Headers(titled(self._request).items())

    @cached_property
    def args(self) -> Arguments:
        return Arguments(self._request.arguments())

    @property
    def content_type(self) -> Optional[str]:
        return self._header("content-type")

    @property
    def mimetype(self) -> str:
        """The content type without its parameters, in lower case."""
        return (self.content_type or "").partition(";")[0].strip().lower()

    @property
    def mimetype_params(self) -> Dict[str, str]:
        return parameters_of(self.content_type or "")

    @property
    def content_length(self) -> Optional[int]:
        """As the caller has told it; None for a body in chunks."""
        stated = self._header("content-length")
        return int(stated) if stated is not None else None

    @property
    def content_encoding(self) -> Optional[str]:
        return self._header("content-encoding")

    @property
    def referrer(self) -> Optional[str]:
        return self._header("referer")

    @property
    def origin(self) -> Optional[str]:
        return self._header("origin")

    @property
    def host(self) -> str:
        return self._header("host") or "localhost"

    @property
    def host_url(self) -> str:
        """As the caller's Host header has it."""
        return f"http://{self.host}/"

    root_url = url_root = host_url

    @property
    def base_url(self) -> str:
        return f"http://{self.host}{self.path}"

    @property
    def full_path(self) -> str:
        return f"{self.path}?{self._request.query}"

    @property
    def url(self) -> str:
        return f"{self.base_url}?{self._request.query}" if self._request.query else self.base_url

    @property
    def access_route(self) -> List[str]:
        """Every address on the way, the caller's first."""
        forwarded = [one.strip() for one in (self._header("x-forwarded-for") or "").split(",") if one.strip()]
        return forwarded or [self.remote_addr]

    @property
    def authorization(self) -> Optional[Authorization]:
        line = self._header("authorization")
        return Authorization(line) if line else None

    @property
    def user_agent(self) -> UserAgent:
        return UserAgent(self._header("user-agent") or "")

    @property
    def accept_mimetypes(self) -> Accepted:
        return Accepted(self._header("accept") or "")

    @property
    def accept_languages(self) -> Accepted:
        return Accepted(self._header("accept-language") or "")

    @property
    def accept_encodings(self) -> Accepted:
        return Accepted(self._header("accept-encoding") or "")

    @cached_property
    def cookies(self) -> Arguments:
        pairs = [part.partition("=") for part in (self._header("cookie") or "").split(";")]
        return Arguments((name.strip(), _unquoted(value.strip())) for name, equals, value in pairs if equals)

    @cached_property
    def environ(self) -> Dict[str, Any]:
        """As WSGI has it."""
        named = {name.upper().replace("-", "_"): value for name, value in self.headers}
        content = {name: named.pop(name, "") for name in ("CONTENT_TYPE", "CONTENT_LENGTH")}
        return {
            **{f"HTTP_{name}": value for name, value in named.items()},
            **{name: value for name, value in content.items() if value},
            "REQUEST_METHOD": self.method,
            "PATH_INFO": self.path,
            "QUERY_STRING": self._request.query,
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": self.remote_addr,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": self.stream,
        }

    @property
    def data(self) -> bytes:
        """The body, unless it is a form: that is read as one."""
        read = self.get_data(parse_form_data=True)
        return read if isinstance(read, bytes) else read.encode()

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Union[bytes, str]:
        """The body, or what `stream` and `form` have left of it; as text it is decoded as UTF-8 with replacement."""
        read = self._read
        if read is None:
            if parse_form_data:
                self._fields  # noqa: B018 - reads the stream.
            read = self.stream.read()
            if cache:
                self._read = read
        return read.decode("utf-8", "replace") if as_text else read

    @property
    def is_json(self) -> bool:
        kind = self.mimetype
        return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))

    @property
    def json(self) -> Any:
        return self.get_json()

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        """The body parsed. Raises NotJson when it is none, or does not say so; `silent` makes None of that."""
        try:
            if not (force or self.is_json):
                raise NotJson("the content type of the body is not application/json")
            return json.loads(self.get_data(cache))
        except ValueError as error:
            if silent:
                return None
            raise NotJson(f"the body cannot be read as JSON: {error}") from None

    @property
    def form(self) -> Arguments:
        return self._fields[0]

    @property
    def files(self) -> Arguments:
        """Uploaded files by field name, each a File."""
        return self._fields[1]

    @property
    def values(self) -> Arguments:
        """The query's arguments and then the form's."""
        return Arguments([*self.args.items(multi=True), *self.form.items(multi=True)])

    @cached_property
    def _fields(self) -> Tuple[Arguments, Arguments]:
        is_form, is_multipart = self.mimetype == FORM, self.mimetype == "multipart/form-data"
        if not (is_form or is_multipart):
            return Arguments(), Arguments()
        body = self.stream.read() if self._read is None else self._read
        if is_form:
            text = body.decode("utf-8", "replace")
            return Arguments(parse_qsl(text, keep_blank_values=True, max_num_fields=1000)), Arguments()
        fields, files = parse_multipart(self.content_type or "", body)
        return Arguments(fields), Arguments(files)

    def _header(self, name: str) -> Optional[str]:
        return self._request.headers.get(name)


def titled(request: Request) -> Dict[str, str]:
    """The headers as scripts see them: ``X-Request-Id``; without names that Azure's server does not pass on."""
    return {name.title(): value for name, value in request.headers.items() if "_" not in name}


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


__all__ = ["AMLRequest", "AMLResponse", "Arguments", "File", "Headers", "rawhttp"]
