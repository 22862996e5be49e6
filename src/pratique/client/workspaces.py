"""Workspaces and the groups that hold them."""

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document


class Groups(Collection):
    """The resource groups of the platform."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, "groups")

    def put(self, name: str, *, location: str, tags: dict[str, str]) -> Document:
        """Make the group or change it."""
        found: Document = self._connection.put(self._at(name), {"location": location, "tags": tags})
        return found


class Workspaces(Collection):
    """The workspaces of the platform."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection, "workspaces")

    def put(self, name: str, spec: Document, *, resource_group: str) -> Document:
        """Make the workspace or change it."""
        body = {"spec": spec, "resource_group": resource_group}
        found: Document = self._connection.put(self._at(name), body)
        return found

    def update(self, name: str, changes: Document) -> Document:
        """Change display_name, description or tags."""
        found: Document = self._connection.patch(self._at(name), changes)
        return found
