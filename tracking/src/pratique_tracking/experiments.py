"""The tracking store: MLflow's own on SQLite, where experiment "0" is the workspace's Default.

Every client sends "0" until it is told otherwise, while only the very first
workspace of a database could own that number. So "0" is read as "the Default
of this workspace", which is made on its first use.

On Azure the id of a job's run is the name of the job, and scripts ask for it
so. An id that cannot be a run's is looked for among the names of jobs, which
the tag `azureml.job` has.

MLflow 3 lays the files of a model apart from its run. When such a model is
complete the API is told, so that ``runs:/<run>/<name>`` finds it as it always did.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from pratique_tracking.api import Api, ApiError
from pratique_tracking.errors import as_mlflow
from pratique_tracking.workspaces import WorkspaceNames

_ONE = ("experiment_id", "location")
_MANY = ("experiment_ids", "locations")
_ZERO = ("0", 0)
_RUNS = ("run_id", "run_uuid")
_OF_JOB = "azureml.job"


def build_store(api: Api, names: WorkspaceNames, store_uri: str, artifact_uri: str) -> Any:
    """The store for MLflow's registry of tracking stores; `store_uri` is a ``sqlite:///`` URL."""
    from mlflow.store.tracking.sqlalchemy_workspace_store import WorkspaceAwareSqlAlchemyStore
    from sqlalchemy import event

    store_class = with_names_of_jobs(with_own_default(WorkspaceAwareSqlAlchemyStore))
    store = telling_of_models(store_class, api, names)(store_uri, artifact_uri)

    def prepare(connection: Any, _record: Any) -> None:
        # In WAL mode NORMAL cannot damage the file; a power cut may cost the last metrics, not more.
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")

    event.listen(store.engine, "connect", prepare)
    store.engine.dispose()  # Connections of the start were made without it.
    return store


def with_own_default(store_class: type[Any]) -> type[Any]:
    """`store_class`, with every public method reading experiment "0" as the workspace's Default."""
    wrapped = {
        name: _reading_zero(method)
        for name, method in inspect.getmembers(store_class, inspect.isfunction)
        if not name.startswith("_") and {*_ONE, *_MANY} & set(inspect.signature(method).parameters)
    }
    wrapped["start_trace"] = _start_trace(store_class)
    return type("WorkspaceStore", (store_class,), wrapped)


def with_names_of_jobs(store_class: type[Any]) -> type[Any]:
    """`store_class`, with every public method that is about one run taking the name of its job for its id."""
    wrapped = {
        name: _reading_names(method)
        for name, method in inspect.getmembers(store_class, inspect.isfunction)
        if not name.startswith("_") and {*_RUNS} & set(inspect.signature(method).parameters)
    }
    return type("WorkspaceStore", (store_class,), wrapped)


def telling_of_models(store_class: type[Any], api: Api, names: WorkspaceNames) -> type[Any]:
    """`store_class`, telling `api` of every model of a run whose files are complete."""
    from mlflow.entities import LoggedModelStatus

    class Store(store_class):  # type: ignore[misc]
        def finalize_logged_model(self, model_id: str, status: Any) -> Any:
            if status == LoggedModelStatus.READY:
                self._tell(self.get_logged_model(model_id))
            return super().finalize_logged_model(model_id, status)

        def _tell(self, model: Any) -> None:
            if not model.source_run_id:
                return
            said = {"run_id": model.source_run_id, "name": model.name, "model_id": model.model_id}
            try:
                workspace = names.called(self._get_active_workspace())
                path = f"/internal/tracking/workspaces/{workspace}/logged-models"
                api.call("POST", path, body=said)
            except ApiError as error:
                raise as_mlflow(error) from error

    return Store


def say_known_names(names: WorkspaceNames) -> None:
    """Let MLflow say of an experiment the workspace that people know: nobody else puts it into an answer."""
    from mlflow.entities import Experiment

    as_proto = Experiment.to_proto

    def to_proto(self: Any) -> Any:
        said = as_proto(self)
        if said.workspace:
            said.workspace = names.called(said.workspace)
        return said

    Experiment.to_proto = to_proto


def own_default(store: Any) -> str:
    """The id of the workspace's Default experiment, made when there is none."""
    from mlflow.entities import Experiment

    name = Experiment.DEFAULT_EXPERIMENT_NAME
    found = store.get_experiment_by_name(name)
    if found is None:
        with store.ManagedSessionMaker(read_only=False) as session:
            store._create_default_experiment(session)
        found = store.get_experiment_by_name(name)
    return str(found.experiment_id)


def _reading_zero(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        for name, value in bound.arguments.items():
            if name in _ONE and value in _ZERO:
                bound.arguments[name] = own_default(self)
            elif name in _MANY and value and any(one in _ZERO for one in value):
                bound.arguments[name] = [own_default(self) if one in _ZERO else one for one in value]
        return method(*bound.args, **bound.kwargs)

    return call


def _reading_names(method: Callable[..., Any]) -> Callable[..., Any]:
    signature = inspect.signature(method)

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(self, *args, **kwargs)
        for name in _RUNS:
            called = bound.arguments.get(name)
            if isinstance(called, str) and called and not _is_id(called):
                bound.arguments[name] = _run_of_job(self, called) or called
        return method(*bound.args, **bound.kwargs)

    return call


def _is_id(text: str) -> bool:
    """Whether `text` has the form of the id of a run: every one that MLflow or the platform makes has."""
    return len(text) == 32 and all(letter in "0123456789abcdef" for letter in text)


def _run_of_job(store: Any, name: str) -> str:
    """The id of the run of the workspace's job `name`; empty when there is none."""
    from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlRun, SqlTag
    from sqlalchemy import select

    wanted = (
        select(SqlRun.run_uuid)
        .join(SqlTag, SqlTag.run_uuid == SqlRun.run_uuid)
        .join(SqlExperiment, SqlExperiment.experiment_id == SqlRun.experiment_id)
        .where(SqlTag.key == _OF_JOB, SqlTag.value == name)
        .where(SqlExperiment.workspace == store._get_active_workspace())
        .limit(1)
    )
    with store.ManagedSessionMaker(read_only=True) as session:
        found: str | None = session.execute(wanted).scalar()
    return found or ""


def _start_trace(store_class: type[Any]) -> Callable[..., Any]:
    @functools.wraps(store_class.start_trace)
    def start_trace(self: Any, trace_info: Any) -> Any:
        place = getattr(trace_info.trace_location, "mlflow_experiment", None)
        if place is not None and place.experiment_id in _ZERO:
            place.experiment_id = own_default(self)
        return store_class.start_trace(self, trace_info)

    return start_trace
