"""`resources.pipelines`: which run of another pipeline a run reads, decided once, when it is queued.

    version     the run of that number
    otherwise   the newest run that succeeded, of `branch` and with all `tags` where they are given

What was decided stands among the run's variables, as `resources.pipeline.ALIAS.runID`
and its siblings, so that a stage which begins weeks later reads what the first one did.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from pratique.base.errors import InvalidInput, Problem
from pratique.delivery.message import PipelineRun
from pratique.delivery.pipeline import PipelineResource
from pratique.store import deliveries, delivery_runs
from pratique.store.database import Transaction
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Run, Wanted

SUCCEEDED: Final = ("succeeded", "partiallySucceeded")
_HEADS: Final = "refs/heads/"
_PREFIX: Final = "resources.pipeline."
_MOST: Final = 1000
"""Runs that are looked through for a number or for tags."""


def variables_of(alias: str, source: Delivery, run: Run) -> dict[str, str]:
    """What a run knows of the run that `alias` stands for."""
    said = {
        "pipelineName": source.name, "pipelineID": str(source.id), "projectName": source.project,
        "runName": run.number, "runID": str(run.id), "runURI": f"vstfs:///Build/Build/{run.id}",
        "sourceBranch": run.branch, "sourceCommit": run.version,
    }  # fmt: skip
    return {f"{_prefix(alias)}{name}": value for name, value in said.items()}


def decided(
    tx: Transaction, project: str, resources: Iterable[PipelineResource], known: Mapping[str, str]
) -> dict[str, str]:
    """The variables of every resource that `known` says nothing of yet; raises `InvalidInput` where no run fits."""
    found: dict[str, str] = {}
    problems: list[Problem] = []
    for one in resources:
        if f"{_prefix(one.alias)}runID" in known:
            continue  # Whatever triggered the run has said which one.
        source = deliveries.get(tx, project, one.source)
        run = _run(tx, source, one) if source and _is_here(one, project) else None
        if source is None or run is None:
            problems.append(Problem(f"the pipeline resource {one.alias}: {_why_none(one, project, source)}"))
        else:
            found |= variables_of(one.alias, source, run)
    if problems:
        raise InvalidInput(
            "; ".join(problem.message for problem in problems),
            hint="pratique pipelines runs list shows what there is; run that pipeline first",
            problems=problems,
        )
    return found


def runs_of(run: Run, resources: Iterable[PipelineResource]) -> tuple[PipelineRun, ...]:
    """What the units of a run are told: each resource with its run."""
    system = {name.lower(): value for name, value in run.system.items()}
    found = []
    for one in resources:
        prefix = _prefix(one.alias).lower()
        if number := system.get(f"{prefix}runid"):
            delivery, project = system.get(f"{prefix}pipelinename", ""), system.get(f"{prefix}projectname", "")
            found.append(PipelineRun(one.alias, int(number), delivery, project))
    return tuple(found)


def runs_in_use(tx: Transaction) -> frozenset[int]:
    """The runs that runs which go on were told to read."""
    known = ((name.lower(), value) for run in delivery_runs.unfinished(tx) for name, value in run.system.items())
    return frozenset(int(value) for name, value in known if name.startswith(_PREFIX) and name.endswith(".runid"))


def _run(tx: Transaction, source: Delivery, resource: PipelineResource) -> Run | None:
    branch = resource.branch
    ref = branch if not branch or branch.startswith("refs/") else _HEADS + branch
    wanted = Wanted(source.project, (source.id,), ("completed",), SUCCEEDED, ref, "")
    tags = {tag.lower() for tag in resource.tags}
    for run in delivery_runs.newest(tx, wanted, limit=_MOST if tags or resource.version else 1):
        if resource.version and run.number != resource.version:
            continue
        if tags <= {tag.lower() for tag in run.tags}:
            return run
    return None


def _is_here(resource: PipelineResource, project: str) -> bool:
    return not resource.project or resource.project.lower() == project.lower()


def _why_none(resource: PipelineResource, project: str, source: Delivery | None) -> str:
    if not _is_here(resource, project):
        return f"it is of project {resource.project}, and a run reads artifacts of its own project {project} alone"
    if source is None:
        return f"there is no pipeline {resource.source} in project {project}"
    wished = [f"number {resource.version}"] if resource.version else []
    wished += [f"branch {resource.branch}"] if resource.branch else []
    wished += [f"tags {', '.join(resource.tags)}"] if resource.tags else []
    return f"the pipeline {source.name} has no run that succeeded" + (f" with {' and '.join(wished)}" if wished else "")


def _prefix(alias: str) -> str:
    return f"resources.pipeline.{alias}."
