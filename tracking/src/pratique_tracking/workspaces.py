"""Which workspaces there are: Pratique's, asked for once a second at most.

There is no default workspace, so a request that names none is refused instead
of landing in a place that nobody chose.
"""

import threading
import time
from typing import Any

from pratique_tracking.api import Api, ApiError
from pratique_tracking.errors import as_mlflow

FRESH_SECONDS = 1.0
WORKSPACES_PATH = "/internal/tracking/workspaces"


class WorkspaceNames:
    """The names of the workspaces, remembered for `FRESH_SECONDS`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._names: frozenset[str] = frozenset()
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

    def _ask(self) -> None:
        self._names = frozenset(self._api.call("GET", WORKSPACES_PATH)["workspaces"])
        self._asked_at = time.monotonic()


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
