"""Workspaces and the groups that hold them."""

from pratique.client.connection import Connection, Document, path_of


class Groups:
    """The resource groups of the platform."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, name: str, *, location: str, tags: dict[str, str]) -> Document:
        """Make the group or change it."""
        found: Document = self._connection.put(path_of("groups", name), {"location": location, "tags": tags})
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of("groups", name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("groups"))
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of("groups", name))


class Workspaces:
    """The workspaces of the platform."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, name: str, spec: Document, *, resource_group: str) -> Document:
        """Make the workspace or change it."""
        body = {"spec": spec, "resource_group": resource_group}
        found: Document = self._connection.put(path_of("workspaces", name), body)
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of("workspaces", name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("workspaces"))
        return found

    def update(self, name: str, changes: Document) -> Document:
        """Change display_name, description or tags."""
        found: Document = self._connection.patch(path_of("workspaces", name), changes)
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(path_of("workspaces", name))
