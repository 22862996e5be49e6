"""Things of the API that lie below one path, each by its name or its id."""

from pratique.client.connection import Connection, Document, path_of


class Collection:
    """What can be done with any of them; each noun adds what only it can do."""

    def __init__(self, connection: Connection, *root: str) -> None:
        self._connection = connection
        self._root = root

    def all(self) -> list[Document]:
        """All that the caller may see."""
        found: list[Document] = self._connection.get(self._at())
        return found

    def show(self, name: str) -> Document:
        """One of them."""
        found: Document = self._connection.get(self._at(name))
        return found

    def delete(self, name: str) -> None:
        """Remove one, or wish it gone where that takes a while."""
        self._connection.delete(self._at(name))

    def _at(self, *below: str) -> str:
        """The path of the collection, or of what is `below` it."""
        return path_of(*self._root, *below)


class Settling(Collection):
    """Those that become what is wished after the answer."""

    def show(self, name: str, *, wait: int = 0) -> Document:
        """One of them; with `wait`, answers when it is settled or that many seconds have passed."""
        query = {"wait": str(wait)} if wait else {}
        found: Document = self._connection.get(self._at(name), query)
        return found
