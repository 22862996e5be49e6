"""Lineage of models, endpoints and predictions."""

from pratique.client.connection import Connection, Document, path_of


class Lineage:
    """Why things of a workspace are as they are."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._workspace = workspace

    def of_model(self, name: str, version: str) -> Document:
        """What a version comes from."""
        path = path_of("workspaces", self._workspace, "models", name, "versions", version, "why")
        found: Document = self._connection.get(path)
        return found

    def of_endpoint(self, name: str, at: str = "") -> Document:
        """What answered at a moment, now by default."""
        path = path_of("workspaces", self._workspace, "online-endpoints", name, "blame")
        found: Document = self._connection.get(path, {"at": at} if at else None)
        return found

    def of_prediction(self, request: str) -> Document:
        """What is known of one call."""
        found: Document = self._connection.get(path_of("workspaces", self._workspace, "predictions", request))
        return found
