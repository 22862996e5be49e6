"""What of a pipeline cannot run on one machine, all of it, before anything runs.

What no machine runs is refused when the pipeline is checked
(`pratique.delivery.checks`); here is what depends on the machine.
"""

from pratique.delivery.pipeline import Pipeline, Step
from pratique.delivery.tasks import rule_of
from pratique.delivery.trouble import Troubles

NEEDS_PWSH = "needs pwsh"
"""The note of a task that is PowerShell's."""


def refusals(pipeline: Pipeline, *, has_pwsh: bool) -> Troubles:
    """What needs a program that is not there; `raise_if_any` of it raises for all problems at once.

    `has_pwsh` says whether the machine that runs jobs has a PowerShell (`shutil.which("pwsh")`).
    """
    troubles = Troubles()
    for stage in pipeline.stages:
        for job in stage.jobs:
            for step in job.all_steps():
                if step.task and step.is_enabled is not False and _needs_pwsh(step) and not has_pwsh:
                    said = f"{step.task} needs pwsh, which is not on this machine"
                    hint = "install PowerShell so that `pwsh` is on the PATH, or write the step for bash"
                    troubles.refuse(said, step.place, hint=hint, is_not_yet=True)
    return troubles


def _needs_pwsh(step: Step) -> bool:
    if step.task == "AzureCLI@2":
        given = {name.lower(): value for name, value in step.inputs.items()}
        return given.get("scripttype", "").strip().lower() == "pscore"
    return rule_of(step.task).note == NEEDS_PWSH
