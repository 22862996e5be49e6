"""What a run uses that its delivery must be let use: variable groups and service connections, found and checked.

Names that are known are checked when the run is queued, all of a stage when it
is about to begin, and each connection again when its token is made.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from pratique.base.errors import Forbidden, Problem
from pratique.control import service_connections, variable_groups
from pratique.delivery.expressions.macros import Variable, expanded, replaced
from pratique.delivery.expressions.values import folded
from pratique.delivery.pipeline import Group, Pipeline, Setting, Stage, Step
from pratique.delivery.run.needs import Kind, Need, needs_of
from pratique.delivery.run.variables import RunVariables
from pratique.delivery.tasks import connection_of
from pratique.store import variable_groups as group_rows
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run


@dataclass(frozen=True)
class Usage:
    """Names of what is used."""

    groups: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()


def known_usage(pipeline: Pipeline, given: Mapping[str, str]) -> Usage:
    """What a pipeline uses under names that are known before it runs; `given` is what it is given from outside."""
    needs = [(need.kind, name) for stage in pipeline.stages for need, name in _named(pipeline, stage, given)]
    return _usage((kind, name) for kind, name in needs if "$(" not in name)


def _named(pipeline: Pipeline, stage: Stage, given: Mapping[str, str]) -> Iterator[tuple[Need, str]]:
    """What `stage` needs, with the macros put in that the file itself decides: beside a group any value may be its."""
    items = (*pipeline.variables, *stage.variables)
    settings = {} if any(isinstance(item, Group) for item in items) else {
        item.name: item.value for item in items if isinstance(item, Setting) and "$[" not in item.value
    }  # fmt: skip
    known, _ = expanded(Variable(name, value) for name, value in {**given, **settings}.items())
    for need in needs_of(pipeline, stage):
        yield need, replaced(need.name, lambda name: known[folded(name)].value if folded(name) in known else None)


def usage_of(needs: Collection[tuple[Kind, str]]) -> Usage:
    """What of a stage's `needs` is a group or a connection."""
    return _usage(iter(sorted(needs)))


def group_names(pipeline: Pipeline) -> tuple[str, ...] | None:
    """The groups of a pipeline; None when the name of one is not known before the run."""
    items = [*pipeline.variables]
    for stage in pipeline.stages:
        items += stage.variables
        for job in stage.jobs:
            items += job.variables
    names = dict.fromkeys(item.name for item in items if isinstance(item, Group))
    return None if any("$(" in name for name in names) else tuple(names)


def connection_names(steps: Collection[Step], variables: RunVariables) -> tuple[str, ...]:
    """The connections that steps name, with macros put in; what is not known even then is left to the step."""
    named = (variables.replaced(connection_of(step.task, step.inputs)) for step in steps if step.task)
    return tuple(dict.fromkeys(name for name in named if name and "$(" not in name))


def check(tx: Transaction, run: Run, usage: Usage) -> None:
    """Raise one error for everything that is not there or that the delivery of `run` may not use."""
    problems: list[Problem] = []
    try:
        _check_groups(tx, run, usage.groups)
    except Forbidden as error:
        problems += error.problems
    try:
        service_connections.check_usable(tx, run, usage.connections)
    except Forbidden as error:
        problems += error.problems
    if problems:
        raise Forbidden(
            "the run uses what its pipeline may not",
            hint="pratique pipelines permission add lets a pipeline in",
            problems=problems,
        )


def _check_groups(tx: Transaction, run: Run, names: Collection[str]) -> None:
    missing = [name for name in names if group_rows.named(tx, run.project, name) is None]
    problems = [
        Problem(f"there is no variable group {name!r} in project {run.project!r}") for name in dict.fromkeys(missing)
    ]
    try:
        variable_groups.check_usable(tx, run, names)
    except Forbidden as error:
        problems += error.problems
    if problems:
        raise Forbidden("the run uses variable groups that its pipeline may not", problems=problems)


def _usage(needs: Iterator[tuple[Kind, str]]) -> Usage:
    found = [*dict.fromkeys(needs)]
    return Usage(
        tuple(name for kind, name in found if kind is Kind.GROUP),
        tuple(name for kind, name in found if kind is Kind.CONNECTION),
    )
