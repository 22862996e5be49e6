"""Online endpoints and their deployments."""

from datetime import timedelta
from typing import Final

from pratique.client.collection import Settling
from pratique.client.connection import Connection, Document

TERMINAL: Final = frozenset({"Succeeded", "Failed", "Canceled"})


def is_settled(document: Document) -> bool:
    """Whether the endpoint or deployment has reached what was asked, or failed at it."""
    return document.get("provisioning_state") in TERMINAL


class Endpoints(Settling):
    """The online endpoints of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        super().__init__(connection, "workspaces", workspace, "online-endpoints")

    def put(self, name: str, spec: Document) -> Document:
        """Make the endpoint or change it; answers before it is so."""
        found: Document = self._connection.put(self._at(name), {"spec": spec})
        return found

    def update(self, name: str, changes: Document) -> Document:
        """Change traffic, mirror_traffic, tags, description."""
        found: Document = self._connection.patch(self._at(name), changes)
        return found

    def promote(self, name: str, to: str, *, seen: int, keep_old: timedelta | None) -> Document:
        """Send all traffic to the deployment `to`, unless the endpoint is no longer at the generation `seen`."""
        kept = {} if keep_old is None else {"keep_old_seconds": round(keep_old.total_seconds())}
        found: Document = self._connection.post(self._at(name, "promote"), {"to": to, "seen": seen, **kept})
        return found

    def keys(self, name: str) -> Document:
        """`primaryKey` and `secondaryKey`."""
        found: Document = self._connection.get(self._at(name, "keys"))
        return found

    def token(self, name: str) -> Document:
        """`accessToken`, which opens just this endpoint for an hour."""
        found: Document = self._connection.post(self._at(name, "token"))
        return found

    def regenerate_key(self, name: str, key_type: str) -> None:
        """Make a new ``primary`` or ``secondary`` key; the old one stops working."""
        self._connection.post(self._at(name, "regenerate-keys"), {"key_type": key_type})


class Deployments(Settling):
    """The deployments behind one endpoint."""

    def __init__(self, connection: Connection, workspace: str, endpoint: str) -> None:
        super().__init__(connection, "workspaces", workspace, "online-endpoints", endpoint, "deployments")

    def put(self, name: str, spec: Document, *, all_traffic: bool = False) -> Document:
        """Make the deployment or change it; answers before it is so."""
        body = {"spec": spec, "all_traffic": all_traffic}
        found: Document = self._connection.put(self._at(name), body)
        return found

    def metrics(self, name: str) -> str:
        """What its replicas count, as text for Prometheus."""
        return self._connection.text(self._at(name, "metrics"))

    def logs(self, name: str, *, lines: int) -> str:
        """The last `lines` lines of the scorer's log."""
        return self._connection.text(self._at(name, "logs"), {"lines": str(lines)})
