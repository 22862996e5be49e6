"""AzureCLI@1, AzureCLI@2 and AzurePowerShell@5: scripts with an `az` that is logged in."""

import shlex
from contextlib import AbstractContextManager

from pratique.worker.azure import logged_in
from pratique.worker.step import Outcome
from pratique.worker.tasks.scripts import run_bash, run_pwsh, sourced
from pratique.worker.tasks.work import Work


def azure_cli_1(work: Work) -> Outcome:
    """Always bash, which is what version 1 has on Linux."""
    return _bash(work)


def azure_cli_2(work: Work) -> Outcome:
    return _pwsh(work) if work.inputs.word("scriptType") == "pscore" else _bash(work)


def azure_powershell(work: Work) -> Outcome:
    """AzurePowerShell@5; `az` is logged in, and no Az module is."""
    inputs, folder = work.inputs, work.run.folder(work.inputs.text("workingDirectory"))
    if inputs.word("scriptType") == "inlinescript":
        body = inputs.text("inline")
    else:
        body = sourced(work.script("scriptPath"), inputs.text("scriptArguments"))
    with logged_in(work.run, inputs.text("azureSubscription")) as variables:
        return run_pwsh(
            work,
            body,
            folder=folder,
            preferences={"ErrorActionPreference": inputs.text("errorActionPreference")},
            fails_on_errors=inputs.is_on("failOnStandardError"),
            heeds_exit_code=True,
            environment=variables,
        )


def _bash(work: Work) -> Outcome:
    inputs, folder = work.inputs, work.run.folder(work.inputs.text("workingDirectory"))
    if inputs.word("scriptLocation") == "inlinescript":
        text = inputs.text("inlineScript")
    else:
        text = f'exec bash {shlex.quote(str(work.script("scriptPath")))} "$@"'
    with _login(work) as variables:
        return run_bash(
            work,
            text,
            folder=folder,
            fails_on_errors=inputs.is_on("failOnStandardError"),
            environment=variables,
            arguments=inputs.text("arguments"),
        )


def _pwsh(work: Work) -> Outcome:
    inputs, folder = work.inputs, work.run.folder(work.inputs.text("workingDirectory"))
    if inputs.word("scriptLocation") == "inlinescript":
        body = inputs.text("inlineScript")
    else:
        body = sourced(work.script("scriptPath"), inputs.text("arguments"))
    with _login(work) as variables:
        return run_pwsh(
            work,
            body,
            folder=folder,
            preferences={"ErrorActionPreference": inputs.text("powerShellErrorActionPreference")},
            fails_on_errors=inputs.is_on("failOnStandardError"),
            heeds_exit_code=not inputs.is_on("powerShellIgnoreLASTEXITCODE"),
            environment=variables,
        )


def _login(work: Work) -> AbstractContextManager[dict[str, str]]:
    return logged_in(
        work.run,
        work.inputs.text("azureSubscription"),
        is_global=work.inputs.is_on("useGlobalConfig"),
        tells_secret=work.inputs.is_on("addSpnToEnvironment"),
    )
