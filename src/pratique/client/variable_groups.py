"""Variable groups of a project."""

from pratique.client.connection import Connection, Document, path_of


class VariableGroups:
    """The groups of one project, each by id or name."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._root = ("delivery", "projects", project, "variable-groups")

    def create(self, body: Document) -> Document:
        found: Document = self._connection.post(path_of(*self._root), body)
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def show(self, group: str) -> Document:
        found: Document = self._connection.get(path_of(*self._root, group))
        return found

    def update(self, group: str, changes: Document) -> Document:
        found: Document = self._connection.patch(path_of(*self._root, group), changes)
        return found

    def delete(self, group: str) -> None:
        self._connection.delete(path_of(*self._root, group))

    def add_variable(self, group: str, name: str, body: Document) -> Document:
        """The variable by its name, without the value of a secret."""
        found: Document = self._connection.post(path_of(*self._root, group, "variables", name), body)
        return found

    def change_variable(self, group: str, name: str, body: Document) -> Document:
        found: Document = self._connection.patch(path_of(*self._root, group, "variables", name), body)
        return found

    def remove_variable(self, group: str, name: str) -> None:
        self._connection.delete(path_of(*self._root, group, "variables", name))
