"""Data, environments, models and components: four nouns, one life.

A version never changes its content; what can change is what is said about it
(tags, description, properties) and whether lists show it (archived).
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from pratique.client.connection import Connection, Document, path_of

Kind: TypeAlias = Literal["data", "environments", "models", "components"]
Archived: TypeAlias = Literal["no", "include", "only"]


class Assets:
    """The assets of one kind in one workspace."""

    def __init__(self, connection: Connection, workspace: str, kind: Kind) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, kind)

    def create(self, spec: Document) -> Document:
        """Register a version; the next one when `spec` names none."""
        found: Document = self._connection.post(path_of(*self._root), {"spec": spec})
        return found

    def all(
        self, *, tags: Sequence[str] = (), archived: Archived = "no", max_results: int | None = None
    ) -> list[Document]:
        """The newest version of each name; `tags` are ``name`` or ``name=value``, all of which must match.

        A name is an archived one when all of its versions are. At most `max_results` come.
        """
        query: dict[str, str | Sequence[str]] = {"tag": tags}
        query |= {} if archived == "no" else {"archived": archived}
        query |= {} if max_results is None else {"max_results": str(max_results)}
        found: list[Document] = self._connection.get(path_of(*self._root), query)
        return found

    def versions(self, name: str, *, tags: Sequence[str] = ()) -> list[Document]:
        """The versions of `name`, newest first, archived ones (`is_archived`) among them."""
        found: list[Document] = self._connection.get(path_of(*self._root, name, "versions"), {"tag": tags})
        return found

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
