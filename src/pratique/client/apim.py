"""API management: services, and what is in one."""

from typing import Final

from pratique.client.connection import Connection, Document, path_of

_ROOT: Final = "apim"
TERMINAL: Final = frozenset({"Succeeded", "Failed"})


def is_settled(document: Document) -> bool:
    """Whether the gateway serves an API as it is wished, or refuses to."""
    return document.get("provisioningState") in TERMINAL


class ApiServices:
    """Every service that the caller may see."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, name: str, body: Document) -> Document:
        """Make the service or change it."""
        found: Document = self._connection.put(path_of(_ROOT, name), body)
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(_ROOT, name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(_ROOT))
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(_ROOT, name))


class Apis:
    """The APIs of one service."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._root = (_ROOT, service, "apis")

    def put(self, name: str, changes: Document) -> Document:
        """Make the API or change it; answers before it is so."""
        found: Document = self._connection.put(path_of(*self._root, name), changes)
        return found

    def bring(self, name: str, body: Document) -> Document:
        """Make or change the API with all its operations; answers before it is so."""
        found: Document = self._connection.post(path_of(*self._root, name, "import"), body)
        return found

    def show(self, name: str, *, wait: int = 0) -> Document:
        """The API; with `wait`, answers when it is settled or that many seconds have passed."""
        query = {"wait": str(wait)} if wait else {}
        found: Document = self._connection.get(path_of(*self._root, name), query)
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(*self._root, name))

    def operations(self, name: str) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._root, name, "operations"))
        return found

    def put_operation(self, name: str, operation: str, body: Document) -> Document:
        found: Document = self._connection.put(path_of(*self._root, name, "operations", operation), body)
        return found

    def delete_operation(self, name: str, operation: str) -> None:
        self._connection.delete(path_of(*self._root, name, "operations", operation))

    def set_policy(self, name: str, xml: str, *, file: str, allow_any_audience: bool) -> Document:
        """Set the policy; answers before it is in force."""
        body = {"xml": xml, "file": file, "allow_any_audience": allow_any_audience}
        found: Document = self._connection.put(path_of(*self._root, name, "policy"), body)
        return found

    def policy(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, name, "policy"))
        return found


class NamedValues:
    """The named values of one service; what a secret one says is in the answer of `secret` only."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._root = (_ROOT, service, "named-values")

    def put(self, name: str, changes: Document) -> Document:
        found: Document = self._connection.put(path_of(*self._root, name), changes)
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, name))
        return found

    def secret(self, name: str) -> Document:
        """With its `value`."""
        found: Document = self._connection.get(path_of(*self._root, name, "secret"))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(*self._root, name))


class Subscriptions:
    """The subscriptions of one service."""

    def __init__(self, connection: Connection, service: str) -> None:
        self._connection = connection
        self._root = (_ROOT, service, "subscriptions")

    def put(self, name: str, changes: Document) -> Document:
        found: Document = self._connection.put(path_of(*self._root, name), changes)
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def keys(self, name: str) -> Document:
        """`primaryKey` and `secondaryKey`."""
        found: Document = self._connection.get(path_of(*self._root, name, "keys"))
        return found

    def regenerate_key(self, name: str, key_type: str) -> None:
        """Make a new ``primary`` or ``secondary`` key; the old one stops working."""
        self._connection.post(path_of(*self._root, name, "regenerate-key"), {"key_type": key_type})

    def delete(self, name: str) -> None:
        self._connection.delete(path_of(*self._root, name))
