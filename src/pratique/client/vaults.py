"""Vaults and their secrets."""

from typing import Final
from urllib.parse import urlencode

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document, path_of

_ROOT: Final = "vaults"
_DELETED: Final = "deleted-vaults"


class Vaults(Collection):
    """Every vault that the caller may see."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, _ROOT)

    def create(self, name: str, body: Document) -> Document:
        found: Document = self._connection.post(self._at(name), body)
        return found

    def delete(self, name: str) -> None:
        """Until it is recovered or purged."""
        self._connection.delete(self._at(name))

    def deleted(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(_DELETED))
        return found

    def recover(self, name: str) -> Document:
        found: Document = self._connection.post(path_of(_DELETED, name, "recover"))
        return found

    def purge(self, name: str) -> None:
        self._connection.delete(path_of(_DELETED, name))

    def set_policy(self, name: str, who: str, permissions: list[str]) -> Document:
        """The vault with its policies; `permissions` are all that `who` has then."""
        found: Document = self._connection.put(self._at(name, "policies", who), {"permissions": permissions})
        return found

    def delete_policy(self, name: str, who: str) -> Document:
        found: Document = self._connection.delete(self._at(name, "policies", who))
        return found

    def rotate_master_key(self) -> Document:
        """How many secrets were sealed again, and the name of the new key."""
        found: Document = self._connection.post(path_of("master-key"))
        return found


class Secrets:
    """The secrets of one vault; a value is in the answer of `show` only."""

    def __init__(self, connection: Connection, vault: str) -> None:
        self._connection = connection
        self._vault = (_ROOT, vault)

    def set(self, name: str, body: Document) -> Document:
        found: Document = self._connection.put(path_of(*self._vault, "secrets", name), body)
        return found

    def show(self, name: str, version: str = "") -> Document:
        """With its `value`."""
        query = {"version": version} if version else None
        found: Document = self._connection.get(path_of(*self._vault, "secrets", name), query)
        return found

    def change(self, name: str, changes: Document, version: str = "") -> Document:
        path = path_of(*self._vault, "secrets", name)
        chosen = f"?{urlencode({'version': version})}" if version else ""
        found: Document = self._connection.patch(f"{path}{chosen}", changes)
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._vault, "secrets"))
        return found

    def versions(self, name: str) -> list[Document]:
        """The newest first."""
        found: list[Document] = self._connection.get(path_of(*self._vault, "secrets", name, "versions"))
        return found

    def delete(self, name: str) -> Document:
        found: Document = self._connection.delete(path_of(*self._vault, "secrets", name))
        return found

    def deleted(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._vault, "deleted-secrets"))
        return found

    def recover(self, name: str) -> Document:
        found: Document = self._connection.post(path_of(*self._vault, "deleted-secrets", name, "recover"))
        return found

    def purge(self, name: str) -> None:
        self._connection.delete(path_of(*self._vault, "deleted-secrets", name))
