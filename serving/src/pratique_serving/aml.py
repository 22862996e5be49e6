"""What a `@rawhttp` script sees: AMLRequest, AMLResponse, and the decorator.

The parts of Flask's request and response that scoring scripts use, without
Flask. Served under Azure's module names by `contrib`, unless the environment has
the real ones.
"""

import json
from typing import (
    Any,
    Callable,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    MutableMapping,
    Optional,
    Tuple,
    TypeVar,
    Union,
)
from urllib.parse import parse_qsl

from pratique_serving.multipart import File, parse_multipart
from pratique_serving.wire import Request

Run = TypeVar("Run", bound=Callable[..., Any])

# Read by `contrib`; Azure's module has a flag of the same name, which is how a script's choice is known.
_rawHttpRequested = False  # noqa: N816


def rawhttp(run: Run) -> Run:
    """Mark `run()`: it wants the request itself."""
    global _rawHttpRequested
    _rawHttpRequested = True
    return run


class Headers(MutableMapping[str, str]):
    """Headers in order; names are compared without case; a name may come several times (`getlist`, `add`)."""

    def __init__(self, pairs: Iterable[Tuple[str, str]] = ()) -> None:
        self._pairs: List[Tuple[str, str]] = list(pairs)

    def __getitem__(self, name: str) -> str:
        values = self.getlist(name)
        if not values:
            raise KeyError(name)
        return values[0]

    def __setitem__(self, name: str, value: object) -> None:
        self._remove(name)
        self._pairs.append((name, str(value)))

    def __delitem__(self, name: str) -> None:
        if not self.getlist(name):
            raise KeyError(name)
        self._remove(name)

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._pairs])

    def __len__(self) -> int:
        return len(self._pairs)

    def items(self) -> List[Tuple[str, str]]:  # type: ignore[override]
        """Every pair, repeated names included."""
        return list(self._pairs)

    def getlist(self, name: str) -> List[str]:
        """Every value of that name, in order."""
        wanted = name.lower()
        return [value for found, value in self._pairs if found.lower() == wanted]

    def add(self, name: str, value: object) -> None:
        """One more value, beside those already there."""
        self._pairs.append((name, str(value)))

    def _remove(self, name: str) -> None:
        wanted = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0].lower() != wanted]


class Arguments(Dict[str, Any]):
    """Values by name, of which one name may have several (`getlist`); reading gives the first.

    A dict, as Flask's is: scripts send it on as JSON.
    """

    def __init__(self, pairs: Iterable[Tuple[str, Any]] = ()) -> None:
        super().__init__()
        self._values: Dict[str, List[Any]] = {}
        for name, value in pairs:
            self.setdefault(name, value)
            self._values.setdefault(name, []).append(value)

    def getlist(self, name: str) -> List[Any]:
        """Every value of that name, in order."""
        return list(self._values.get(name, ()))

    def to_dict(self, flat: bool = True) -> Dict[str, Any]:
        """First values, or with ``flat=False`` lists of all."""
        return {name: values[0] if flat else list(values) for name, values in self._values.items()}


class AMLRequest:
    """One request, read-only."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._form: Optional[Tuple[Arguments, Arguments]] = None
        self.method = request.method
        self.path = request.path
        self.query_string = request.query.encode("latin-1")
        self.headers = Headers((name.title(), value) for name, value in request.headers.items())
        self.args = Arguments(request.arguments())

    @property
    def content_type(self) -> Optional[str]:
        return self.headers.get("content-type")

    @property
    def mimetype(self) -> str:
        """The content type without its parameters, in lower case."""
        return (self.content_type or "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> int:
        return len(self._request.body)

    @property
    def full_path(self) -> str:
        return f"{self.path}?{self._request.query}"

    @property
    def url(self) -> str:
        """As the caller's Host header has it."""
        query = f"?{self._request.query}" if self._request.query else ""
        return f"http://{self.headers.get('host', 'localhost')}{self.path}{query}"

    @property
    def data(self) -> bytes:
        return self._request.body

    def get_data(
        self,
        cache: bool = True,  # noqa: ARG002 - callers pass it; there is nothing to choose.
        as_text: bool = False,
        parse_form_data: bool = False,  # noqa: ARG002
    ) -> Union[bytes, str]:
        """The body; as text it is decoded as UTF-8 with replacement."""
        return self.data.decode("utf-8", "replace") if as_text else self.data

    @property
    def is_json(self) -> bool:
        kind = self.mimetype
        return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))

    @property
    def json(self) -> Any:
        return self.get_json()

    def get_json(
        self,
        force: bool = False,
        silent: bool = False,
        cache: bool = True,  # noqa: ARG002
    ) -> Any:
        """The body parsed; None when it does not say that it is JSON. Raises ValueError when it is not."""
        if not (force or self.is_json):
            return None
        try:
            return json.loads(self.data)
        except ValueError:
            if silent:
                return None
            raise

    @property
    def form(self) -> Arguments:
        return self._fields()[0]

    @property
    def files(self) -> Arguments:
        """Uploaded files by field name, each a File."""
        return self._fields()[1]

    @property
    def values(self) -> Arguments:
        """The query's arguments and then the form's."""
        pairs = [(name, value) for part in (self.args, self.form) for name in part for value in part.getlist(name)]
        return Arguments(pairs)

    def _fields(self) -> Tuple[Arguments, Arguments]:
        if self._form is None:
            self._form = self._parse_form()
        return self._form

    def _parse_form(self) -> Tuple[Arguments, Arguments]:
        if self.mimetype == "application/x-www-form-urlencoded":
            text = self.data.decode("utf-8", "replace")
            return Arguments(parse_qsl(text, keep_blank_values=True, max_num_fields=1000)), Arguments()
        if self.mimetype != "multipart/form-data":
            return Arguments(), Arguments()
        fields, files = parse_multipart(self.content_type or "", self.data)
        return Arguments(fields), Arguments(files)


class AMLResponse:
    """What a script answers with, when it wants to choose the status, headers or bytes itself."""

    def __init__(
        self,
        message: Any,
        status_code: int,
        response_headers: Optional[Mapping[str, str]] = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        """`message` is sent as it is when it is text or bytes, as JSON with `json_str`; None is an empty object.

        A comma within a value of `response_headers` separates repeated headers.
        """
        self.status_code = status_code
        self.headers = Headers()
        self._body = b""
        self._fill(message, json_str)
        self.headers["x-ms-run-function-failed"] = run_function_failed
        for name, value in (response_headers or {}).items():
            if name.lower() == "content-type":
                self.headers[name] = value
                continue
            for one in str(value).split(","):
                self.headers.add(name, one.strip())

    def _fill(self, message: Any, json_str: bool) -> None:
        if message is None:
            self._body, kind = b"{}", "application/json"
        elif isinstance(message, (bytes, bytearray, memoryview)) and not json_str:
            self._body, kind = bytes(message), "text/html; charset=utf-8"
        elif isinstance(message, str) and not json_str:
            self._body, kind = message.encode("utf-8"), "text/html; charset=utf-8"
        else:
            self._body, kind = json.dumps(message).encode("utf-8"), "application/json"
        self.headers["Content-Type"] = kind

    @property
    def data(self) -> bytes:
        return self._body

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")

    def get_data(self, as_text: bool = False) -> Union[bytes, str]:
        """The body."""
        return self._body.decode("utf-8", "replace") if as_text else self._body

    def set_data(self, value: Union[bytes, str]) -> None:
        """Replace the body."""
        self._body = value.encode("utf-8") if isinstance(value, str) else bytes(value)


__all__ = ["AMLRequest", "AMLResponse", "Arguments", "File", "Headers", "rawhttp"]
