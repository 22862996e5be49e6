"""Git repositories of a project."""

from typing import Any

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document


class Repositories(Collection):
    """The repositories of one project."""

    def __init__(self, connection: Connection, project: str) -> None:
        super().__init__(connection, "delivery", "projects", project, "repositories")

    def create(self, name: str, source: str = "", login: str = "") -> Document:
        """Make an empty repository, or one that follows `source`, with a USER:SECRET; raises `AlreadyExists`."""
        wished = {"source": source, "login": login}
        found: Document = self._connection.put(self._at(name), {key: text for key, text in wished.items() if text})
        return found

    def update(self, name: str, changes: dict[str, Any]) -> Document:
        """Change default_branch, denies_force, denies_deletes or login."""
        found: Document = self._connection.patch(self._at(name), changes)
        return found

    def refs(self, name: str) -> list[Document]:
        """Branches, tags and the like."""
        found: list[Document] = self._connection.get(self._at(name, "refs"))
        return found

    def pushes(self, name: str, *, most: int) -> list[Document]:
        """The newest pushes, newest first, with what each pipeline made of them."""
        found: list[Document] = self._connection.get(self._at(name, "pushes"), {"top": str(most)})
        return found
