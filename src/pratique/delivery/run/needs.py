"""What a stage uses that somebody may have to allow: environments, service connections, variable groups, repositories.

Approvals and checks are asked of these before the first job of a stage, so
their names must be known then: literal, or made of variables of the pipeline
and the stage, groups included. A variable of a job comes too late.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pratique.delivery.nodes import Place
from pratique.delivery.pipeline import Group, Pipeline, Setting, Stage, Step
from pratique.delivery.run.variables import RunVariables
from pratique.delivery.tasks import connection_of


class Kind(StrEnum):
    ENVIRONMENT = "environment"
    CONNECTION = "service connection"
    GROUP = "variable group"
    REPOSITORY = "repository"


@dataclass(frozen=True)
class Need:
    """One thing that a stage uses."""

    kind: Kind
    name: str
    """As written; macros are not put in."""
    place: Place


def needs_of(pipeline: Pipeline, stage: Stage) -> tuple[Need, ...]:
    """Everything that `stage` uses, each once, in the order of the file."""
    return tuple({(need.kind, need.name): need for need in _needs(pipeline, stage)}.values())


def resolved(needs: tuple[Need, ...], variables: RunVariables) -> tuple[frozenset[tuple[Kind, str]], tuple[Need, ...]]:
    """The kinds and names of `needs` with macros put in, and those whose names are not known yet."""
    names = {(need.kind, variables.replaced(need.name)) for need in needs}
    unknown = tuple(need for need in needs if "$(" in variables.replaced(need.name))
    return frozenset((kind, name) for kind, name in names if "$(" not in name), unknown


def _needs(pipeline: Pipeline, stage: Stage) -> Iterator[Need]:
    items = [*pipeline.variables, *stage.variables]
    for job in stage.jobs:
        items += job.variables
        if job.environment is not None:
            yield Need(Kind.ENVIRONMENT, job.environment.name, job.environment.place or job.place)
        for step in job.all_steps():
            yield from _step_needs(step)
    for item in items:
        if isinstance(item, Group):
            yield Need(Kind.GROUP, item.name, item.place)


def _step_needs(step: Step) -> Iterator[Need]:
    if step.kind == "checkout" and step.inputs["repository"] not in ("self", "none"):
        yield Need(Kind.REPOSITORY, step.inputs["repository"], step.place)
    elif step.task and (connection := connection_of(step.task, step.inputs)):
        yield Need(Kind.CONNECTION, connection, step.place)


def too_late(pipeline: Pipeline, stage: Stage) -> Iterator[Need]:
    """The needs whose names no variable of the pipeline or the stage can make.

    With a variable group in reach a name may come from there; it is not told.
    """
    items = (*pipeline.variables, *stage.variables)
    if any(isinstance(item, Group) for item in items):
        return
    known = {item.name.lower() for item in items if isinstance(item, Setting)}
    for need in needs_of(pipeline, stage):
        asked = _macros(need.name)
        if any(name.lower() not in known and not name.lower().startswith(("build.", "system.")) for name in asked):
            yield need


def _macros(text: str) -> list[str]:
    return [part.partition(")")[0] for part in text.split("$(")[1:]]
