"""Units, as those who run them see them: a message is given, records are taken, a cancel is told.

A worker proves itself by the token of its unit, which ends with the unit. What
it asks of another unit or another run is not there for it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pratique.base.errors import AlreadyExists, Conflict, NotFound
from pratique.base.names import check_name
from pratique.control import download_origins
from pratique.control.actor import PLATFORM, Actor
from pratique.control.delivery_runs import tell, with_tags
from pratique.control.delivery_state import outputs_of, seal_context
from pratique.control.permissions import is_permitted, project_scope
from pratique.control.unit_actors import SUBJECT, WORKER, run_scope
from pratique.delivery.message import JobMessage, PipelineRun
from pratique.delivery.origins import Origin
from pratique.delivery.records import JOB, Record, StepState
from pratique.delivery.run.names import MAX_LENGTH
from pratique.delivery.run.outcomes import Result
from pratique.store import delivery_runs, delivery_units, holdings, projects
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Artifact, Run
from pratique.store.delivery_units import StepRow, UnitRow
from pratique.store.sealing import Sealer


@dataclass(frozen=True)
class Here:
    """A unit with its run."""

    run: Run
    unit: UnitRow


def here(tx: Transaction, actor: Actor, run: int, unit: str) -> Here:
    """The unit that the caller is the worker of; raises `NotFound` for any other."""
    found = delivery_units.get(tx, unit)
    of = delivery_runs.get(tx, run)
    if found is None or of is None or found.run != run or actor.id != SUBJECT + unit:
        raise NotFound(f"run {run} has no unit {unit!r} of yours")
    return Here(of, found)


def message(tx: Transaction, actor: Actor, run: int, unit: str, sealer: Sealer) -> JobMessage:
    """What the unit is to do; raises `Conflict` once its worker has said that it began."""
    at = here(tx, actor, run, unit)
    if at.unit.message is None:
        raise Conflict("the message of this unit was taken already: one attempt has one worker")
    text = sealer.open(at.unit.message, context=seal_context(at.unit.id))
    return JobMessage.of_document(json.loads(text))


@dataclass(frozen=True)
class Taken:
    """Records that were new, with the unit that they are about."""

    run: Run
    unit: UnitRow
    records: tuple[Record, ...]


def take(
    tx: Transaction, actor: Actor, run: int, unit: str, records: Sequence[Record], sealer: Sealer, *, now: datetime
) -> Taken:
    """Write what a worker reports, each record once; raises `Conflict` when the unit has ended."""
    return report(tx, here(tx, actor, run, unit), records, sealer, now=now)


def report(tx: Transaction, at: Here, records: Sequence[Record], sealer: Sealer, *, now: datetime) -> Taken:
    """Write what is new of `records` about a unit, which may have no worker; raises `Conflict` when it has ended."""
    new = sorted((one for one in records if one.sequence > at.unit.sequence), key=lambda one: one.sequence)
    if not new:
        return Taken(at.run, at.unit, ())
    if at.unit.state == "completed":
        raise Conflict("this unit has ended", hint="whatever it still does counts no more")
    delivery_units.put_steps(tx, [_step(at.unit, record) for record in new if record.step != JOB])
    whole = next((one for one in new if one.step == JOB and one.state is StepState.COMPLETED), None)
    # A worker has its message in its memory; without one it is read again at every look.
    left = at.unit.message if at.unit.runs_on_server and whole is None else None
    changed = replace(at.unit, sequence=new[-1].sequence, message=left, **_outputs(at.unit, new, sealer))
    if whole is not None:
        changed = replace(_ended(changed, whole.result or Result.FAILED, whole.reason, now), look_at=None)
        delivery_runs.touch(tx, at.run.id)
    elif changed.state == "queued":  # Its worker was quicker than whoever started it.
        changed = replace(changed, state="running", started_at=now)
    delivery_units.change(tx, at.unit.id, **{key: value for key, value in vars(changed).items() if key != "id"})
    _take_of_run(tx, at.run, new, now=now)
    return Taken(at.run, changed, tuple(new))


def _ended(unit: UnitRow, result: Result, reason: str, now: datetime) -> UnitRow:
    return replace(unit, state="completed", result=result.value, reason=reason or unit.reason, ended_at=now)


def _step(unit: UnitRow, record: Record) -> StepRow:
    document = record.to_document()
    document["outputs"] = {name: None if one.is_secret else one.value for name, one in record.outputs.items()}
    result = record.result.value if record.result else None
    return StepRow(
        unit.id, record.step, record.name, record.state.value, result, document, record.started_at, record.finished_at
    )


def _outputs(unit: UnitRow, records: Sequence[Record], sealer: Sealer) -> dict[str, Any]:
    """The output variables of a unit with those that the records set; a secret stays one."""
    given = {name: output for record in records for name, output in record.outputs.items()}
    if not given:
        return {}
    before = outputs_of(unit, sealer)
    plain = dict(unit.outputs)
    secret = {name: value for name, value in before.items() if name not in plain}
    for name, output in given.items():
        plain.pop(name, None)
        if output.is_secret or name in secret:
            secret[name] = output.value
        else:
            plain[name] = output.value
    sealed = sealer.seal(json.dumps(secret), context=seal_context(unit.id)) if secret else None
    return {"outputs": plain, "secret_outputs": sealed}


def _take_of_run(tx: Transaction, run: Run, records: Sequence[Record], *, now: datetime) -> None:
    """Tags and the number that steps give to their run."""
    known = delivery_runs.get(tx, run.id) or run
    tags = with_tags(known.tags, [name for record in records for name in record.tags])
    if tags != list(known.tags):
        delivery_runs.change(tx, run.id, tags=tags)
        tell(tx, PLATFORM, "Pratique.DeliveryRunTagged", known, now=now, data={"tags": tags})
    number = next((one.build_number for one in reversed(records) if one.build_number), "")[:MAX_LENGTH]
    if number and number != known.number:
        delivery_runs.change(tx, run.id, number=number, system={**known.system, "Build.BuildNumber": number})


def fail(tx: Transaction, unit: str, result: Result, reason: str, *, now: datetime) -> UnitRow | None:
    """End a unit whose worker cannot say so any more; None when it has ended meanwhile."""
    known = delivery_units.get(tx, unit)
    if known is None or known.state == "completed":
        return None
    ended = _ended(replace(known, message=None), result, reason, now)
    delivery_units.change(tx, unit, **{key: value for key, value in vars(ended).items() if key != "id"})
    left = [one for one in delivery_units.steps_of(tx, [unit]) if one.state != "completed"]
    closed = [
        replace(one, state="completed", result=result.value, ended_at=now, record={**one.record, "reason": reason})
        for one in left
    ]
    delivery_units.put_steps(tx, closed)
    delivery_runs.touch(tx, known.run)
    return ended


# --- artifacts ------------------------------------------------------------------------------------------------------


def add_artifact(tx: Transaction, actor: Actor, run: int, name: str, manifest: str, *, now: datetime) -> Artifact:
    """Publish content that the project holds; the same again changes nothing.

    Raises `AlreadyExists` for a name that is taken and `NotFound` for content that was not uploaded.
    """
    of = _run(tx, actor, run, "units/report")
    check_artifact_name(name)
    if holdings.manifest(tx, projects.holder_of(of.project), manifest) is None:
        raise NotFound(f"project {of.project!r} holds no manifest {manifest}", hint="upload the files first")
    artifact = Artifact(run, name, "PipelineArtifact", manifest, actor.id.removeprefix(SUBJECT), now)
    known = next((one for one in delivery_runs.artifacts_of(tx, run) if one.name.lower() == name.lower()), None)
    if known is not None and (known.manifest, known.unit) == (manifest, artifact.unit):
        return known
    if known is not None:
        raise AlreadyExists(f"run {run} has an artifact {known.name!r} already", hint="publish under another name")
    delivery_runs.put_artifact(tx, artifact)
    tell(tx, actor, "Pratique.ArtifactPublished", of, now=now, data={"artifact": name, "manifest": manifest})
    return artifact


def check_artifact_name(name: str) -> str:
    """`name`, unchanged; raises `InvalidInput` for what can name no artifact."""
    return check_name("artifact", name)


def origin(tx: Transaction, actor: Actor, run: int, unit: str, wanted: Origin) -> PipelineRun:
    """The run that a download of this unit takes artifacts from; see `download_origins.resolved`."""
    at = here(tx, actor, run, unit)
    if at.unit.state == "completed":
        raise Conflict("this unit has ended")
    return download_origins.resolved(tx, at.run, wanted)


def artifacts(tx: Transaction, actor: Actor, run: int) -> list[Artifact]:
    """The artifacts of a run, for whoever may read it, and for the workers of other runs of its project."""
    _readable(tx, actor, run)
    return delivery_runs.artifacts_of(tx, run)


def _readable(tx: Transaction, actor: Actor, run: int) -> Run:
    found = delivery_runs.get(tx, run)
    if found is None:
        raise NotFound(f"there is no run {run}")
    runs = f"{project_scope(found.project)}/runs/"
    if any(grant.role == WORKER and grant.scope.startswith(runs) for grant in actor.grants):
        return found
    if not is_permitted(actor, "deliveries/read", run_scope(found)):
        raise NotFound(f"there is no run {run}")
    return found


def _run(tx: Transaction, actor: Actor, run: int, action: str) -> Run:
    found = delivery_runs.get(tx, run)
    if found is None or not is_permitted(actor, action, run_scope(found)):
        raise NotFound(f"there is no run {run}")
    return found


# --- content --------------------------------------------------------------------------------------------------------


def holder_for_reading(tx: Transaction, actor: Actor, run: int) -> str:
    """Under which name the content is held that a run may read."""
    return projects.holder_of(_readable(tx, actor, run).project)


def holder_for_writing(tx: Transaction, actor: Actor, run: int) -> str:
    """Under which name the content is held that the units of a run write."""
    return projects.holder_of(_run(tx, actor, run, "units/report").project)
