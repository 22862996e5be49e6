"""Data, environments, models and components: four nouns, one life.

A version never changes its content; what can change is what is said about it
(tags, description, properties) and whether lists show it (archived).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from pratique.client.connection import Connection, Document, path_of

Kind: TypeAlias = Literal["data", "environments", "models", "components"]
Archived: TypeAlias = Literal["no", "include", "only"]


@dataclass(frozen=True)
class Wanted:
    """What a list shows: the newest version of each name, or the versions of one name, newest first."""

    name: str | None = None
    tags: Sequence[str] = ()
    """``name`` or ``name=value``, all of which must match."""
    archived: Archived = "no"
    """Of names: one is archived when all of its versions are."""
    max_results: int | None = None

    @property
    def query(self) -> dict[str, str | Sequence[str]]:
        """How the API is asked."""
        limit = {} if self.max_results is None else {"max_results": str(self.max_results)}
        return {"tag": self.tags, "archived": self.archived, **limit}


class Assets:
    """The assets of one kind in one workspace."""

    def __init__(self, connection: Connection, workspace: str, kind: Kind) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, kind)

    def create(self, spec: Document) -> Document:
        """Register a version; the next one when `spec` names none."""
        found: Document = self._connection.post(path_of(*self._root), {"spec": spec})
        return found

    def list(self, wanted: Wanted) -> list[Document]:
        """What `wanted` chooses."""
        found: list[Document] = self._connection.get(self._place(wanted), wanted.query)
        return found

    def list_text(self, wanted: Wanted) -> str:
        """The same as the platform writes it: indented JSON with the keys in order."""
        return self._connection.text(self._place(wanted), wanted.query)

    def versions(self, name: str) -> Sequence[Document]:
        """The versions of `name`, newest first, archived ones (`is_archived`) among them."""
        return self.list(Wanted(name, archived="include"))

    def _place(self, wanted: Wanted) -> str:
        return path_of(*self._root, wanted.name, "versions") if wanted.name else path_of(*self._root)

    def show(self, name: str, version: str) -> Document:
        """One version; `version` may be ``@label``."""
        found: Document = self._connection.get(self._one(name, version))
        return found

    def update(self, name: str, version: str, changes: Document) -> Document:
        """Change what is said about a version."""
        found: Document = self._connection.patch(self._one(name, version), changes)
        return found

    def profile(self, name: str, version: str) -> Document:
        """What was measured of a version of data; raises `NotFound` when nobody has."""
        found: Document = self._connection.get(path_of(*self._root, name, "versions", version, "profile"))
        return found

    def keep_profile(self, name: str, version: str, profile: Document) -> Document:
        """Keep what was measured of a version of data."""
        found: Document = self._connection.put(path_of(*self._root, name, "versions", version, "profile"), profile)
        return found

    def delete(self, name: str, version: str) -> None:
        self._connection.delete(self._one(name, version))

    def _one(self, name: str, version: str) -> str:
        return path_of(*self._root, name, "versions", version)
