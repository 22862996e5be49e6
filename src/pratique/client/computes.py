"""Computes."""

from typing import Literal

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document


class Computes(Collection):
    """The computes of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        super().__init__(connection, "workspaces", workspace, "computes")

    def put(self, spec: Document) -> Document:
        """Describe a compute, or change the one of its name."""
        found: Document = self._connection.put(self._at(), {"spec": spec})
        return found

    def act(self, name: str, action: Literal["start", "stop"]) -> Document:
        """Start or stop a workstation."""
        found: Document = self._connection.post(self._at(name, action))
        return found
