"""API management: services, and what is in one."""

from typing import Final

from pratique.client.collection import Collection, Settling
from pratique.client.connection import Connection, Document, path_of

_ROOT: Final = "apim"
TERMINAL: Final = frozenset({"Succeeded", "Failed"})


def is_settled(document: Document) -> bool:
    """Whether the gateway serves an API as it is wished, or refuses to."""
    return document.get("provisioningState") in TERMINAL


class ApiServices(Collection):
    """Every service that the caller may see."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _ROOT)

    def put(self, name: str, body: Document) -> Document:
        """Make the service or change it."""
        found: Document = self._connection.put(self._at(name), body)
        return found


class Apis(Settling):
    """The APIs of one service."""

    def __init__(self, connection: Connection, service: str) -> None:
        super().__init__(connection, _ROOT, service, "apis")

    def put(self, name: str, changes: Document) -> Document:
        """Make the API or change it; answers before it is so."""
        found: Document = self._connection.put(self._at(name), changes)
        return found

    def bring(self, name: str, body: Document) -> Document:
        """Make or change the API with all its operations; answers before it is so."""
        found: Document = self._connection.post(self._at(name, "import"), body)
        return found

    def operations(self, name: str) -> list[Document]:
        found: list[Document] = self._connection.get(self._at(name, "operations"))
        return found

    def put_operation(self, name: str, operation: str, body: Document) -> Document:
        found: Document = self._connection.put(self._at(name, "operations", operation), body)
        return found

    def delete_operation(self, name: str, operation: str) -> None:
        self._connection.delete(self._at(name, "operations", operation))

    def operation(self, name: str, operation: str) -> Document:
        found: Document = self._connection.get(self._at(name, "operations", operation))
        return found


class Policy:
    """The policy of all APIs of a service, of one API, or of one of its operations."""

    def __init__(self, connection: Connection, service: str, api: str = "", operation: str = "") -> None:
        self._connection = connection
        nouns = {"apis": api, "operations": operation}
        words = [word for noun, name in nouns.items() if name for word in (noun, name)]
        self._path = path_of(_ROOT, service, *words, "policy")

    def put(self, xml: str, *, file: str, allow_any_audience: bool) -> Document:
        """Set it; answers before it is in force."""
        body = {"xml": xml, "file": file, "allow_any_audience": allow_any_audience}
        found: Document = self._connection.put(self._path, body)
        return found

    def show(self, *, wait: int = 0) -> Document:
        """The policy; with `wait`, answers when it is settled or that many seconds have passed."""
        found: Document = self._connection.get(self._path, {"wait": str(wait)} if wait else {})
        return found

    def delete(self) -> None:
        """Take it away; answers before that is in force."""
        self._connection.delete(self._path)


class NamedValues(Collection):
    """The named values of one service; what a secret one says is in the answer of `secret` only."""

    def __init__(self, connection: Connection, service: str) -> None:
        super().__init__(connection, _ROOT, service, "named-values")

    def put(self, name: str, changes: Document) -> Document:
        found: Document = self._connection.put(self._at(name), changes)
        return found

    def secret(self, name: str) -> Document:
        """With its `value`."""
        found: Document = self._connection.get(self._at(name, "secret"))
        return found


class Subscriptions(Collection):
    """The subscriptions of one service."""

    def __init__(self, connection: Connection, service: str) -> None:
        super().__init__(connection, _ROOT, service, "subscriptions")

    def put(self, name: str, changes: Document) -> Document:
        found: Document = self._connection.put(self._at(name), changes)
        return found

    def keys(self, name: str) -> Document:
        """`primaryKey` and `secondaryKey`."""
        found: Document = self._connection.get(self._at(name, "keys"))
        return found

    def regenerate_key(self, name: str, key_type: str) -> None:
        """Make a new ``primary`` or ``secondary`` key; the old one stops working."""
        self._connection.post(self._at(name, "regenerate-key"), {"key_type": key_type})
