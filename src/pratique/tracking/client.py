"""Runs, as the platform itself writes them: one for each job, begun before the job and ended after it.

A job's own process speaks MLflow with its own client and its own token. This is
only what has to be there when the job's code never comes to it.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pratique.base.errors import InvalidInput, NotFound
from pratique.tracking.http import ask

Status = Literal["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
_API = "/api/2.0/mlflow"
_BATCH = "/pratique/runs"
"""A route of our launcher, not of MLflow; the door does not lead there."""


@dataclass(frozen=True)
class Run:
    """One run of MLflow."""

    run_id: str
    experiment_id: str
    artifact_uri: str
    """Such as ``mlflow-artifacts:/1/<run id>/artifacts``."""
    status: str
    metrics: Mapping[str, float]
    """The last value of each."""
    params: Mapping[str, str]
    tags: Mapping[str, str]

    @property
    def artifact_root(self) -> str:
        """The same inside MLflow's artifact root: ``1/<run id>/artifacts``."""
        return self.artifact_uri.partition(":")[2].strip("/")


@dataclass(frozen=True)
class RunRow:
    """A run as the platform writes it, under an id of its own choice."""

    run_id: str
    name: str
    user: str
    status: Status
    started: datetime
    ended: datetime | None
    tags: Mapping[str, str]

    def to_document(self) -> dict[str, Any]:
        """The run as the batch route takes it."""
        return {
            "run_id": self.run_id,
            "name": self.name,
            "user": self.user,
            "status": self.status,
            "start_time": _millis(self.started),
            "end_time": _millis(self.ended) if self.ended else None,
            "tags": {**self.tags, "mlflow.user": self.user, "mlflow.runName": self.name},
        }


@dataclass(frozen=True)
class RunsClient:
    """Speaks to the MLflow server behind the unix socket at `socket`."""

    socket: Path
    tracking_of: Callable[[str], str]
    """What MLflow knows a workspace by; raises `NotFound` for one that is not there."""

    def write_runs(
        self, workspace: str, experiment: str, *, make: Sequence["RunRow"] = (), change: Sequence["RunRow"] = ()
    ) -> str:
        """Make runs, and change others, in one request; the id of their experiment, which is made when it is not there.

        A run that is there already is not made again: what was lost on the way can be sent once more.
        """
        body = {
            "experiment": experiment,
            "make": [run.to_document() for run in make],
            "change": [run.to_document() for run in change],
        }
        said = ask(self.socket, "POST", _BATCH, tracking=self.tracking_of(workspace), body=body)
        return str(json.loads(said)["experiment_id"])

    def get_run(self, workspace: str, run_id: str) -> Run:
        """One run with its last metrics; raises `NotFound`."""
        try:
            return _run(self._ask("GET", workspace, "runs/get", query={"run_id": run_id})["run"])
        except InvalidInput as error:  # MLflow calls an id of another form a wrong parameter.
            raise NotFound(f"there is no run {run_id!r} in workspace {workspace!r}") from error

    def run_of_model(self, workspace: str, model_id: str) -> str:
        """The id of the run that logged a model of MLflow 3 (``m-…``); empty when none did; raises `NotFound`."""
        found = self._ask("GET", workspace, f"logged-models/{model_id}")
        return str(found["model"]["info"].get("source_run_id") or "")

    def _ask(
        self,
        method: str,
        workspace: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        tracking = self.tracking_of(workspace)
        said = ask(self.socket, method, f"{_API}/{path}", tracking=tracking, query=query, body=body)
        answer: dict[str, Any] = json.loads(said) if said else {}
        return answer


def _run(document: Mapping[str, Any]) -> Run:
    info, data = document["info"], document.get("data", {})
    return Run(
        run_id=str(info["run_id"]),
        experiment_id=str(info["experiment_id"]),
        artifact_uri=str(info["artifact_uri"]),
        status=str(info["status"]),
        metrics={row["key"]: float(row["value"]) for row in data.get("metrics", ())},
        params={row["key"]: str(row["value"]) for row in data.get("params", ())},
        tags={row["key"]: str(row["value"]) for row in data.get("tags", ())},
    )


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)
