"""Datastores."""

from pratique.client.connection import Connection, Document, path_of


class Datastores:
    """The datastores of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, "datastores")

    def put(self, spec: Document) -> Document:
        """Describe a datastore, or change the one of its name."""
        found: Document = self._connection.put(path_of(*self._root), {"spec": spec})
        return found

    def all(self) -> list[Document]:
        """All of them, those of every workspace first."""
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, name))
        return found

    def update(self, name: str, changes: Document) -> Document:
        """Change description, tags or credentials."""
        found: Document = self._connection.patch(path_of(*self._root, name), changes)
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(*self._root, name))
