"""Environments that stages deploy to, their checks, and approvals."""

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document, path_of


class StageEnvironments(Collection):
    """The environments of one project, each by name or id."""

    def __init__(self, connection: Connection, project: str) -> None:
        super().__init__(connection, "delivery", "projects", project, "environments")

    def create(self, body: Document) -> Document:
        found: Document = self._connection.post(self._at(), body)
        return found

    def add_check(self, which: str, body: Document) -> Document:
        found: Document = self._connection.post(self._at(which, "checks"), body)
        return found

    def checks(self, which: str) -> list[Document]:
        found: list[Document] = self._connection.get(self._at(which, "checks"))
        return found

    def remove_check(self, which: str, check: int) -> None:
        self._connection.delete(self._at(which, "checks", str(check)))


class Approvals:
    """What people are asked before stages begin."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self, project: str, *, state: str = "", run: int | None = None) -> list[Document]:
        """Newest first; in one state and of one run only when that is given."""
        query = ({"state": state} if state else {}) | ({} if run is None else {"run": str(run)})
        found: list[Document] = self._connection.get(path_of("delivery", "projects", project, "approvals"), query)
        return found

    def show(self, approval: str) -> Document:
        """With `bound`, what it is given for, and `evaluation`."""
        found: Document = self._connection.get(path_of("delivery", "approvals", approval))
        return found

    def decide(self, approval: str, *, approves: bool, comment: str, binding: str) -> Document:
        """Answer it; `binding` is the digest of what was shown, empty for whatever is there."""
        body = {"approves": approves, "comment": comment, "binding": binding}
        found: Document = self._connection.post(path_of("delivery", "approvals", approval), body)
        return found
