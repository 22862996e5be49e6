"""Fields and files of a `multipart/form-data` body.

Split at the boundary in one pass: the time is linear in the size of the body,
whatever the boundary is.
"""

import io
import re
from typing import Dict, List, NamedTuple, Optional, Tuple

from pratique_serving.errors import Refused

MAX_PARTS = 1000

# RFC 2046: at most 70 characters of this set, so no boundary can be made to match slowly.
_BOUNDARY = re.compile(r"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]")
_PARAMETER = re.compile(r';\s*([A-Za-z0-9!#$&+\-.^_`|~*]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;"\s]*)')


class File(io.BytesIO):
    """An uploaded file: read it like an open one."""

    def __init__(self, content: bytes, filename: str, name: str, content_type: str) -> None:
        super().__init__(content)
        self.filename = filename
        self.name = name
        self.content_type = content_type
        self.mimetype = content_type.partition(";")[0].strip().lower()

    @property
    def stream(self) -> "File":
        return self


class _Part(NamedTuple):
    headers: Dict[str, str]
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
            kind = part.headers.get("content-type", "application/octet-stream")
            files.append((name, File(part.content, filename, name, kind)))
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
    headers = {}
    for line in head.decode("utf-8", "replace").strip("\r\n").split("\r\n"):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return _Part(headers, content)
