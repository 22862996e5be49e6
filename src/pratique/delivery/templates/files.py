"""Finding and reading template files: paths, repositories, cycles and limits.

    x.yml          beside the file that includes it, in that file's repository
    /x.yml         from the root of that repository
    x.yml@alias    from the root of the repository that the run's own file names `alias`
    x.yml@self     from the root of the repository of the run's own file

Aliases are those of the run's own file: a template in another repository
cannot bring repositories of its own. Source: Azure Pipelines, Templates.
"""

from collections.abc import Callable, Iterable
from typing import Final

from pratique.base.errors import PratiqueError
from pratique.delivery.nodes import SELF, Node, Place, Scalar, Source
from pratique.delivery.reader import parse_pipeline
from pratique.delivery.trouble import Refused, Trouble, Troubles
from pratique.specs.reader import MAX_BYTES
from pratique.specs.words import did_you_mean

ReadFile = Callable[[str, str], str]
"""(alias of a repository, path from its root) → text; raises a `PratiqueError` that says why there is none."""

MAX_FILES: Final = 100
MAX_LEVELS: Final = 100
MAX_INCLUDES: Final = 5_000
"""Includes in all; one file may be included many times."""


class Files:
    """The files that one expansion reads."""

    def __init__(self, read: ReadFile, troubles: Troubles) -> None:
        self._read = read
        self._troubles = troubles
        self._texts: dict[Source, str] = {}
        self._aliases = {SELF.lower(): SELF}
        self._includes = 0

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every file that was read, in order."""
        return tuple(self._texts)

    def know(self, aliases: Iterable[str]) -> None:
        """Take the names of `resources.repositories`."""
        self._aliases |= {alias.lower(): alias for alias in aliases}

    def root(self, source: Source) -> Node:
        """The run's own file; raises `Refused`."""
        return self._parsed(source, Place(source, 1, 0), None)

    def include(self, reference: Scalar) -> Node:
        """The file that `reference`, the value of a `template:`, names; raises `Refused`."""
        source = self._resolved(reference)
        place = reference.place
        around = [place.source, *(step.source for step in place.chain)]
        if source in around:
            raise Refused(Trouble(f"{source} includes itself", place))
        if len(around) > MAX_LEVELS:
            raise Refused(Trouble(f"templates are included more than {MAX_LEVELS} levels deep", place))
        self._includes += 1
        if self._includes > MAX_INCLUDES:
            raise Refused(Trouble(f"templates are included more than {MAX_INCLUDES:,} times", place))
        return self._parsed(source, place, place)

    def _resolved(self, reference: Scalar) -> Source:
        text = reference.text.strip().replace("\\", "/")
        path, at, alias = text.rpartition("@") if "@" in text else (text, "", "")
        here = reference.place.source
        if not path:
            raise Refused(Trouble("a template needs the path of a file", reference.place))
        if not at:
            folder = [] if path.startswith("/") else here.path.split("/")[:-1]
            return Source(here.repository, _joined(folder, path, reference.place))
        if alias.lower() not in self._aliases:
            hint = did_you_mean(alias, self._aliases) or f"known: {', '.join(sorted(self._aliases.values()))}"
            said = f"there is no repository {alias} under resources.repositories of the pipeline's own file"
            raise Refused(Trouble(said, reference.place, hint))
        return Source(self._aliases[alias.lower()], _joined([], path, reference.place))

    def _parsed(self, source: Source, asked_at: Place, via: Place | None) -> Node:
        if source not in self._texts:
            if len(self._texts) >= MAX_FILES:
                raise Refused(Trouble(f"a pipeline is made of at most {MAX_FILES} files", asked_at))
            self._texts[source] = self._text(source, asked_at)
        return parse_pipeline(self._texts[source], source=source, troubles=self._troubles, via=via)

    def _text(self, source: Source, asked_at: Place) -> str:
        try:
            text = self._read(source.repository, source.path)
        except PratiqueError as error:
            raise Refused(Trouble(f"{source}: {error.message}", asked_at, error.hint)) from error
        if len(text) > MAX_BYTES:
            raise Refused(Trouble(f"{source} is larger than {MAX_BYTES:,} bytes", asked_at))
        return text


def _joined(folder: list[str], path: str, place: Place) -> str:
    """`path` seen from `folder`, without . and ..; raises `Refused` when it leaves the repository."""
    parts = list(folder)
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise Refused(Trouble(f"{path} leads out of the repository", place))
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if not parts:
        raise Refused(Trouble(f"{path} names no file", place))
    return "/".join(parts)
