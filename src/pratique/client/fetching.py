"""Files on the web that a spec names: fetched by whoever asks, on their own machine, and uploaded from there.

The platform itself follows no URL: it could reach what the one who wrote it cannot.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import Request, urlopen

import pratique
from pratique.base.errors import InvalidInput, Problem, Unavailable
from pratique.client.sending import Progress
from pratique.content.paths import check_relative
from pratique.specs.grammar import Spec
from pratique.specs.keys import Key, dotted
from pratique.specs.references import FETCHED_FROM, replaced, web_files

_PATIENCE: Final = 60.0
"""Seconds without a byte after which a server has gone."""
_PIECE: Final = 1 << 20
_UNNAMED: Final = "data"
_OWN_FILE: Final = ("path",)
"""Where data and models name their file."""
_HINT: Final = "download it, and give its local path"


@contextmanager
def fetched(spec: Spec, progress: Progress) -> Iterator[Spec]:
    """`spec` with the files on the web that it names fetched, for as long as the block lasts, and their paths instead.

    A version whose own file is fetched keeps the URL among its properties, without what may be a secret in it. Each
    URL is fetched once. Raises `InvalidInput` for one that does not lead to a file, and `Unavailable` when nobody
    answers there.
    """
    uses = web_files(spec)
    if not uses:
        yield spec
        return
    with tempfile.TemporaryDirectory(prefix="pratique-fetched-") as folder:
        paths: dict[str, Path] = {}
        for key, url in uses:
            if url not in paths:
                paths[url] = _fetch(url, Path(folder) / str(len(paths)), key, progress)
        yield replaced(spec, {key: str(paths[url]) for key, url in uses} | _provenance(spec, dict(uses)))


def _provenance(spec: Spec, urls: Mapping[Key, str]) -> dict[Key, Any]:
    """The properties of a version that is fetched, with where it came from; nothing for what is no version."""
    if (url := urls.get(_OWN_FILE)) is None:
        return {}
    return {("properties",): {**(spec.to_document().get("properties") or {}), FETCHED_FROM: without_query(url)}}


def _fetch(url: str, folder: Path, key: Key, progress: Progress) -> Path:
    """The file at `url`, in `folder`, under the last name of its path."""
    folder.mkdir()
    shown = without_query(url)
    request = Request(url, headers={"User-Agent": f"pratique/{pratique.__version__}"})  # noqa: S310 - only HTTP comes here.
    try:
        with urlopen(request, timeout=_PATIENCE) as answer:  # noqa: S310
            path = folder / _name_of(url)
            _write(answer, path, progress)
    except HTTPError as error:
        with error:
            said = f"{shown} cannot be fetched: the server answered {error.code}"
        raise InvalidInput(said, hint=_HINT, problems=[Problem(said, key=dotted(key), hint=_HINT)]) from error
    except URLError as error:
        raise Unavailable(f"{shown} cannot be fetched: {error.reason}", hint=_HINT) from error
    except (OSError, HTTPException) as error:
        raise Unavailable(f"{shown} was not fetched to its end: {error}", hint=_HINT) from error
    return path


def _write(answer: Any, path: Path, progress: Progress) -> None:
    total = int(answer.headers.get("Content-Length") or 0)
    with path.open("wb") as file:
        while piece := answer.read(_PIECE):
            file.write(piece)
            if total:
                progress(file.tell(), total)
        if file.tell() < total:
            raise OSError(f"{file.tell()} of {total} bytes came")


def _name_of(url: str) -> str:
    """The last name in the path of `url`, if a file may be called so."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    try:
        return check_relative(name) if name else _UNNAMED
    except InvalidInput:
        return _UNNAMED


def without_query(url: str) -> str:
    """`url` as it may be shown: a query often is a signature that lets whoever has it in, and so is a user."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
