"""Variable groups of a project."""

from pratique.client.collection import Collection
from pratique.client.connection import Connection, Document


class VariableGroups(Collection):
    """The groups of one project, each by id or name."""

    def __init__(self, connection: Connection, project: str) -> None:
        super().__init__(connection, "delivery", "projects", project, "variable-groups")

    def create(self, body: Document) -> Document:
        found: Document = self._connection.post(self._at(), body)
        return found

    def update(self, group: str, changes: Document) -> Document:
        found: Document = self._connection.patch(self._at(group), changes)
        return found

    def add_variable(self, group: str, name: str, body: Document) -> Document:
        """The variable by its name, without the value of a secret."""
        found: Document = self._connection.post(self._at(group, "variables", name), body)
        return found

    def change_variable(self, group: str, name: str, body: Document) -> Document:
        found: Document = self._connection.patch(self._at(group, "variables", name), body)
        return found

    def remove_variable(self, group: str, name: str) -> None:
        self._connection.delete(self._at(group, "variables", name))
