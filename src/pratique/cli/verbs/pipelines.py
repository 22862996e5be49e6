"""`pipelines`: what Azure Pipelines files mean, told without running them, and pipelines under a name."""

from typing import Final

from pratique.base.errors import InvalidInput, NotYet, PratiqueError, Problem
from pratique.cli.pipeline_files import compiled_file
from pratique.cli.table import Document, Report, Table, flag, switch
from pratique.cli.talk import warn
from pratique.cli.verbs import pipelines_registered
from pratique.delivery.compile import Compiled
from pratique.delivery.explain import Explained, explained
from pratique.delivery.nodes import plain_data
from pratique.delivery.run.variables import RunInputs

TABLE = Table("pipelines")
TABLE.include(pipelines_registered.TABLE)

PARAMETERS: Final = flag(
    "parameters", "--parameters", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
    help="Parameters of the pipeline, as whoever starts a run gives them; YAML for lists and objects.",
)  # fmt: skip
VARIABLES: Final = flag(
    "variables", "--variables", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
    help="Variables known before the run, such as Build.SourceBranch=refs/heads/main; by default the branch that "
    "is checked out.",
)  # fmt: skip
REPOSITORY: Final = flag(
    "repositories", "--repository", nargs="+", action="extend", default=[], metavar="ALIAS=FOLDER",
    help="Where another repository of resources.repositories lies on this machine.",
)  # fmt: skip
COLUMNS: Final = {"File": "file", "Stages": "stages", "Jobs": "jobs", "Steps": "steps", "Files": "files"}


@TABLE.verb(
    "validate",
    arguments=(
        flag("files", "FILE", nargs="+", help="Azure Pipelines files; templates are found from them."),
        PARAMETERS,
        VARIABLES,
        REPOSITORY,
    ),
    examples={
        "Check a pipeline": "pratique pipelines validate azure-pipelines.yml",
        "With a parameter": "pratique pipelines validate azure-pipelines.yml --parameters environment=qa",
        "With templates of another repository": "pratique pipelines validate azure-pipelines.yml "
        "--repository mlops-templates=../mlops-templates",
    },
    columns=COLUMNS,
)
def validate(
    *, files: list[str], parameters: list[str], variables: list[str], repositories: list[str]
) -> list[Document]:
    """Check Azure Pipelines files: templates, parameters, expressions, tasks, dependencies.

    Tells every problem with file, line and the includes that led there. Nothing runs and no platform is needed.
    """
    done: list[Document] = []
    errors: list[PratiqueError] = []
    for file in files:
        try:
            found, _ = compiled_file(file, parameters=parameters, variables=variables, repositories=repositories)
        except PratiqueError as error:
            errors.append(error)
            continue
        _tell(found.warnings)
        done.append(_summary(file, found))
    _raise(errors)
    return done


@TABLE.verb(
    "expand",
    arguments=(
        flag("file", "FILE", help="Azure Pipelines file."),
        PARAMETERS,
        VARIABLES,
        REPOSITORY,
        switch("explain", help="Say of each stage and job whether and why it would run."),
    ),
    examples={
        "The pipeline as one file": "pratique pipelines expand azure-pipelines.yml",
        "As JSON, for another branch": "pratique pipelines expand azure-pipelines.yml -o json "
        "--variables Build.SourceBranch=refs/heads/dev Build.SourceBranchName=dev",
        "Why a stage runs": "pratique pipelines expand azure-pipelines.yml --explain",
    },
)
def expand(*, file: str, parameters: list[str], variables: list[str], repositories: list[str], explain: bool) -> Report:
    """Print the pipeline with all templates, parameters and compile-time expressions put in, or explain it.

    The output is YAML, or with --explain words; -o json and the other formats give the same as data.
    """
    found, known = compiled_file(file, parameters=parameters, variables=variables, repositories=repositories)
    _tell(found.warnings)
    if not explain:
        return Report(found.text, values=plain_data(found.tree))
    entries = explained(found.pipeline, RunInputs(system=known))
    return Report(_words(entries), values=[_document(entry) for entry in entries])


def _tell(warnings: tuple[Problem, ...]) -> None:
    for warning in warnings:
        warn(str(warning))


def _raise(errors: list[PratiqueError]) -> None:
    """One error for all files."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        problems = [problem for error in errors for problem in error.problems or (Problem(error.message),)]
        kind = NotYet if all(isinstance(error, NotYet) for error in errors) else InvalidInput
        raise kind.of(problems, what=f"{len(errors)} files")


def _summary(file: str, found: Compiled) -> Document:
    jobs = [job for stage in found.pipeline.stages for job in stage.jobs]
    return {
        "file": file,
        "stages": len(found.pipeline.stages),
        "jobs": len(jobs),
        "steps": sum(len(job.all_steps()) for job in jobs),
        "files": len(found.sources),
        "warnings": len(found.warnings),
    }


def _document(entry: Explained) -> Document:
    return {
        "stage": entry.stage,
        "job": entry.job or None,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "condition": entry.condition,
        "trace": list(entry.trace),
        "dependsOn": list(entry.depends_on),
        "environment": entry.environment or None,
    }


def _words(entries: tuple[Explained, ...]) -> str:
    return "\n".join(line for entry in entries for line in _lines(entry))


def _lines(entry: Explained) -> list[str]:
    indent = "  " if entry.job else ""
    name = f"job {entry.job}" if entry.job else f"stage {entry.stage}"
    after = f" after {', '.join(entry.depends_on)}" if entry.depends_on else ""
    where = f", deploys to {entry.environment}" if entry.environment else ""
    lines = [f"{indent}{name}{after}{where}: {entry.verdict}"]
    if entry.reason:
        lines.append(f"{indent}    because {entry.reason}")
    lines += [f"{indent}      {step}" for step in entry.trace if len(entry.trace) > 1]
    return lines
