"""Which workspaces there are: Pratique's, asked for once a second at most.

MLflow knows each by a name that no other ever had and no other will have, the
`tracking` of its row: so nothing that was logged in a workspace which is gone
is in a later one that people call the same. The header says it, which the API
gives to the door with its permission; what MLflow says or asks of a workspace
is said under the name that people know.

There is no default workspace, so a request that names none is refused instead
of landing in a place that nobody chose.
"""

import threading
import time
from typing import Any

from pratique_tracking.api import Api, ApiError
from pratique_tracking.errors import as_mlflow
from pratique_tracking.gate import App, Receive, Scope, Send

FRESH_SECONDS = 1.0
WORKSPACES_PATH = "/internal/tracking/workspaces"
_MLFLOWS_HEADER = b"x-mlflow-workspace"
_OUR_HEADER = b"x-pratique-tracking"


class WorkspaceNames:
    """What MLflow knows the workspaces by, remembered for `FRESH_SECONDS`, and what people call them."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()
        self._called: dict[str, str] = {}
        self._asked_at = float("-inf")

    def all(self) -> frozenset[str]:
        """Every name; raises `ApiError` when the API does not answer."""
        with self._lock:
            if time.monotonic() - self._asked_at > FRESH_SECONDS:
                self._ask()
            return self._names

    def contains(self, name: str) -> bool:
        """Whether `name` is a workspace; one that is not remembered is asked for at once."""
        if name in self.all():
            return True
        with self._lock:
            self._ask()
            return name in self._names

    def called(self, tracking: str) -> str:
        """What people call the workspace that MLflow knows as `tracking`, which it never changes."""
        if tracking not in self._called:
            self.contains(tracking)
        return self._called.get(tracking, tracking)

    def _ask(self) -> None:
        said = {tracking: name for name, tracking in self._api.call("GET", WORKSPACES_PATH)["workspaces"].items()}
        self._names = frozenset(said)
        self._called |= said
        self._asked_at = time.monotonic()


def named(app: App) -> App:
    """`app`, whose workspace is the one that the platform's own header says, and no other."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            kept = [(name, value) for name, value in scope["headers"] if name != _MLFLOWS_HEADER]
            tracking = [(_MLFLOWS_HEADER, value) for name, value in kept if name == _OUR_HEADER]
            scope = {**scope, "headers": [*kept, *tracking[-1:]]}
        await app(scope, receive, send)

    return call


def provider(names: WorkspaceNames) -> Any:
    """MLflow's workspace store on top of `names`."""
    from mlflow.entities import Workspace
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
    from mlflow.store.workspace.abstract_store import AbstractStore

    class Provider(AbstractStore):  # type: ignore[misc]
        def list_workspaces(self) -> list[Any]:
            try:
                return [Workspace(name=name) for name in sorted(names.all())]
            except ApiError as error:
                raise as_mlflow(error) from error

        def get_workspace(self, workspace_name: str) -> Any:
            try:
                known = names.contains(workspace_name)
            except ApiError as error:
                raise as_mlflow(error) from error
            if not known:
                raise MlflowException(f"there is no workspace {workspace_name!r}", RESOURCE_DOES_NOT_EXIST)
            return Workspace(name=workspace_name)

        def get_default_workspace(self) -> Any:
            # Anything but this very error breaks the start of MLflow.
            raise NotImplementedError("a workspace is always named")

        def resolve_artifact_root(
            self,
            default_artifact_root: str | None,
            workspace_name: str,  # noqa: ARG002 - MLflow's names.
        ) -> tuple[str | None, bool]:
            # The workspace is in the URL already; a path cannot name another one.
            return default_artifact_root, False

    return Provider()
