"""Managed identities that somebody makes."""

from typing import Final

from pratique.client.connection import Connection, Document, path_of

_ROOT: Final = "identities"


class Identities:
    """Every identity that the caller may see."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, group: str, name: str, *, location: str = "", tags: Document | None = None) -> Document:
        """Make it, or change the tags of the one that is there."""
        body = {"location": location} | ({} if tags is None else {"tags": tags})
        found: Document = self._connection.put(path_of("groups", group, _ROOT, name), body)
        return found

    def show(self, group: str, name: str) -> Document:
        found: Document = self._connection.get(path_of("groups", group, _ROOT, name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(_ROOT))
        return found

    def delete(self, group: str, name: str) -> None:
        self._connection.delete(path_of("groups", group, _ROOT, name))
