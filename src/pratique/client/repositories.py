"""Git repositories of a project."""

from typing import Any

from pratique.client.connection import Connection, Document, path_of


class Repositories:
    """The repositories of one project."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._place = ("delivery", "projects", project, "repositories")

    def create(self, name: str, source: str = "", login: str = "") -> Document:
        """Make an empty repository, or one that follows `source`, with a USER:SECRET; raises `AlreadyExists`."""
        wished = {"source": source, "login": login}
        found: Document = self._connection.put(
            path_of(*self._place, name), {key: text for key, text in wished.items() if text}
        )
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(*self._place, name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._place))
        return found

    def update(self, name: str, changes: dict[str, Any]) -> Document:
        """Change default_branch, denies_force, denies_deletes or login."""
        found: Document = self._connection.patch(path_of(*self._place, name), changes)
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(*self._place, name))

    def refs(self, name: str) -> list[Document]:
        """Branches, tags and the like."""
        found: list[Document] = self._connection.get(path_of(*self._place, name, "refs"))
        return found

    def pushes(self, name: str, *, most: int) -> list[Document]:
        """The newest pushes, newest first, with what each pipeline made of them."""
        found: list[Document] = self._connection.get(path_of(*self._place, name, "pushes"), {"top": str(most)})
        return found
