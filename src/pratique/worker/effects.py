"""What each logging command does to the step that printed it, and to its job.

Supported: task.setvariable setsecret complete logissue setprogress debug prependpath
uploadsummary uploadfile addattachment, build.updatebuildnumber addbuildtag uploadlog
uploadsummary, artifact.upload, results.publish, codecoverage.publish. The others are
warned about and do nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

from pratique.base.errors import PratiqueError
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.expressions.values import folded
from pratique.delivery.masking import SHORTEST
from pratique.delivery.records import Attachment, Issue
from pratique.delivery.run.outcomes import Result
from pratique.worker.commands import Command, command_of
from pratique.worker.publishing import publish_artifact, publish_coverage, publish_tests
from pratique.worker.step import StepRun
from pratique.worker.variables import ReadOnlyError

Effect: TypeAlias = Callable[[StepRun, Command], None]

LARGEST_SUMMARY: Final = 1 << 20
"""Bytes of one summary."""
_RESULTS: Final = {
    "succeeded": Result.SUCCEEDED,
    "succeededwithissues": Result.SUCCEEDED_WITH_ISSUES,
    "failed": Result.FAILED,
    "canceled": Result.CANCELED,
    "cancelled": Result.CANCELED,
    "skipped": Result.SKIPPED,
}

_HARMLESS: Final = frozenset(
    f"task.{name}" for name in ("complete", "debug", "issue", "logissue", "setprogress", "setsecret", "setvariable")
)
"""What a step whose commands are restricted may do."""


class CommandError(ValueError):
    """The command cannot do what it says."""


def on_line(run: StepRun, line: str) -> None:
    """Take one line of a step's output: a command does its work and is not shown, anything else goes to the log."""
    command = command_of(line)
    if command is None:
        run.print(line)
        return
    effect = EFFECTS.get(command.name)
    if effect is None:
        run.warn(f"##[{command.name}] is no logging command that is known here; it does nothing")
        run.say(line)
        return
    try:
        _check_target(run, command)
        effect(run, command)
        run.debug(f"processed: {line}")
    except CommandError as error:
        run.warn(f"{command.name}: {error}")
    except ReadOnlyError as error:
        run.warn(str(error))
    except (PratiqueError, OSError) as error:
        run.error(f"{command.name}: {error}")
        run.ask(Result.FAILED)


def _check_target(run: StepRun, command: Command) -> None:
    """Raise `CommandError` for what the `target` of the step does not let its output do."""
    if run.step.is_restricted and command.name not in _HARMLESS:
        raise CommandError("the target of this step restricts it, so it does nothing")
    settable, name = run.step.settable, command.get("variable")
    if command.name == "task.setvariable" and settable is not None and folded(name) not in map(folded, settable):
        known = ", ".join(settable) or "none"
        raise CommandError(f"the target of this step does not let it set {name} (settableVariables: {known})")


def _set_variable(run: StepRun, command: Command) -> None:
    name, value = command.get("variable"), command.data
    if not name:
        raise CommandError("it names no variable")
    is_secret = command.is_on("issecret")
    _warn_of_unknown(run, command, ("variable", "issecret", "isoutput", "isreadonly"))
    if is_secret:
        _hide(run, value)
    if not command.is_on("isoutput"):
        variable = Variable(name, value, is_secret, command.is_on("isreadonly"))
        if name == "PATH":
            run.job.variables.extend_path(variable, run.job.path)
        run.job.variables.set(variable)
    elif run.step.name:
        run.job.variables.set_output(run.step.name, name, value, is_secret=is_secret)
        run.output_was_set()
    else:
        raise CommandError(f"nothing can read the output {name}, because the step has no name: give it `name:`")


def _set_secret(run: StepRun, command: Command) -> None:
    if not command.data:
        raise CommandError("it names no secret")
    _hide(run, command.data)


def _hide(run: StepRun, value: str) -> None:
    run.job.masker.add(value)
    if value and len(value.strip()) < SHORTEST:
        run.warn(f"a secret of fewer than {SHORTEST} characters is not masked: it is in every other word")


def _complete(run: StepRun, command: Command) -> None:
    word = command.get("result").strip().lower()
    if word and word not in _RESULTS:
        raise CommandError(f"{word} is no result; expected Succeeded, SucceededWithIssues or Failed")
    run.ask(_RESULTS.get(word, Result.SUCCEEDED))
    if command.data:
        run.progress(100, command.data)


def _log_issue(run: StepRun, command: Command) -> None:
    kind = command.get("type").strip().lower()
    if kind not in ("error", "warning"):
        raise CommandError(f"the type of an issue is error or warning; got {kind or 'nothing'}")
    place = command.get("sourcepath")
    line, column = _number(command.get("linenumber")), _number(command.get("columnnumber"))
    run.issue(Issue(kind, command.data, command.get("code"), place, line, column))


def _progress(run: StepRun, command: Command) -> None:
    run.progress(_number(command.get("value")), command.data)


def _debug(run: StepRun, command: Command) -> None:
    run.debug(command.data)


def _prepend_path(run: StepRun, command: Command) -> None:
    if not command.data or "\0" in command.data:
        raise CommandError("it names no folder")
    paths = run.job.paths
    if command.data in paths:
        paths.remove(command.data)
    paths.insert(0, command.data)


def _summary(run: StepRun, command: Command) -> None:
    file = _file(run, command)
    with file.open("rb") as stream:
        data = stream.read(LARGEST_SUMMARY + 1)
    if len(data) > LARGEST_SUMMARY:
        raise CommandError(f"a summary has at most {LARGEST_SUMMARY:,} bytes")
    run.summarise(data.decode("utf-8", "replace"))


def _upload_file(run: StepRun, command: Command) -> None:
    file = _file(run, command)
    manifest = run.job.routes.upload(file)
    run.attach(Attachment(command.get("name") or file.name, manifest.digest))


def _tag(run: StepRun, command: Command) -> None:
    if not command.data.strip():
        raise CommandError("it names no tag")
    run.tag(command.data.strip())


def _number_run(run: StepRun, command: Command) -> None:
    number = command.data.strip()
    if not number:
        raise CommandError("it names no number")
    run.number_run(number)
    run.job.variables.platform({"Build.BuildNumber": number})


def _upload_artifact(run: StepRun, command: Command) -> None:
    name = command.get("artifactname") or command.get("containerfolder")
    if not name:
        raise CommandError("it names no artifact: artifactname=…")
    publish_artifact(run, _place(run, command), name)


def _publish_results(run: StepRun, command: Command) -> None:
    files = [run.folder("") / part.strip() for part in command.get("resultfiles").split(",") if part.strip()]
    publish_tests(run, command.get("type") or "JUnit", files, title=command.get("runtitle"))


def _publish_coverage(run: StepRun, command: Command) -> None:
    publish_coverage(run, [run.folder("") / command.get("summaryfile")])


def _file(run: StepRun, command: Command) -> Path:
    file = _place(run, command)
    if not file.is_file():
        raise CommandError(f"there is no file {command.data}")
    return file


def _place(run: StepRun, command: Command) -> Path:
    if not command.data or "\0" in command.data:
        raise CommandError("it names no file")
    return run.folder("") / command.data


def _number(text: str) -> int:
    return int(text) if text.strip().isascii() and text.strip().isdigit() and len(text) < 10 else 0


def _warn_of_unknown(run: StepRun, command: Command, known: tuple[str, ...]) -> None:
    for name in command.properties:
        if name not in known:
            said = " (remove the space before it)" if name.strip() in known else ""
            run.warn(f"{command.name} has no property {name!r}; it is passed over{said}")


EFFECTS: Final[Mapping[str, Effect]] = {
    "artifact.upload": _upload_artifact,
    "build.addbuildtag": _tag,
    "build.updatebuildnumber": _number_run,
    "build.uploadlog": _upload_file,
    "build.uploadsummary": _summary,
    "codecoverage.publish": _publish_coverage,
    "results.publish": _publish_results,
    "task.addattachment": _upload_file,
    "task.complete": _complete,
    "task.debug": _debug,
    "task.issue": _log_issue,
    "task.logissue": _log_issue,
    "task.prependpath": _prepend_path,
    "task.setprogress": _progress,
    "task.setsecret": _set_secret,
    "task.setvariable": _set_variable,
    "task.uploadfile": _upload_file,
    "task.uploadsummary": _summary,
}
"""Every command that acts, by its name."""
