"""What of a pipeline cannot run on this machine, all of it, before anything runs."""

from collections.abc import Iterator

from pratique.delivery.inputs import problems_with_inputs
from pratique.delivery.pipeline import Pipeline, Step
from pratique.delivery.tasks import rule_of
from pratique.delivery.trouble import Troubles

_CHECKOUT_ONLY_DEFAULT = ("lfs", "fetchFilter", "sparseCheckoutDirectories", "sparseCheckoutPatterns")


def note_refusals(pipeline: Pipeline, troubles: Troubles, *, has_pwsh: bool) -> None:
    """Note what is wrong with the inputs of tasks, and what needs a program that is not there.

    `has_pwsh` says whether the machine that runs jobs has a PowerShell.
    """
    for step in _steps(pipeline):
        if step.kind == "task":
            _note_task(step, troubles, has_pwsh=has_pwsh)
        elif step.kind == "checkout":
            _note_checkout(step, troubles)


def refusals(pipeline: Pipeline, *, has_pwsh: bool) -> Troubles:
    """The same by itself; `raise_if_any` of what it gives raises for all problems at once."""
    troubles = Troubles()
    note_refusals(pipeline, troubles, has_pwsh=has_pwsh)
    return troubles


def _steps(pipeline: Pipeline) -> Iterator[Step]:
    for stage in pipeline.stages:
        for job in stage.jobs:
            yield from job.all_steps()


def _note_task(step: Step, troubles: Troubles, *, has_pwsh: bool) -> None:
    for problem in problems_with_inputs(step.task, step.inputs):
        if problem.is_warning:
            troubles.warn(problem.message, step.place, hint=problem.hint)
        else:
            troubles.refuse(problem.message, step.place, hint=problem.hint, is_not_yet=problem.is_not_yet)
    if not has_pwsh and _needs_pwsh(step):
        hint = "install PowerShell so that `pwsh` is on the PATH, or write the step for bash"
        troubles.refuse(f"{step.task} needs pwsh, which is not on this machine", step.place, hint=hint, is_not_yet=True)


def _needs_pwsh(step: Step) -> bool:
    if step.task.startswith("AzureCLI@2"):
        given = {name.lower(): value for name, value in step.inputs.items()}
        return given.get("scripttype", "").strip().lower() == "pscore"
    return rule_of(step.task).note == "needs pwsh"


def _note_checkout(step: Step, troubles: Troubles) -> None:
    for name in _CHECKOUT_ONLY_DEFAULT:
        if step.inputs.get(name, "").strip().lower() not in ("", "false"):
            troubles.refuse(f"{name} of a checkout is not run here", step.place, is_not_yet=True)
