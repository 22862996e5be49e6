"""Service connections of a project, and which pipeline may use them or a variable group."""

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document, path_of


class ServiceConnections(Collection):
    """The connections of one project, each by id or name."""

    def __init__(self, connection: Connection, project: str) -> None:
        super().__init__(connection, "delivery", "projects", project, "service-connections")

    def create(self, body: Document) -> Document:
        found: Document = self._connection.post(self._at(), body)
        return found

    def update(self, which: str, changes: Document) -> Document:
        found: Document = self._connection.patch(self._at(which), changes)
        return found


class DeliveryPermissions:
    """Which pipelines may use a variable-group, a service-connection, a repository or a repository-push."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._root = ("delivery", "projects", project, "permissions")

    def show(self, kind: str, resource: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, kind, resource))
        return found

    def add(self, kind: str, resource: str, pipeline: str) -> Document:
        found: Document = self._connection.put(path_of(*self._root, kind, resource, pipeline), {})
        return found

    def remove(self, kind: str, resource: str, pipeline: str) -> Document:
        found: Document = self._connection.delete(path_of(*self._root, kind, resource, pipeline))
        return found
