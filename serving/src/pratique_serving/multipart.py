"""Fields and files of a `multipart/form-data` body.

Split at the boundary in one pass: the time is linear in the size of the body,
whatever the boundary is.
"""

import io
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from pratique_serving.errors import Refused
from pratique_serving.multidict import Headers

MAX_PARTS = 1000

# RFC 2046: at most 70 characters of this set, so no boundary can be made to match slowly.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&+\-.^_`|~*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]*)')


class File(io.BytesIO):
    """An uploaded file: read it like an open one."""

    def __init__(self, content: bytes, filename: str, name: str, headers: Headers) -> None:
        super().__init__(content)
        self.filename = filename
        self.name = name
        self.headers = headers
        self.content_type = str(headers.get("content-type", "application/octet-stream"))
        self.mimetype = self.content_type.partition(";")[0].strip().lower()
        self.mimetype_params = parameters_of(self.content_type)

    def __bool__(self) -> bool:
        """Whether a file was chosen: browsers send an empty name where none was."""
        return bool(self.filename)

    @property
    def content_length(self) -> int:
        """As the part's own header has it, which hardly any has."""
        stated = str(self.headers.get("content-length", "0"))
        return int(stated) if stated.isdecimal() else 0

    def save(self, dst: Any, buffer_size: int = 0) -> None:  # noqa: ARG002 - Flask's names; there is one piece.
        """Write what was not read yet to a path, or to what is open for it."""
        if hasattr(dst, "write"):
            dst.write(self.read())
            return
        with open(dst, "wb") as file:
            file.write(self.read())

    @property
    def stream(self) -> "File":
        return self


class _Part(NamedTuple):
    headers: Headers
    content: bytes


def parse_multipart(content_type: str, body: bytes) -> Tuple[List[Tuple[str, str]], List[Tuple[str, File]]]:
    """Text fields and files, in order. Raises Refused (400) for a body that does not follow its boundary."""
    fields: List[Tuple[str, str]] = []
    files: List[Tuple[str, File]] = []
    for part in _parts(content_type, body):
        disposition = parameters_of(part.headers.get("content-disposition", ""))
        name = disposition.get("name", "")
        filename: Optional[str] = disposition.get("filename")
        if filename is None:
            fields.append((name, part.content.decode("utf-8", "replace")))
        else:
            files.append((name, File(part.content, filename, name, part.headers)))
    return fields, files


def parameters_of(value: str) -> Dict[str, str]:
    """``form-data; name="a"; filename=b`` is ``{"name": "a", "filename": "b"}``."""
    found = _PARAMETER.findall(value)
    return {name.lower(): _unquoted(text) for name, text in found}


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text


def _parts(content_type: str, body: bytes) -> List[_Part]:
    boundary = parameters_of(content_type).get("boundary", "")
    if not _BOUNDARY.fullmatch(boundary):
        raise Refused(400, "The multipart body has no usable boundary.")
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary.encode("ascii"), MAX_PARTS + 2)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise Refused(400, f"The multipart body does not end with its boundary, or has over {MAX_PARTS} parts.")
    return [_parse_part(piece) for piece in pieces[1:-1]]


def _parse_part(piece: bytes) -> _Part:
    head, separator, content = piece.lstrip(b" \t").partition(b"\r\n\r\n")
    if not separator:
        raise Refused(400, "A part of the multipart body has no headers.")
    headers = Headers()
    for line in head.decode("utf-8", "replace").strip("\r\n").split("\r\n"):
        name, _, value = line.partition(":")
        headers.add(name.strip().title(), value.strip())
    return _Part(headers, content)
