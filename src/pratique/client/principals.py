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

    def reset_credential(self, who: str, *, years: int = 1, password: str | None = None) -> Document:
        """`appId`, `displayName`, `tenant` and the new `password`, which is shown this once."""
        body: Document = {"years": years} if password is None else {"years": years, "password": password}
        found: Document = self._connection.post(path_of("principals", who, "credential"), body)
        return found

    def revoke(self, who: str) -> Document:
        """End every token and session of somebody."""
        found: Document = self._connection.post(path_of("principals", who, "revoke"))
        return found


class PrincipalGroups:
    """Groups of principals."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, name: str, *, description: str) -> Document:
        found: Document = self._connection.put(path_of("principal-groups", name), {"description": description})
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("principal-groups"))
        return found

    def show(self, group: str) -> Document:
        found: Document = self._connection.get(path_of("principal-groups", group))
        return found

    def remove(self, group: str) -> None:
        self._connection.delete(path_of("principal-groups", group))

    def add(self, group: str, member: str) -> None:
        self._connection.put(path_of("principal-groups", group, "members", member), {})

    def take_out(self, group: str, member: str) -> None:
        self._connection.delete(path_of("principal-groups", group, "members", member))

    def members(self, group: str) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("principal-groups", group, "members"))
        return found

    def check(self, group: str, member: str) -> Document:
        found: Document = self._connection.get(path_of("principal-groups", group, "members", member))
        return found


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


class Definitions:
    """The roles that there are, and those that somebody defined."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, name: str, body: Document) -> Document:
        found: Document = self._connection.post(path_of("role-definitions", name), body)
        return found

    def update(self, name: str, body: Document) -> Document:
        found: Document = self._connection.put(path_of("role-definitions", name), body)
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("role-definitions"))
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(path_of("role-definitions", name))
        return found

    def remove(self, name: str) -> None:
        self._connection.delete(path_of("role-definitions", name))


class FederatedCredentials:
    """How programs prove themselves by tokens of somebody else's issuer."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, app_id: str, body: Document) -> Document:
        found: Document = self._connection.post(_federated(app_id), body)
        return found

    def all(self, app_id: str) -> list[Document]:
        found: list[Document] = self._connection.get(_federated(app_id))
        return found

    def show(self, app_id: str, which: str) -> Document:
        found: Document = self._connection.get(_federated(app_id, which))
        return found

    def remove(self, app_id: str, which: str) -> None:
        self._connection.delete(_federated(app_id, which))


def _federated(app_id: str, *which: str) -> str:
    return path_of("service-principals", app_id, "federated-credentials", *which)


class SigningKeys:
    """What tokens are signed with."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("signing-keys"))
        return found

    def rotate(self) -> list[Document]:
        found: list[Document] = self._connection.post(path_of("signing-keys", "rotate"))
        return found
