"""Files of runs and models, as MLflow's own pages reach them: kept by the API, streamed over its socket.

Clients never come this way either; the door sends their files straight to the
API. A path that arrives here begins with ``workspaces/<name>/`` when MLflow put
it there, and otherwise belongs to the workspace of the request.
"""

import os
import posixpath
from typing import Any
from urllib.parse import urlsplit

from pratique_tracking.api import Api, ApiError
from pratique_tracking.errors import as_mlflow
from pratique_tracking.workspaces import WorkspaceNames

SCHEME = "pratique"


def artifact_repository(api: Api, names: WorkspaceNames) -> type[Any]:
    """The class that MLflow makes repositories of, for URIs such as ``pratique:/3/<run>/artifacts``."""
    from mlflow.entities import FileInfo
    from mlflow.store.artifact.artifact_repo import ArtifactRepository

    class Repository(ArtifactRepository):  # type: ignore[misc]
        def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
            place = self._url(posixpath.join(artifact_path or "", os.path.basename(local_file)))
            with open(local_file, "rb") as source:
                _asked(api.upload, place, source, os.fstat(source.fileno()).st_size)

        def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
            for folder, _, names in os.walk(local_dir):
                below = os.path.relpath(folder, local_dir).replace(os.sep, "/")
                target = posixpath.normpath(posixpath.join(artifact_path or "", below))
                for name in names:
                    self.log_artifact(os.path.join(folder, name), "" if target == "." else target)

        def list_artifacts(self, path: str | None = None) -> list[Any]:
            workspace, inner = split_workspace(self._root(), path)
            said = _asked(api.call, "GET", _artifacts_of(names.called(workspace)), query={"path": inner})
            return [
                FileInfo(posixpath.join(path or "", one["path"]), one["is_dir"], one.get("file_size"))
                for one in said.get("files", [])
            ]

        def _download_file(self, remote_file_path: str, local_path: str) -> None:
            with open(local_path, "wb") as into:
                _asked(api.download, self._url(remote_file_path), into)

        def delete_artifacts(self, artifact_path: str | None = None) -> None:
            _asked(api.call, "DELETE", self._url(artifact_path or ""))

        def _root(self) -> str:
            return urlsplit(self.artifact_uri).path

        def _url(self, path: str) -> str:
            workspace, inner = split_workspace(self._root(), path)
            return f"{_artifacts_of(names.called(workspace))}/{inner}"

    return Repository


def split_workspace(root: str, path: str | None) -> tuple[str, str]:
    """The workspace that a path belongs to, as MLflow knows it, and the path inside it.

    Never another workspace than the request's.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.protos.databricks_pb2 import PERMISSION_DENIED
    from mlflow.utils.workspace_context import get_request_workspace

    whole = posixpath.join(root, path or "").strip("/")
    asked = get_request_workspace()
    head, _, rest = whole.partition("/")
    if head != "workspaces":
        named, inner = asked, whole
    else:
        named, _, inner = rest.partition("/")
    # Threads of a download carry no request; then the path alone says it, and the server wrote that path.
    if not named or (asked and named != asked):
        raise MlflowException("the file belongs to another workspace", PERMISSION_DENIED)
    return named, inner


def _artifacts_of(workspace: str) -> str:
    return f"/mlflow/{workspace}/api/2.0/mlflow-artifacts/artifacts"


def _asked(call: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return call(*args, **kwargs)
    except ApiError as error:
        raise as_mlflow(error) from error
