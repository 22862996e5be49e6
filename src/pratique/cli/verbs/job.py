"""`ml job`."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound, Problem
from pratique.cli.arguments import (
    ARCHIVED_ONLY,
    DOWNLOAD_PATH,
    FILE,
    INCLUDE_ARCHIVED,
    MAX_RESULTS,
    NAME,
    NO_WAIT,
    OPTIONAL_NAME,
    TAG,
    WEB,
)  # fmt: skip
from pratique.cli.browser import show_in_browser
from pratique.cli.files import changes_of, fetch, read_job, sent_job
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table, flag, switch
from pratique.cli.talk import goes_on, say, warn
from pratique.cli.usage import UsageError
from pratique.cli.verbs.assets import check_view, in_view
from pratique.cli.waiting import failure_of, wait_until
from pratique.client.jobs import MOST, Jobs, is_terminal
from pratique.content.paths import check_relative
from pratique.specs.edits import Edits

TABLE = Table("ml job")

COLUMNS: Final = {
    "Name": "name",
    "Display name": "display_name",
    "Experiment": "experiment_name",
    "Status": "status",
    "Created": "creation_context.created_at",
}
CHANGEABLE: Final = ("description", "display_name", "tags")
_ARTIFACTS: Final = ("artifacts", "default")
"""Names of the run's folder, which every job has and may leave empty."""

STREAM: Final = switch(
    "stream", "--stream", "-s", help="Follow the log on stderr until the job ends; exit 1 when it failed."
)


@TABLE.verb(
    "create",
    arguments=(FILE.required(), OPTIONAL_NAME, STREAM, WEB),
    examples={
        "Submit a job and follow it": "pratique ml job create -f job.yml --stream",
        "Submit with another parameter": "pratique ml job create -f job.yml --set inputs.lr=0.1",
        "Keep its name": "name=$(pratique ml job create -f job.yml --query name -o tsv)",
    },
)
def create(place: Place, *, file: str, name: str | None, edits: Edits, stream: bool, web: bool) -> Document:
    """Submit a job or a pipeline: its code and local inputs are uploaded, its git commit is noted.

    The file may be what `ml job show -o yaml` printed of another job: the new one is its clone, with the changes of
    --set, --add and --remove. `--set name=NEW` names it, `--set name=` lets the platform make a name up.
    """
    read = read_job(file, name=name, edits=edits)
    jobs = Jobs(place.connection, place.workspace)
    try:
        with read.placing_problems():
            job = jobs.create(sent_job(place, read), git=read.git)
    except AlreadyExists as error:
        raise AlreadyExists(
            error.message, hint="name it with --set name=NEW, or let the platform make a name up with --set name="
        ) from error
    if web:
        show_in_browser(place.connection, _page(job))
    if not stream:
        return job
    return _follow(jobs, str(job["name"]), lambda chunk: _write(sys.stderr, chunk))


@TABLE.verb(
    "validate",
    arguments=(FILE.required(),),
    examples={"Check a job before it is submitted": "pratique ml job validate -f job.yml --set inputs.lr=0.1"},
)
def validate(place: Place, *, file: str, edits: Edits) -> Report:
    """Check the file of a job, without a platform; exit 1 when something is wrong with it.

    All that is wrong is told at once, with file, line and key.
    """
    if place.resource_group or place.workspace_name or place.subscription:
        say("a file is checked without a platform, so -g, -w and --subscription choose nothing")
    try:
        read_job(file, name=None, edits=edits)
    except InvalidInput as error:
        problems = error.problems or (Problem(error.message, file=file, hint=error.hint),)
        return Report(
            "\n".join(map(str, problems)),
            values={"result": "Failed", "errors": [_as_azure_says(problem) for problem in problems]},
            exit_code=1,
        )
    return Report(f"{file}: valid", values={"result": "Succeeded"})


@TABLE.verb(
    "stream",
    arguments=(NAME,),
    examples={"Follow a job": "pratique ml job stream -n brave_lantern"},
)
def stream(place: Place, *, name: str) -> None:
    """Follow the log of a job until it ends; exit 1 when it failed.

    The log is data and goes to stdout; the final status goes to stderr.
    """
    jobs = Jobs(place.connection, place.workspace)
    jobs.show(name)
    _follow(jobs, name, lambda chunk: _write(sys.stdout, chunk))


@TABLE.verb(
    "show",
    arguments=(NAME, WEB),
    examples={"Show a job": "pratique ml job show -n brave_lantern --query status -o tsv"},
    columns=COLUMNS,
)
def show(place: Place, *, name: str, web: bool) -> Document:
    """Show a job."""
    job = Jobs(place.connection, place.workspace).show(name)
    if web:
        show_in_browser(place.connection, _page(job))
    return job


@TABLE.verb(
    "list",
    arguments=(
        flag("parent_job_name", "--parent-job-name", "-p", help="List the steps of this pipeline."),
        TAG, MAX_RESULTS, INCLUDE_ARCHIVED, ARCHIVED_ONLY,
    ),
    examples={
        "List the jobs": "pratique ml job list -o table",
        "List the steps of a pipeline": "pratique ml job list --parent-job-name brave_lantern -o table",
        "The newest that failed": "pratique ml job list --query \"[?status=='Failed'].name | [0]\" -o tsv",
    },
    columns=COLUMNS,
)  # fmt: skip
def list_all(
    place: Place,
    *,
    parent_job_name: str | None,
    tags: list[str],
    max_results: int | None,
    include_archived: bool,
    archived_only: bool,
) -> list[Document]:
    """List the jobs, newest first; steps of pipelines only when their pipeline is named."""
    check_view(include_archived, archived_only)
    narrowed = tags or archived_only
    limit = max_results if max_results and not narrowed else MOST
    found = Jobs(place.connection, place.workspace).all(
        limit=limit, archived=include_archived or archived_only, parent=parent_job_name or ""
    )
    if len(found) == MOST:
        warn(f"these are of the newest {MOST} jobs")
    seen = [
        job
        for job in found
        if in_view(job, include_archived=include_archived, archived_only=archived_only)
        and all(_has_tag(job, tag) for tag in tags)
    ]
    return seen[:max_results] if max_results else seen


@TABLE.verb(
    "update",
    arguments=(NAME, WEB),
    examples={
        "Tag a job": "pratique ml job update -n brave_lantern --set tags.kept=yes",
        "Name it for people": "pratique ml job update -n brave_lantern --set display_name='Baseline'",
    },
)
def update(place: Place, *, name: str, edits: Edits, web: bool) -> Document:
    """Change what is said about a job: tags, display_name, description; what it runs never changes."""
    if not edits:
        raise UsageError("nothing to change", hint="give --set tags.kept=yes or --remove tags.kept")
    jobs = Jobs(place.connection, place.workspace)
    job = jobs.update(name, changes_of(jobs.show(name), edits, allowed=CHANGEABLE))
    if web:
        show_in_browser(place.connection, _page(job))
    return job


@TABLE.verb(
    "cancel",
    arguments=(NAME, NO_WAIT),
    examples={"Stop a job": "pratique ml job cancel -n brave_lantern"},
)
def cancel(place: Place, *, name: str, no_wait: bool) -> Document | None:
    """Stop a job, and wait until it has stopped."""
    jobs = Jobs(place.connection, place.workspace)
    jobs.cancel(name)
    if no_wait:
        return None
    return wait_until(
        lambda seconds: jobs.show(name, wait=seconds),
        settled=is_terminal,
        state="status",
        name=name,
        resume=f"pratique ml job show -n {name}",
    )


@TABLE.verb(
    "archive", arguments=(NAME,), examples={"Hide a job from lists": "pratique ml job archive -n brave_lantern"}
)
def archive(place: Place, *, name: str) -> None:
    """Hide a job from lists."""
    Jobs(place.connection, place.workspace).update(name, {"is_archived": True})
    say(f"{name}: archived")


@TABLE.verb("restore", arguments=(NAME,), examples={"Show it again": "pratique ml job restore -n brave_lantern"})
def restore(place: Place, *, name: str) -> None:
    """Show an archived job in lists again."""
    Jobs(place.connection, place.workspace).update(name, {"is_archived": False})
    say(f"{name}: restored")


@TABLE.verb(
    "download",
    arguments=(
        NAME,
        flag("output_name", "--output-name", help="The output; without one, the job's artifacts."),
        switch("all_outputs", "--all", help="The artifacts and every output."),
        DOWNLOAD_PATH,
    ),
    examples={
        "What the job wrote into ./outputs": "pratique ml job download -n brave_lantern",
        "One output": "pratique ml job download -n brave_lantern --output-name model --download-path ./got",
    },
)
def download(place: Place, *, name: str, output_name: str | None, all_outputs: bool, download_path: str) -> None:
    """Download what a job made.

    As with az: artifacts go to `artifacts`, an output to `named-outputs/NAME`, both in --download-path.
    """
    if output_name and all_outputs:
        raise UsageError("--output-name and --all exclude one another")
    jobs = Jobs(place.connection, place.workspace)
    for output, digest in _chosen(jobs, name, output_name or "", all_outputs=all_outputs):
        fetch(place, digest, _folder_of(output, Path(download_path)))


def _chosen(jobs: Jobs, name: str, output_name: str, *, all_outputs: bool) -> list[tuple[str, str]]:
    """What is downloaded: names of outputs with the digests of what is in them."""
    declared = [output for output in jobs.show(name).get("outputs") or {} if output not in _ARTIFACTS]
    if output_name not in ("", *_ARTIFACTS):
        return [(output_name, jobs.output(name, output_name))]
    artifacts = _artifacts(jobs, name)
    found = [("artifacts", artifacts)] if artifacts else []
    if all_outputs:
        return [*found, *((output, jobs.output(name, output)) for output in declared)]
    if not found:
        hint = f"it has {', '.join(declared)}: give --output-name or --all" if declared else "it wrote no file there"
        raise NotFound(f"the job {name} has no artifacts", hint=hint)
    return found


def _artifacts(jobs: Jobs, name: str) -> str:
    """The digest of what a job wrote into its run's folder; empty when that is nothing."""
    try:
        return jobs.output(name, "artifacts")
    except NotFound:
        return ""


def _folder_of(output: str, into: Path) -> Path:
    """Where an output goes; its name comes from the server and is taken as one plain folder only."""
    if output in _ARTIFACTS:
        return into / "artifacts"
    if "/" in check_relative(output):
        raise UsageError(f"{output!r} is not the name of an output")
    return into / "named-outputs" / output


def _follow(jobs: Jobs, name: str, write: Callable[[bytes], None]) -> Document:
    """Write the log as it comes and return the finished job; raises `ComputeFailed` when it failed."""
    with goes_on(f"pratique ml job stream -n {name}"):
        for chunk in jobs.follow(name):
            write(chunk)
    job = jobs.show(name)
    say(f"{name}: {job['status']}")
    if job["status"] != "Completed":
        raise failure_of(job, f"the job {name} is {job['status']}{_failed_steps(job)}")
    return job


def _failed_steps(job: Document) -> str:
    """Which steps of a pipeline ended badly, each with the name of its job."""
    steps = job.get("jobs") or {}
    failed = [f"{step} ({one.get('name')})" for step, one in steps.items() if one.get("status") == "Failed"]
    return f"; failed: {', '.join(failed)}" if failed else ""


def _write(stream: Any, chunk: bytes) -> None:
    """The log's bytes as they are: a line may end in the middle of a character."""
    stream.flush()
    stream.buffer.write(chunk)
    stream.buffer.flush()


def _as_azure_says(problem: Problem) -> Document:
    """A problem in the shape of `az ml job validate`."""
    location = f"{problem.file}#line {problem.line}" if problem.line else problem.file
    message = f"{problem.message} ({problem.hint})" if problem.hint else problem.message
    return {"location": location, "message": message, "path": problem.key}


def _page(job: Document) -> str:
    studio = (job.get("services") or {}).get("Studio") or {}
    return str(studio.get("endpoint") or "")


def _has_tag(job: Document, wanted: str) -> bool:
    name, given, value = wanted.partition("=")
    tags = job.get("tags") or {}
    return name in tags and (not given or str(tags[name]) == value)
