"""Which run a download task with `buildType: specific` takes its artifacts from; of its own project alone.

    the run that triggered this one    where that is preferred and it is of that pipeline
    specific                           the run of that id, whatever became of it
    latestFromBranch, latest           the newest that succeeded, of one branch or of any, with all tags

It is decided when the step runs, as the hosted service does it: the newest run
may be another one for a later step. `resources.pipelines` decides once.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.control.delivery_permissions import find_delivery
from pratique.control.delivery_state import pipeline_of
from pratique.delivery.expressions.macros import replaced
from pratique.delivery.message import PipelineRun
from pratique.delivery.origins import LATEST, LATEST_FROM_BRANCH, SPECIFIC, TASKS, Origin, known_origins
from pratique.delivery.pipeline import Pipeline, Setting
from pratique.store import delivery_runs, projects
from pratique.store.database import Transaction
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import Run, Wanted

_HEADS: Final = "refs/heads/"
_MOST: Final = 1000
"""Runs that are looked through for tags."""
_LONGEST_ID: Final = 9


def check(tx: Transaction, run: Run, pipeline: Pipeline) -> None:
    """Raise `InvalidInput` for every download of `pipeline` from a project that is not the run's own."""
    problems = []
    for stage in pipeline.stages:
        for job in stage.jobs:
            for step, origin in known_origins(job.all_steps()):
                if "$(" not in origin.project and not _is_own(tx, run.project, origin.project):
                    problems.append(Problem(_elsewhere(run.project, origin.project), key=f"{step.place}"))
    if problems:
        raise InvalidInput.of(problems, what="download")


def resolved(tx: Transaction, run: Run, origin: Origin) -> PipelineRun:
    """The run that a step of `run` asks for.

    Raises `InvalidInput` for what cannot be asked and for another project, and
    `NotFound` where there is no such pipeline or no run that fits.
    """
    if not _is_own(tx, run.project, origin.project):
        raise InvalidInput(_elsewhere(run.project, origin.project))
    source = find_delivery(tx, run.project, origin.pipeline)
    found = _triggering(tx, run, source) if origin.prefers_triggering else None
    if found is None:
        found = _asked(tx, source, origin)
    return PipelineRun(source.name, found.id, source.name, source.project)


def runs_in_use(tx: Transaction) -> frozenset[int]:
    """The runs that steps still to come would take artifacts from, as far as that can be told now.

    They are those of the runs that go on, and of the newest run of each delivery, whose file the next one has too. What
    a step makes of the outputs of others is not known before it runs.
    """
    found = set()
    for run in (*delivery_runs.unfinished(tx), *delivery_runs.newest_of_each(tx)):
        text = run.text.lower()
        if SPECIFIC in text and any(task.lower() in text for task in TASKS):
            found |= set(_named_by(tx, run))
    return frozenset(found)


def _named_by(tx: Transaction, run: Run) -> Iterator[int]:
    pipeline = pipeline_of(run.text, run.path)
    settings = [item for items in (pipeline.variables, *(one.variables for one in pipeline.stages)) for item in items]
    literal = {item.name: item.value for item in settings if isinstance(item, Setting)}
    known = {name.lower(): value for name, value in {**run.variables, **literal, **run.system}.items()}
    steps = (step for stage in pipeline.stages for job in stage.jobs for step in job.all_steps())
    for _, origin in known_origins(steps, lambda text: replaced(text, lambda name: known.get(name.lower()))):
        with suppress(InvalidInput, NotFound):  # The step will say so, if it ever runs.
            yield resolved(tx, run, origin).run


def _is_own(tx: Transaction, own: str, asked: str) -> bool:
    project = projects.get(tx, own)
    names = {own.lower()} | ({project.id.lower()} if project else set())
    return asked.lower() in names


def _elsewhere(own: str, asked: str) -> str:
    return f"it is of project {asked[:128]!r}, and a run reads artifacts of its own project {own!r} alone"


def _triggering(tx: Transaction, run: Run, source: Delivery) -> Run | None:
    system: Mapping[str, str] = {name.lower(): value for name, value in run.system.items()}
    if system.get("build.triggeredby.definitionid") != str(source.id):
        return None
    return _by_id(tx, source, system.get("build.triggeredby.buildid", ""))


def _asked(tx: Transaction, source: Delivery, origin: Origin) -> Run:
    match origin.version.lower():
        case "specific":
            found = _by_id(tx, source, origin.run)
            wished = f" {origin.run[:32]}" if origin.run else ": pipelineId is empty"
        case "latestfrombranch":
            found, wished = _newest(tx, source, origin, origin.branch), f" of branch {origin.branch[:255]}"
        case "latest":
            found, wished = _newest(tx, source, origin, ""), ""
        case _:
            expected = ", ".join((LATEST, LATEST_FROM_BRANCH, SPECIFIC))
            said = f"buildVersionToDownload: expected one of {expected}; got {origin.version[:60]!r}"
            raise InvalidInput(said)
    if found is not None:
        return found
    if origin.version.lower() == SPECIFIC:
        said = f"the pipeline {source.name!r} has no run{wished}"
    else:
        tags = f" with the tags {', '.join(origin.tags)}" if origin.tags else ""
        said = f"the pipeline {source.name!r} has no run that {_word(origin)}{wished}{tags}"
    raise NotFound(said, hint=f"pratique pipelines runs list --pipeline-ids {source.id} --project {source.project}")


def _by_id(tx: Transaction, source: Delivery, text: str) -> Run | None:
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST_ID):
        return None
    found = delivery_runs.get(tx, int(text))
    return found if found is not None and found.delivery == source.id else None


def _newest(tx: Transaction, source: Delivery, origin: Origin, branch: str) -> Run | None:
    ref = branch if not branch or branch.startswith("refs/") else _HEADS + branch
    wanted = Wanted(source.project, (source.id,), (delivery_runs.COMPLETED,), _results(origin), ref, "")
    tags = {tag.lower() for tag in origin.tags}
    for run in delivery_runs.newest(tx, wanted, limit=_MOST if tags else 1):
        if tags <= {tag.lower() for tag in run.tags}:
            return run
    return None


def _results(origin: Origin) -> list[str]:
    partial = ["partiallySucceeded"] if origin.allows_partial else []
    return ["succeeded", *partial, *(["failed"] if origin.allows_failed else [])]


def _word(origin: Origin) -> str:
    partial = ["partially succeeded"] if origin.allows_partial else []
    return " or ".join(["succeeded", *partial, *(["failed"] if origin.allows_failed else [])])
