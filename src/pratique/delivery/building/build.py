"""The expanded tree of a pipeline as its model."""

from collections.abc import Iterator
from collections.abc import Mapping as Mappable
from dataclasses import replace
from typing import Final

from pratique.delivery.building.fields import Fields
from pratique.delivery.building.pools import pool_of
from pratique.delivery.building.steps import steps_of
from pratique.delivery.building.strategies import deploy_strategy, plain_strategy
from pratique.delivery.building.triggers import pull_request_trigger, push_trigger, resources, schedules
from pratique.delivery.building.variables import variables_of
from pratique.delivery.graph import cycle
from pratique.delivery.nodes import Mapping, Place
from pratique.delivery.pipeline import (
    DEFAULT_CANCEL_TIMEOUT,
    DEFAULT_JOB,
    DEFAULT_NAME,
    DEFAULT_STAGE,
    DEFAULT_TIMEOUT,
    Job,
    Pipeline,
    Pool,
    Stage,
    StageEnvironment,
)
from pratique.delivery.trouble import Troubles
from pratique.specs.words import did_you_mean

_LOCKS: Final = ("sequential", "runLatest")
_ROOT: Final = (
    "name", "appendCommitMessageToRunName", "trigger", "pr", "schedules", "resources", "variables", "parameters",
    "pool", "lockBehavior", "stages", "jobs", "steps", "extends",
)  # fmt: skip
_ROOT_JOB: Final = ("strategy", "continueOnError", "container", "services", "workspace", "timeoutInMinutes",
    "cancelTimeoutInMinutes")  # fmt: skip
"""Keys of the implicit job, which the root may have when it has steps."""
_STAGE: Final = (
    "stage", "displayName", "pool", "dependsOn", "condition", "variables", "jobs", "lockBehavior", "templateContext",
    "trigger", "isSkippable", "group",
)  # fmt: skip
_JOB: Final = (
    "displayName", "dependsOn", "condition", "continueOnError", "timeoutInMinutes", "cancelTimeoutInMinutes",
    "variables", "strategy", "pool", "container", "services", "workspace", "uses", "templateContext",
)  # fmt: skip


def build(root: Mapping, troubles: Troubles) -> Pipeline:
    """The pipeline that the expanded `root` means; what is wrong goes to `troubles`."""
    bodies = [key for key in ("stages", "jobs", "steps") if root.get(key) is not None]
    known = (*_ROOT, *_ROOT_JOB) if bodies == ["steps"] else _ROOT
    fields = Fields(root, "a pipeline", known, troubles)
    # Where an error was met already, what there is to run may be missing because of it.
    if len(bodies) > 1 or (not bodies and not troubles.errors):
        said = f"{' and '.join(bodies)} stand side by side" if bodies else "there is nothing to run"
        troubles.refuse(said, root.place, hint="a pipeline has one of stages, jobs and steps")
    pool = pool_of(fields)
    return Pipeline(
        stages=_stages(fields, bodies, pool),
        place=root.place,
        name=fields.text("name", DEFAULT_NAME),
        appends_commit_message=fields.boolean("appendCommitMessageToRunName", default=True),
        variables=variables_of(fields),
        trigger=push_trigger(fields),
        pull_requests=pull_request_trigger(fields),
        schedules=schedules(fields),
        resources=resources(fields),
        lock_behavior=fields.word("lockBehavior", _LOCKS),
    )


def _stages(fields: Fields, bodies: list[str], pool: Pool) -> tuple[Stage, ...]:
    if "stages" in bodies:
        stages = _in_order(fields, pool)
        _check_names("stage", {stage.name: stage.depends_on for stage in stages}, stages, fields.troubles)
        return stages
    place = fields.node.place
    if "jobs" in bodies:
        return (Stage(DEFAULT_STAGE, place, _jobs(fields, pool)),)
    if "steps" in bodies:
        job = _job_keys(fields, pool, Job(DEFAULT_JOB, place))
        job = replace(job, steps=steps_of(fields.node.get("steps"), pool, fields.troubles))
        return (Stage(DEFAULT_STAGE, place, (replace(job, variables=(), condition=""),)),)
    return ()


def _in_order(fields: Fields, pool: Pool) -> tuple[Stage, ...]:
    """The stages; one without dependsOn depends on the one before it."""
    stages: list[Stage] = []
    for number, item in enumerate(fields.mappings("stages"), 1):
        inner = Fields(item, "a stage", _STAGE, fields.troubles)
        previous = (stages[-1].name,) if stages else ()
        stages.append(_stage(inner, number, previous, pool))
    return tuple(stages)


def _stage(fields: Fields, number: int, previous: tuple[str, ...], pool: Pool) -> Stage:
    depends_on = fields.texts("dependsOn")
    own = pool_of(fields) if fields.has("pool") else pool
    jobs = _jobs(fields, own)
    if not jobs:
        fields.troubles.refuse("a stage needs jobs", fields.node.place)
    return Stage(
        name=fields.name("stage", f"Stage{number}"),
        place=fields.node.place,
        jobs=jobs,
        display_name=fields.text("displayName"),
        depends_on=previous if depends_on is None else depends_on,
        condition=fields.text("condition"),
        condition_place=fields.place("condition"),
        variables=variables_of(fields),
        lock_behavior=fields.word("lockBehavior", _LOCKS),
        is_manual=fields.word("trigger", ("manual", "automatic")) == "manual",
        is_skippable=fields.boolean("isSkippable", default=True),
    )


def _jobs(fields: Fields, pool: Pool) -> tuple[Job, ...]:
    jobs = tuple(_each_job(fields, pool))
    _check_names("job", {job.name: job.depends_on for job in jobs}, jobs, fields.troubles)
    return jobs


def _each_job(fields: Fields, pool: Pool) -> Iterator[Job]:
    for number, item in enumerate(fields.mappings("jobs"), 1):
        if "deployment" in item.names():
            yield _deployment(Fields(item, "a deployment", (*_JOB, "deployment", "environment"), fields.troubles), pool)
        elif "job" in item.names():
            inner = Fields(item, "a job", (*_JOB, "job", "steps"), fields.troubles)
            name = inner.name("job", f"Job{number}")
            own = pool_of(inner) if inner.has("pool") else pool
            job = _job_keys(inner, pool, Job(name, item.place, variables=variables_of(inner)))
            yield replace(job, steps=steps_of(item.get("steps"), own, fields.troubles))
        else:
            hint = "a job begins with - job:, - deployment: or - template:"
            fields.troubles.refuse("it is not clear what this job is", item.place, hint=hint)


def _job_keys(fields: Fields, pool: Pool, job: Job) -> Job:
    """What plain and deployment jobs, and the implicit one, have in common."""
    for planned in ("container", "services"):
        if fields.has(planned):
            said = "a job in a container is not run here" if planned == "container" else "services are not run here"
            fields.troubles.refuse(said, fields.place(planned), is_not_yet=True)
    workspace = fields.mapping("workspace", "workspace", ("clean",))
    return replace(
        job,
        display_name=fields.text("displayName"),
        pool=pool_of(fields) if fields.has("pool") else pool,
        depends_on=fields.texts("dependsOn") or (),
        condition=fields.text("condition"),
        condition_place=fields.place("condition"),
        strategy=None if job.is_deployment else plain_strategy(fields),
        timeout=fields.number("timeoutInMinutes", DEFAULT_TIMEOUT),
        cancel_timeout=fields.number("cancelTimeoutInMinutes", DEFAULT_CANCEL_TIMEOUT),
        continue_on_error=fields.switch("continueOnError", default=False),
        workspace_clean=workspace.word("clean", ("outputs", "resources", "all")) if workspace else "",
    )


def _deployment(fields: Fields, pool: Pool) -> Job:
    own = pool_of(fields) if fields.has("pool") else pool
    if own.is_server:
        fields.troubles.refuse("a deployment job needs an agent", fields.place("pool"))
    if not fields.has("environment"):
        fields.troubles.refuse("a deployment needs an environment", fields.node.place, hint="environment: dev")
    name = fields.name("deployment", "")
    job = Job(name, fields.node.place, is_deployment=True, variables=variables_of(fields))
    return replace(
        _job_keys(fields, pool, job),
        strategy=deploy_strategy(fields, own),
        environment=_environment(fields),
    )


def _environment(fields: Fields) -> StageEnvironment | None:
    value = fields.node.get("environment")
    if isinstance(value, Mapping):
        keys = ("name", "resourceName", "resourceType", "resourceId", "tags")
        inner = Fields(value, "an environment", keys, fields.troubles)
        return StageEnvironment(inner.text("name"), inner.text("resourceName"), value.place)
    text = fields.text("environment")
    if not text:
        return None
    name, _, resource = text.partition(".")
    # A macro may hold a dot; only a plain name.resource is cut.
    return StageEnvironment(*((text, "") if "$(" in text else (name, resource)), fields.place("environment"))


def _check_names(
    what: str, before: Mappable[str, tuple[str, ...]], nodes: tuple[Stage, ...] | tuple[Job, ...], troubles: Troubles
) -> None:
    """Names are given once, dependencies exist, and nothing depends on itself."""
    seen: dict[str, Place] = {}
    for node in nodes:
        if (first := seen.setdefault(node.name.lower(), node.place)) is not node.place:
            troubles.refuse(f"the {what} {node.name} is there twice, first in line {first.line}", node.place)
        for other in node.depends_on:
            if other.lower() not in {one.name.lower() for one in nodes}:
                hint = did_you_mean(other, [one.name for one in nodes])
                troubles.refuse(
                    f"the {what} {node.name} depends on {other}, which does not exist", node.place, hint=hint
                )
    if path := cycle({name.lower(): [other.lower() for other in others] for name, others in before.items()}):
        at = next(node.place for node in nodes if node.name.lower() == path[0])
        troubles.refuse(f"a cycle: {' → '.join(path)}", at)
