"""Projects, deliveries and their runs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pratique.client.connection import Connection, Document, path_of
from pratique.client.following import followed
from pratique.client.sending import Progress, upload_to

MOST: Final = 1000
"""The API lists at most so many runs at once."""


class Projects:
    """The projects of the platform."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, name: str, *, description: str = "") -> Document:
        """Make the project; one that is there stays as it is."""
        found: Document = self._connection.put(_of(name), {"description": description})
        return found

    def show(self, name: str) -> Document:
        found: Document = self._connection.get(_of(name))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of("delivery", "projects"))
        return found

    def delete(self, name: str) -> None:
        self._connection.delete(_of(name))


class Deliveries:
    """The deliveries of one project."""

    def __init__(self, connection: Connection, project: str) -> None:
        self._connection = connection
        self._root = ("delivery", "projects", project, "deliveries")
        self._project = project

    def create(self, wished: Mapping[str, str]) -> Document:
        """Register a YAML file."""
        found: Document = self._connection.post(path_of(*self._root), dict(wished))
        return found

    def show(self, wanted: str) -> Document:
        """One delivery, by name or number."""
        found: Document = self._connection.get(path_of(*self._root, wanted))
        return found

    def all(self) -> list[Document]:
        found: list[Document] = self._connection.get(path_of(*self._root))
        return found

    def update(self, wanted: str, changes: Mapping[str, str]) -> Document:
        found: Document = self._connection.patch(path_of(*self._root, wanted), dict(changes))
        return found

    def delete(self, wanted: str) -> None:
        self._connection.delete(path_of(*self._root, wanted))

    def upload(self, root: Path, progress: Progress) -> str:
        """Send a working tree, what its ignore file names left out; the digest of its manifest."""
        return upload_to(self._connection, _of(self._project), root, is_code=True, progress=progress).digest

    def run(self, wished: Document) -> Document:
        """Queue a run."""
        found: Document = self._connection.post(path_of("delivery", "projects", self._project, "runs"), wished)
        return found

    def runs(self, query: Mapping[str, str | Sequence[str]]) -> list[Document]:
        """The runs of the project, newest first."""
        found: list[Document] = self._connection.get(path_of("delivery", "projects", self._project, "runs"), query)
        return found


class DeliveryRuns:
    """Single runs, whatever their project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def show(self, run: int, *, wait: int = 0) -> Document:
        """The run; with `wait`, answers when it has ended or that many seconds have passed."""
        query = {"wait": str(wait)} if wait else {}
        found: Document = self._connection.get(_run(run), query)
        return found

    def cancel(self, run: int) -> Document:
        """Ask the run to stop; it is completed a little later."""
        found: Document = self._connection.post(_run(run, "cancel"))
        return found

    def start_stage(self, run: int, stage: str) -> Document:
        """Start a stage that waits for a person."""
        found: Document = self._connection.post(_run(run, "stages", stage, "start"))
        return found

    def tag(self, run: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Document:
        found: Document = self._connection.post(_run(run, "tags"), {"add": list(add), "remove": list(remove)})
        return found

    def artifacts(self, run: int) -> list[Document]:
        found: list[Document] = self._connection.get(_run(run, "artifacts"))
        return found

    def expanded(self, run: int) -> str:
        """The file of the run with everything put in."""
        return self._connection.text(_run(run, "expanded"))

    def follow(self, run: int) -> Iterator[bytes]:
        """The log of all jobs as it is written, to its end; see `following`."""
        return followed(
            self._connection,
            _run(run, "stream"),
            lambda: self.show(run)["status"] == "completed",
            what=f"run {run}",
            hint=f"the run goes on; follow it with `pratique pipelines runs stream --id {run}`",
        )


def _of(project: str) -> str:
    return path_of("delivery", "projects", project)


def _run(run: int, *below: str) -> str:
    return path_of("delivery", "runs", str(run), *below)
