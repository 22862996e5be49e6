"""Computes."""

from typing import Literal

from pratique.client.connection import Connection, Document, path_of


class Computes:
    """The computes of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, "computes")

    def put(self, spec: Document) -> Document:
        """Describe a compute, or change the one of its name."""
        found: Document = self._connection.put(path_of(*self._root), {"spec": spec})
        return found

    def all(self) -> list[Document]:
        """All of them, by name."""
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, name))
        return found

    def act(self, name: str, action: Literal["start", "stop"]) -> Document:
        """Start or stop a workstation."""
        found: Document = self._connection.post(path_of(*self._root, name, action))
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(*self._root, name))
