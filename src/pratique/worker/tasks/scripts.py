"""Bash@3, CmdLine@2, PowerShell@2 and PythonScript@0: a script in a file of the temporary folder, run by its shell.

bash runs without -e: the exit code is that of the last command, as on an agent.
"""

import shlex
import shutil
import uuid
from pathlib import Path
from typing import Final

from pratique.worker.step import Outcome, StepRun, failed
from pratique.worker.tasks.work import Work

_PREFERENCES: Final = {
    "errorActionPreference": "ErrorActionPreference",
    "warningPreference": "WarningPreference",
    "informationPreference": "InformationPreference",
    "verbosePreference": "VerbosePreference",
    "debugPreference": "DebugPreference",
    "progressPreference": "ProgressPreference",
}
_PYTHONS: Final = ("python", "python3")
_LAST_EXIT_CODE: Final = "if (Test-Path -LiteralPath variable:\\LASTEXITCODE) { exit $LASTEXITCODE }"


def bash(work: Work) -> Outcome:
    """Bash@3."""
    inputs, folder = work.inputs, work.run.folder(work.inputs.text("workingDirectory"))
    if inputs.word("targetType") == "inline":
        text = inputs.text("script")
    else:
        text = f"exec bash {shlex.quote(str(work.script('filePath')))} {inputs.text('arguments')}".rstrip()
    variables = {"BASH_ENV": inputs.text("bashEnvValue")} if inputs.text("bashEnvValue") else None
    return run_bash(work, text, folder=folder, fails_on_errors=inputs.is_on("failOnStderr"), environment=variables)


def command_line(work: Work) -> Outcome:
    """CmdLine@2, which is what `script:` stands for."""
    folder = work.run.folder(work.inputs.text("workingDirectory"))
    return run_bash(work, work.inputs.text("script"), folder=folder, fails_on_errors=work.inputs.is_on("failOnStderr"))


def python_script(work: Work) -> Outcome:
    """PythonScript@0, by the `python` that is on the PATH unless the step names an interpreter."""
    inputs, run = work.inputs, work.run
    path = run.environment()["PATH"]
    wanted = inputs.text("pythonInterpreter").strip()
    shell = next(filter(None, (shutil.which(name, path=path) for name in ([wanted] if wanted else _PYTHONS))), None)
    if shell is None:
        return failed(f"there is no {wanted or 'python'} on the PATH")
    if inputs.word("scriptSource") == "inline":
        file = _script(run, inputs.text("script"), ".py")
    else:
        file = work.script("scriptPath")
    argv = [shell, str(file), *_words(inputs.text("arguments"))]
    run.say(f"##[command]{' '.join(argv)}")
    folder = run.folder(inputs.text("workingDirectory"))
    return _run(work, argv, "python", folder=folder, fails_on_errors=inputs.is_on("failOnStderr"), environment=None)


def powershell(work: Work) -> Outcome:
    """PowerShell@2, by pwsh."""
    inputs, folder = work.inputs, work.run.folder(work.inputs.text("workingDirectory"))
    if inputs.word("targetType") == "inline":
        body = inputs.text("script")
    else:
        body = sourced(work.script("filePath"), inputs.text("arguments"))
    preferences = {
        variable: inputs.text(name) for name, variable in _PREFERENCES.items() if inputs.word(name) != "default"
    }
    return run_pwsh(
        work,
        body,
        folder=folder,
        preferences=preferences,
        fails_on_errors=inputs.is_on("failOnStderr"),
        heeds_exit_code=not inputs.is_on("ignoreLASTEXITCODE"),
    )


def run_bash(
    work: Work,
    text: str,
    *,
    folder: Path,
    fails_on_errors: bool,
    environment: dict[str, str] | None = None,
    arguments: str = "",
) -> Outcome:
    """Run `text` by bash; `arguments` are the shell's words behind it."""
    shell = shutil.which("bash", path=work.run.environment()["PATH"])
    if shell is None:
        return failed("there is no bash on the PATH")
    file = _script(work.run, text, ".sh")
    argv = [shell, "--noprofile", "--norc", str(file), *_words(arguments)]
    work.run.say(f"##[command]{' '.join(argv)}")
    return _run(work, argv, "bash", folder=folder, fails_on_errors=fails_on_errors, environment=environment)


def run_pwsh(
    work: Work,
    body: str,
    *,
    folder: Path,
    preferences: dict[str, str],
    fails_on_errors: bool,
    heeds_exit_code: bool,
    environment: dict[str, str] | None = None,
) -> Outcome:
    """Run `body` by pwsh, in which an error that was not caught is a failure."""
    shell = shutil.which("pwsh", path=work.run.environment()["PATH"])
    if shell is None:
        return failed("there is no pwsh on the PATH")
    head = [f"${name} = {_quoted(value)}" for name, value in preferences.items()]
    tail = [_LAST_EXIT_CODE] if heeds_exit_code else []
    file = _script(work.run, "\n".join([*head, body, *tail]), ".ps1")
    argv = [shell, "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", f". '{file}'"]
    work.run.say(f"##[command]{' '.join(argv)}")
    return _run(work, argv, "pwsh", folder=folder, fails_on_errors=fails_on_errors, environment=environment)


def sourced(file: Path, arguments: str) -> str:
    """What PowerShell runs `file` by, in its own scope, with the words that a user wrote behind it."""
    return f". {_quoted(str(file))} {arguments}".rstrip()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _run(
    work: Work, argv: list[str], what: str, *, folder: Path, fails_on_errors: bool, environment: dict[str, str] | None
) -> Outcome:
    ended = work.execute(argv, folder=folder, environment=environment, keeps_errors_apart=fails_on_errors)
    outcome = work.run.outcome(ended, what)
    if fails_on_errors and ended.wrote_errors and ended.stopped is None and ended.code == 0:
        return failed(f"{what} wrote to the standard error stream")
    return outcome


def _script(run: StepRun, text: str, suffix: str) -> Path:
    file = run.job.workspace.temp / f"{uuid.uuid4()}{suffix}"
    file.write_text(text.replace("\r\n", "\n") + "\n", encoding="utf-8")
    file.chmod(0o700)
    return file


def _words(arguments: str) -> list[str]:
    """What a user wrote behind a script, as the task cuts it into words."""
    try:
        return shlex.split(arguments)
    except ValueError:
        return arguments.split()
