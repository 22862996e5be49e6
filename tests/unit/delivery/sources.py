"""Repositories that are dictionaries."""

from collections.abc import Callable, Mapping

from pratique.base.errors import NotFound
from pratique.delivery.nodes import SELF


def reader(main: str, text: str, files: Mapping[str, str] | None = None) -> Callable[[str, str], str]:
    """Reads `text` at the path `main`, and each of `files`, whose names are PATH or PATH@REPOSITORY."""
    known = {(SELF, main): text}
    for name, other in (files or {}).items():
        path, _, alias = name.partition("@")
        known[(alias or SELF, path)] = other

    def read(repository: str, path: str) -> str:
        if (repository, path) not in known:
            raise NotFound(f"there is no file {path}")
        return known[(repository, path)]

    return read
