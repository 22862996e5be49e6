"""The tables of ``guides/azure-pipelines.md``: what of Azure Pipelines is supported, refused, or differs.

What is refused and what is warned of is asked of the compiler: each row is a
small pipeline, and the cell beside it what the compiler says of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from generator.markdown import code, table
from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.delivery.compile import Compiled, compiled
from pratique.delivery.expressions.functions import BASIC, COMPILE_TIME, Function
from pratique.delivery.inputs import inputs_of
from pratique.delivery.refusals import refusals
from pratique.delivery.run.status import COUNTER, STATUS
from pratique.delivery.tasks import KNOWN, Task, known_references
from pratique.worker.effects import EFFECTS

_FILE: Final = "azure-pipelines.yml"


@dataclass(frozen=True)
class Snippet:
    """A small pipeline, of which one line matters."""

    line: str
    """What the page shows."""
    around: str = "steps:\n- {}"
    """The rest of the file, with a gap for the line."""

    @property
    def text(self) -> str:
        return self.around.format(self.line)


_JOB: Final = "jobs:\n- job: A\n  {}\n  steps: [{{script: make}}]"
_AZURE: Final = """\
steps:
- task: AzureCLI@2
  inputs: {{azureSubscription: dev, scriptLocation: inlineScript, inlineScript: ls, {}}}
"""
_LATE: Final = """\
jobs:
- job: A
  variables: {{a_variable_of_the_job: dev}}
  steps:
  - task: AzureCLI@1
    inputs:
      {}
      scriptLocation: inlineScript
      inlineScript: ls
"""
_SERVER: Final = "jobs:\n- job: A\n  pool: server\n  steps:\n  - {}"
_ROOT: Final = "{}\nsteps: [{{script: make}}]"

REFUSED: Final = (
    Snippet("task: Docker@2"),
    Snippet("task: TerraformTaskV4@4"),
    Snippet("task: HelmDeploy@0"),
    Snippet("task: AzureMLJobWaitTask@1"),
    Snippet("task: DownloadPipelineArtifact@0"),
    Snippet("container: python:3.11", _JOB),
    Snippet("services: {db: postgres}", _JOB),
    Snippet("{script: make, target: tools}"),
    Snippet("pool: {vmImage: windows-latest}", _ROOT),
    Snippet("pool: {vmImage: macOS-14}", _ROOT),
    Snippet("pool: server", _ROOT),
    Snippet("pwsh: Get-Date"),
    Snippet("scriptType: ps", _AZURE),
    Snippet("getPackage: feed"),
    Snippet("{checkout: self, lfs: true}"),
    Snippet("resources: {webhooks: [{webhook: hook}]}", _ROOT),
    Snippet("resources: {packages: [{package: pack}]}", _ROOT),
    Snippet("{task: DownloadPipelineArtifact@2, inputs: {buildType: specific, project: credit}}"),
    Snippet("{task: Delay@1, inputs: {delayForMinutes: 5}}"),
    Snippet("{task: InvokeRESTAPI@1, inputs: {serviceConnection: api, waitForCompletion: true}}", _SERVER),
    Snippet("azureSubscription: $(a_variable_of_the_job)", _LATE),
)  # fmt: skip
"""Every row has to be refused, and the machine that runs it is one without PowerShell."""

WARNED: Final = (
    Snippet("trigger: [none]", _ROOT),
    Snippet("{task: Docker@2, enabled: false}"),
    Snippet("{task: Bash@3, inputs: {targetType: inline, script: make, shell: zsh}}"),
    Snippet("condition: eq('$(kind)', 'full')", _JOB),
    Snippet("condition: eq(dependencies.B.outputs['build.version'], '1')", _JOB),
    Snippet("variables: {Build.Reason: mine}", _ROOT),
)
"""Every row runs, and is warned of before."""

_PLACES: Final[Mapping[str, str]] = {
    "compile": "`${{ }}`, `$[ ]`, conditions",
    "early": "`${{ }}` only",
    "status": "conditions",
    "counter": "`$[ ]` of variables",
}


def tasks() -> str:
    """Which tasks run."""
    return table(("task", "", "inputs"), map(_task, KNOWN))


def _task(task: Task) -> tuple[str, str, str]:
    references = [f"{task.name}@{version}" for version in task.versions]
    said = [*(["with `pool: server`"] if task.runs_on_server else []), *([task.note] if task.note else [])]
    inputs = dict.fromkeys(one.name for reference in references for one in inputs_of(reference) if not one.note)
    return ", ".join(map(code, references)), "; ".join(said), ", ".join(map(code, inputs))


def functions() -> str:
    """The functions of the expression language by where they may stand."""
    kinds: dict[str, Iterable[Function]] = {
        "compile": BASIC.values(),
        "early": (one for name, one in COMPILE_TIME.items() if name not in BASIC),
        "status": STATUS.values(),
        "counter": COUNTER.values(),
    }
    return table(
        ("where", "functions"),
        ((_PLACES[kind], ", ".join(map(code, sorted(one.name for one in found)))) for kind, found in kinds.items()),
    )


def commands() -> str:
    """The logging commands that act."""
    areas: dict[str, list[str]] = {}
    for name in sorted(EFFECTS):
        area, _, event = name.partition(".")
        areas.setdefault(area, []).append(event)
    return table(
        ("`##vso[`", "commands"), ((code(area), ", ".join(map(code, events))) for area, events in areas.items())
    )


def refused() -> str:
    """What is not run, as it is said."""
    return table(("written", "said before anything runs"), ((code(one.line), refusal_of(one)) for one in REFUSED))


def warned() -> str:
    """What runs and may surprise, as it is said."""
    return table(("written", "said"), ((code(one.line), _sentence(warning_of(one))) for one in WARNED))


def unused() -> str:
    """Inputs that are taken and change nothing."""
    return table(("task", "inputs that change nothing", "because"), _unused())


def _unused() -> Iterator[tuple[str, str, str]]:
    for task in KNOWN:
        reference = f"{task.name}@{task.versions[-1]}"
        notes: dict[str, list[str]] = {}
        for one in inputs_of(reference):
            if one.note:
                notes.setdefault(one.note, []).append(one.name)
        for note, names in notes.items():
            yield code(reference), ", ".join(map(code, names)), note


def refusal_of(snippet: Snippet) -> str:
    """What the compiler says of a pipeline that it refuses; raises `LookupError` when it does not."""
    try:
        refusals(_compiled(snippet).pipeline, has_pwsh=False).raise_if_any(_FILE)
    except InvalidInput as error:
        return "; ".join(map(_sentence, error.problems))
    raise LookupError(f"this runs: {snippet.line}")


def warning_of(snippet: Snippet) -> Problem:
    """What the compiler warns of; raises `LookupError` when it does not."""
    for problem in _compiled(snippet).warnings:
        return problem
    raise LookupError(f"nothing is said of: {snippet.line}")


def _compiled(snippet: Snippet) -> Compiled:
    def read(_: str, path: str) -> str:
        if path != _FILE:
            raise NotFound(f"there is no file {path}")
        return snippet.text

    return compiled(read, _FILE)


def _sentence(problem: Problem) -> str:
    # The list of all tasks that is the hint of an unknown one is a table of its own.
    hint = problem.hint if problem.hint and f"known: {known_references()[0]}" not in problem.hint else ""
    return problem.message + (f" ({hint})" if hint else "")


TABLES: Final = {
    "tasks": tasks,
    "functions": functions,
    "commands": commands,
    "refused": refused,
    "warned": warned,
    "unused": unused,
}
"""By the name that the page gives the gap for them."""
