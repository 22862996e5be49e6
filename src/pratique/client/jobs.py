"""Jobs: submit, follow, cancel."""

from collections.abc import Iterator
from typing import Final

from pratique.client.connection import Connection, Document, path_of
from pratique.client.following import followed

TERMINAL: Final = frozenset({"Completed", "Failed", "Canceled"})

MOST: Final = 1000
"""The API lists at most so many jobs at once."""


def is_terminal(job: Document) -> bool:
    """Whether the job will never change again."""
    return job.get("status") in TERMINAL


class Jobs:
    """The jobs of one workspace."""

    def __init__(self, connection: Connection, workspace: str) -> None:
        self._connection = connection
        self._root = ("workspaces", workspace, "jobs")

    def create(self, spec: Document, *, git: dict[str, str]) -> Document:
        """Submit a job; `git` says which commit its code was, see `source_control`."""
        found: Document = self._connection.post(path_of(*self._root), {"spec": spec, "git": git})
        return found

    def all(self, *, limit: int = MOST, archived: bool = False, parent: str = "") -> list[Document]:
        """The newest `limit` jobs, newest first; with `archived`, those that are (`is_archived`) as well.

        With `parent`, the steps of that pipeline instead.
        """
        query = {"limit": str(min(limit, MOST)), "archived": str(archived).lower()}
        query |= {"parent": parent} if parent else {}
        found: list[Document] = self._connection.get(path_of(*self._root), query)
        return found

    def show(self, name: str, *, wait: int = 0) -> Document:
        """The job; with `wait`, answers when it is terminal or that many seconds have passed."""
        query = {"wait": str(wait)} if wait else {}
        found: Document = self._connection.get(path_of(*self._root, name), query)
        return found

    def update(self, name: str, changes: Document) -> Document:
        """Change `display_name`, `description` or `tags`, or whether lists leave it out (`is_archived`)."""
        found: Document = self._connection.patch(path_of(*self._root, name), changes)
        return found

    def cancel(self, name: str) -> None:
        """Ask the job to stop; it is Canceled a little later."""
        self._connection.post(path_of(*self._root, name, "cancel"))

    def output(self, name: str, output: str) -> str:
        """The digest of the manifest of one output."""
        found: Document = self._connection.get(path_of(*self._root, name, "outputs", output))
        return str(found["manifest"])

    def follow(self, name: str) -> Iterator[bytes]:
        """The job's log as it is written, to its end.

        A stream that is cut (a laptop that slept, a platform that restarted) goes
        on at the byte where it stopped. Raises `Unavailable` when the platform
        stays away.
        """
        return followed(
            self._connection,
            path_of(*self._root, name, "stream"),
            lambda: is_terminal(self.show(name)),
            what=name,
            hint=f"the job goes on; follow it with `pratique ml job stream -n {name}`",
        )
