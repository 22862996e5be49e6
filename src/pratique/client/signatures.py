"""Signatures of models: made here, where the key is, and kept by the platform."""

from pratique.client.connection import Connection, Document, path_of


class Signatures:
    """The signatures of the models of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, "models")
        self._workspace = workspace

    def keep(self, name: str, version: str, document: str, public_key: str) -> Document:
        """Let the platform keep a signature; it proves it first."""
        body = {"signature": document, "public_key": public_key}
        found: Document = self._connection.post(self._of(name, version), body)
        return found

    def every(self, name: str, version: str) -> list[Document]:
        """The signatures of a version, the oldest first."""
        found: list[Document] = self._connection.get(self._of(name, version))
        return found

    def text(self, signature: Document) -> str:
        """The document of a signature."""
        return self._connection.text(path_of("workspaces", self._workspace, "blobs", str(signature["digest"])))

    def _of(self, name: str, version: str) -> str:
        return path_of(*self._root, name, "versions", version, "signatures")


class TrustedKeys:
    """The keys that one workspace trusts."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, "trusted-keys")

    def every(self) -> list[Document]:
        """All of them, by name."""
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def add(self, name: str, public_key: str) -> Document:
        """Trust a key."""
        found: Document = self._connection.put(path_of(*self._root, name), {"public_key": public_key})
        return found

    def remove(self, name: str) -> None:
        """Trust it no more."""
        self._connection.delete(path_of(*self._root, name))
