"""Datastores."""

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document


class Datastores(Collection):
    """The datastores of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        super().__init__(connection, "workspaces", workspace, "datastores")

    def put(self, spec: Document) -> Document:
        """Describe a datastore, or change the one of its name."""
        found: Document = self._connection.put(self._at(), {"spec": spec})
        return found

    def update(self, name: str, changes: Document) -> Document:
        """Change description, tags or credentials."""
        found: Document = self._connection.patch(self._at(name), changes)
        return found
