"""Users, service principals and what they may do."""

from collections.abc import Mapping

from pratique.client.connection import Connection, Document, path_of


class Principals:
    """Everybody the platform knows."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create_user(self, name: str, *, display_name: str, password: str | None) -> Document:
        """The user; without a `password` one is made, and is in the answer this once."""
        body: Document = {"display_name": display_name}
        if password is not None:
            body["password"] = password
        found: Document = self._connection.put(path_of("users", name), body)
        return found

    def show_user(self, name: str) -> Document:
        found: Document = self._connection.get(path_of("users", name))
        return found

    def users(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("users"))
        return found

    def delete_user(self, name: str) -> None:
        self._connection.delete(path_of("users", name))

    def create_service_principal(self, name: str, *, years: int) -> Document:
        """`appId`, `displayName`, `tenant` and the `password`, which is shown this once."""
        body = {"name": name, "years": years}
        found: Document = self._connection.post(path_of("service-principals"), body)
        return found

    def show_service_principal(self, app_id: str) -> Document:
        """One of them, by appId or name."""
        found: Document = self._connection.get(path_of("service-principals", app_id))
        return found

    def service_principals(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("service-principals"))
        return found

    def delete_service_principal(self, app_id: str) -> None:
        self._connection.delete(path_of("service-principals", app_id))


class Roles:
    """Who has which role where."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def assign(self, role: str, *, assignee: str, scope: str) -> Document:
        body = {"role": role, "assignee": assignee, "scope": scope}
        found: Document = self._connection.post(path_of("role-assignments"), body)
        return found

    def all(self, query: Mapping[str, str]) -> list[Document]:
        """The assignments; `query` may name an ``assignee`` and a ``scope``."""
        found: list[Document] = self._connection.get(path_of("role-assignments"), query)
        return found

    def remove(self, assignment_id: str) -> None:
        self._connection.delete(path_of("role-assignments", assignment_id))
