"""The tasks that publish and download artifacts."""

from pathlib import Path

from pratique.delivery.message import PipelineRun
from pratique.delivery.origins import origin_of
from pratique.worker.artifacts import EVERYTHING, download, publish
from pratique.worker.step import Outcome
from pratique.worker.tasks.copying import empty
from pratique.worker.tasks.work import Work


def publish_build_artifact(work: Work) -> Outcome:
    return publish(work.run, work.inputs.text("pathToPublish"), work.inputs.text("artifactName"))


def publish_pipeline_artifact(work: Work) -> Outcome:
    return publish(work.run, work.inputs.text("targetPath"), work.inputs.text("artifactName"))


def download_pipeline_artifact(work: Work) -> Outcome:
    """One artifact goes into the folder itself; all of them, or those with patterns only, into one each."""
    inputs = work.inputs
    target = work.run.job.workspace.root / inputs.text("targetPath").strip()
    name = inputs.text("artifactName").strip()
    patterns = inputs.lines("itemPattern") or EVERYTHING

    def place(one: str) -> Path:
        return target if name else target / one

    return download(work.run, [name] if name else [], patterns, place, _origin(work))


def download_build_artifacts(work: Work) -> Outcome:
    """Every artifact goes into a folder of its name."""
    inputs = work.inputs
    target = work.run.job.workspace.root / inputs.text("downloadPath").strip()
    origin = _origin(work)
    if inputs.is_on("cleanDestinationFolder"):
        empty(target)
    is_single = inputs.word("downloadType") == "single"
    names = [inputs.text("artifactName").strip()] if is_single else []
    # Of a single artifact the pattern chooses nothing, as the task has it.
    patterns = EVERYTHING if is_single else inputs.lines("itemPattern") or EVERYTHING
    return download(work.run, names, patterns, lambda one: target / one, origin)


def _origin(work: Work) -> PipelineRun | None:
    """The run that is asked for, decided by the platform; None for this one."""
    wanted = origin_of(work.inputs)
    if wanted is None:
        _tell_number(work, work.run.job.message.run.id)
        return None
    found = work.run.job.routes.origin(wanted)
    work.run.say(f"from run {found.run} of the pipeline {found.delivery}")
    _tell_number(work, found.run)
    return found


def _tell_number(work: Work, run: int) -> None:
    """Set the output BuildNumber of a step that has a name; its value is the id, as the tasks' reference says."""
    if work.run.step.name:
        work.run.job.variables.set_output(work.run.step.name, "BuildNumber", str(run), is_secret=False)
        work.run.output_was_set()
