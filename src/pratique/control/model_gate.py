"""What a model gate goes by: the candidate of a run, the champion, and the metrics of both.

    numbers among the tags and properties of the version
    the last metrics of the MLflow run that trained it, where the version does not say otherwise

A version that was promoted names no run of its own workspace. Its bytes do: a
version of the same name and digest that names its run was trained by it.

MLflow and REST APIs are asked by the engine, outside of any transaction:
`Wanted` says what, `Gathered` what came of it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pratique.delivery.run.admission import Evidence, Reply
from pratique.store import assets, jobs, run_uses, workspaces
from pratique.store.asked_checks import AskedCheck
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run

MODELS: Final = "models"
Trained: TypeAlias = tuple[str, str]
"""A workspace, and the id of a run of MLflow there."""
Metrics: TypeAlias = Mapping[Trained, Mapping[str, float] | None]
"""Of each run that was asked for; None when nobody answered, empty when there is no such run."""


@dataclass(frozen=True)
class Wanted:
    """What has to be asked outside."""

    runs: frozenset[Trained] = frozenset()
    calls: tuple[AskedCheck, ...] = ()
    """REST checks whose time has come."""

    def __bool__(self) -> bool:
        return bool(self.runs or self.calls)


@dataclass(frozen=True)
class Gathered:
    """What came of it."""

    metrics: Metrics = field(default_factory=dict)
    replies: Mapping[str, Reply] = field(default_factory=dict)
    """By the id of the check."""


NOTHING: Final = Gathered()


def candidate(tx: Transaction, run: Run, gate: Mapping[str, Any]) -> AssetVersion | None:
    """The newest version of the gate's model that this run made; None when it made none."""
    return next(iter(_made(tx, run, gate)), None)


def champion(tx: Transaction, run: Run, gate: Mapping[str, Any]) -> AssetVersion | None:
    """The version that the candidate is measured against: the labelled one, else the newest that is not its own."""
    workspace, model = str(gate.get("champion_workspace", "")), str(gate.get("model", ""))
    if label := str(gate.get("champion_label") or ""):
        text = assets.labels(tx, workspace, MODELS, model).get(label)
        return assets.version(tx, workspace, MODELS, model, text) if text else None
    own = {one.manifest for one in _made(tx, run, gate)}
    others = (one for one in assets.versions(tx, workspace, MODELS, model) if one.manifest not in own)
    return max(others, key=_age, default=None)


def evidence(tx: Transaction, version: AssetVersion | None, metrics: Metrics) -> Evidence | None:
    """What is known of a version with the `metrics` of runs; None for None."""
    if version is None:
        return None
    name, own, trained = _name(version), numbers_of(version), trained_by(tx, version)
    if trained is None:
        return Evidence(name, own)
    if trained not in metrics:
        return Evidence(name, own, f"the metrics of run {trained[1]} are being read", is_asked=False)
    found = metrics[trained]
    if found is None:
        return Evidence(name, own, f"the metrics of run {trained[1]} cannot be read now: MLflow does not answer")
    return Evidence(name, {**found, **own})


def evidence_of(version: AssetVersion) -> Evidence:
    """What a version says of itself."""
    return Evidence(_name(version), numbers_of(version))


def numbers_of(version: AssetVersion) -> dict[str, float]:
    """The numbers among the tags and properties of a version, properties over tags."""
    said = {**version.tags, **version.properties}
    return {key.removeprefix("metrics."): number for key, text in said.items() if (number := _number(text)) is not None}


def trained_by(tx: Transaction, version: AssetVersion) -> Trained | None:
    """The run of MLflow that trained a version, by itself, its job, or another version with the same bytes."""
    for one in (version, *_twins(tx, version)):
        if one.run_id:
            return one.workspace, one.run_id
        job = jobs.get(tx, one.workspace, one.job_name) if one.job_name else None
        if job is not None and job.run_id:
            return one.workspace, job.run_id
    return None


def _twins(tx: Transaction, version: AssetVersion) -> Iterator[AssetVersion]:
    for workspace in workspaces.every(tx) if version.manifest else ():
        for one in assets.versions(tx, workspace.name, MODELS, version.name):
            if one.manifest == version.manifest and one.id != version.id:
                yield one


def _made(tx: Transaction, run: Run, gate: Mapping[str, Any]) -> list[AssetVersion]:
    """The versions of the gate's model that the run made in the gate's workspace, newest first."""
    workspace, model = str(gate.get("workspace", "")), str(gate.get("model", ""))
    names = [one.name for one in run_uses.of_run(tx, run.id, (MODELS,)) if one.is_made and one.workspace == workspace]
    versions = (
        assets.version(tx, workspace, MODELS, model, name.rpartition(":")[2])
        for name in names
        if name.rpartition(":")[0] == model
    )
    return sorted((one for one in versions if one is not None), key=_age, reverse=True)


def _age(version: AssetVersion) -> tuple[Any, int]:
    return version.created_at, version.ordinal or 0


def _name(version: AssetVersion) -> str:
    return f"{version.workspace}/{version.name}:{version.version}"


def _number(text: object) -> float | None:
    try:
        return float(str(text))
    except ValueError:
        return None
