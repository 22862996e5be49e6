"""`pipelines run`: a pipeline of a working tree as it is, or one that was registered."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import ComputeFailed, InvalidInput, PratiqueError
from pratique.cli.pipeline_files import Checkout, compiled_file
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, default_project, project_of, told
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import Transfer, goes_on, say, warn
from pratique.cli.usage import UsageError, pairs
from pratique.cli.verbs.run_approvals import answering
from pratique.client.deliveries import Deliveries, DeliveryRuns, Projects
from pratique.client.source_control import git_tags
from pratique.delivery.nodes import SELF

TABLE = Table("pipelines run")
COLUMNS: Final = {
    "Run ID": "id",
    "Number": "buildNumber",
    "Status": "status",
    "Result": "result",
    "Pipeline": "definition.name",
    "Branch": "sourceBranch",
    "Queued": "queueTime",
}


@TABLE.verb(
    "",
    arguments=(
        flag("name", "--name", help="Name of the pipeline."),
        flag("id", "--id", help="Number of the pipeline."),
        flag("yaml", "--yaml", metavar="FILE", help="Run this file of a working tree as it is, without a push."),
        flag("branch", "--branch", help="Branch; by default the pipeline's, with --yaml the one that is checked out."),
        flag("commit_id", "--commit-id", help="Commit; by default the newest of the branch."),
        flag(
            "parameters", "--parameters", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
            help="Parameters of the pipeline; YAML for lists and objects.",
        ),
        flag(
            "variables", "--variables", nargs="+", action="extend", default=[], metavar="NAME=VALUE",
            help="Variables of this run.",
        ),
        flag(
            "repositories", "--repository", nargs="+", action="extend", default=[], metavar="ALIAS=FOLDER",
            help="With --yaml: where another repository of resources.repositories lies on this machine.",
        ),
        flag(
            "skip_stages", "--skip-stages", nargs="+", action="extend", default=[], metavar="STAGE",
            help="Stages to leave out; what depends on them goes on without them.",
        ),
        switch("stream", "--stream", "-s", help="Follow the log on stderr to the end; --yaml does so by itself."),
        switch("no_wait", "--no-wait", help="With --yaml: do not follow the log."),
        switch(
            "approve", "--approve",
            help="Follow the run and answer its approvals with yes, as yourself, where the rules let you.",
        ),
        flag("folder_path", "--folder-path", help="Accepted for scripts written for az: a name is enough."),
        switch("open", "--open", help="Open it in a browser; there is no page of a run yet, which is said."),
        *IN_PROJECT,
    ),
    examples={
        "Run a working tree as it is": "pratique pipelines run --yaml azure-pipelines.yml",
        "With a parameter and a variable": "pratique pipelines run --yaml azure-pipelines.yml "
        "--parameters environment=qa --variables debug=true",
        "Run a registered pipeline": "pratique pipelines run --name credit-risk --branch main",
        "Approve what it asks": "pratique pipelines run --name credit-risk --approve",
    },
    columns=COLUMNS,
)  # fmt: skip
def run(
    platform: Place, *, name: str | None, id: str | None, yaml: str | None, branch: str | None,  # noqa: A002
    commit_id: str | None, parameters: list[str], variables: list[str], repositories: list[str],
    skip_stages: list[str], stream: bool, no_wait: bool, approve: bool, folder_path: str | None, open: bool,  # noqa: A002
    project: str | None, organization: str | None, detect: str | None,
) -> Document:  # fmt: skip
    """Queue a run; with --yaml of a working tree with all its changes, followed to its end.

    Approvals of a run that is followed are asked at the terminal; --approve answers them for a script.
    Exit code 1 when a run that was followed did not succeed. Ctrl-C ends the following, not the run.
    """
    if approve and no_wait:
        raise UsageError("--approve answers while it follows the run, so it does not go with --no-wait")
    if folder_path:
        say(f"--folder-path {folder_path}: a name is enough here")
    if open:
        warn("--open: there is no page of a run yet")
    wished: Document = {
        "parameters": pairs(parameters, flag="--parameters"),
        "variables": pairs(variables, flag="--variables"),
        "stages_to_skip": skip_stages,
    }
    if yaml:
        _check_alone(id, commit_id)
        tree = _Tree(yaml, wished, repositories)
        told(organization, detect)
        made = tree.run(platform, project, name, branch)
    else:
        if not (name or id):
            raise UsageError("--name, --id or --yaml is required", hint="pratique pipelines list shows the names")
        where = Deliveries(platform.connection, project_of(project, organization, detect))
        made = _registered(where, name or id or "", wished, branch, commit_id)
    if not (stream or approve or (yaml and not no_wait)):
        return made
    with answering(platform.connection, made, approves_all=approve):
        return follow(platform, made, write=sys.stderr)


def _check_alone(number: str | None, commit: str | None) -> None:
    for flag_name, value in (("--id", number), ("--commit-id", commit)):
        if value:
            raise UsageError(f"{flag_name} does not go with --yaml, which runs the working tree as it is")


class _Tree:
    """A working tree that is to be run."""

    def __init__(self, file: str, wished: Document, repositories: list[str]) -> None:
        self._file = Path(file)
        self._wished = wished
        self._others = pairs(repositories, flag="--repository")
        self._repositories = repositories
        # Whatever is wrong is told with the files of this machine, before anything is sent.
        variables = [f"{name}={value}" for name, value in wished["variables"].items()]
        parameters = [f"{name}={value}" for name, value in wished["parameters"].items()]
        found, _ = compiled_file(file, parameters=parameters, variables=variables, repositories=repositories)
        for warning in found.warnings:
            warn(str(warning))
        self._checkout = Checkout(self._file, {alias: Path(folder) for alias, folder in self._others.items()})

    def run(self, platform: Place, project: str | None, name: str | None, branch: str | None) -> Document:
        """Send it and queue the run, in a project that is made when there is none."""
        known = self._checkout.variables()
        where = project or default_project() or known["System.TeamProject"]
        if not (project or default_project()):
            Projects(platform.connection).put(where)
        deliveries = Deliveries(platform.connection, where)
        root, git = self._checkout.root, git_tags(self._checkout.root)
        self._say(root, git)
        progress = Transfer("sending the working tree").report
        sources = [{"alias": SELF, "name": root.name, "manifest": deliveries.upload(root, progress)}]
        for alias, folder in self._others.items():
            manifest = deliveries.upload(Path(folder), progress)
            sources.append({"alias": alias, "name": Path(folder).resolve().name, "manifest": manifest})
        ref = branch or known.get("Build.SourceBranch", "")
        tree: Document = {
            "path": self._checkout.path,
            "branch": ref,
            "commit": git.get("mlflow.source.git.commit", ""),
            "sources": sources,
            "registration": {
                "name": name or known["Build.DefinitionName"],
                "repository": str(root),
                "repository_type": "folder",
                "branch": ref,
                "path": self._checkout.path,
            },
        }
        return deliveries.run({**self._wished, "delivery": name or known["Build.DefinitionName"], "tree": tree})

    def _say(self, root: Path, git: Mapping[str, str]) -> None:
        commit = git.get("mlflow.source.git.commit", "")
        if not commit:
            say(f"{root} as it is: it is no Git repository with a commit")
        elif git.get("azureml.git.dirty") == "True":
            say(f"{root} as it is: {commit[:12]} with uncommitted changes")
        else:
            say(f"{root} at {commit[:12]}, without changes")


def _registered(
    where: Deliveries, wanted: str, wished: Document, branch: str | None, commit: str | None
) -> Document:  # fmt: skip
    """Queue a run of a registered pipeline; one of a folder takes the files from there."""
    delivery = where.show(wanted)
    if delivery["repository"]["type"] != "folder":
        return where.run({**wished, "delivery": wanted, "branch": branch or "", "commit": commit or ""})
    if branch or commit:
        raise UsageError(
            f"the pipeline {delivery['name']} runs what lies in {delivery['repository']['name']}",
            hint="check the branch out there, or push it to a repository of the platform",
        )
    root = Path(delivery["repository"]["name"])
    if not root.is_dir():
        raise InvalidInput(
            f"the folder {root} of the pipeline {delivery['name']} is not on this machine",
            hint="run it where the folder is, or give a file: pratique pipelines run --yaml FILE",
        )
    git = git_tags(root)
    say(f"{root} as it is" + (": with uncommitted changes" if git.get("azureml.git.dirty") == "True" else ""))
    manifest = where.upload(root, Transfer("sending the working tree").report)
    tree = {
        "path": delivery["process"]["yamlFilename"],
        "commit": git.get("mlflow.source.git.commit", ""),
        "sources": [{"alias": SELF, "name": root.name, "manifest": manifest}],
    }
    return where.run({**wished, "delivery": wanted, "tree": tree})


def follow(platform: Place, made: Document, *, write: Any) -> Document:
    """Write the log of a run as it comes; the run at its end. Raises `ComputeFailed` when it did not succeed."""
    runs, number = DeliveryRuns(platform.connection), int(made["id"])
    say(f"run {number} ({shown_name(made)}) of {made['definition']['name']}")
    with goes_on(f"pratique pipelines runs stream --id {number}"):
        for chunk in runs.follow(number):
            write.flush()
            write.buffer.write(chunk)
            write.flush()
    found = runs.show(number)
    say(f"run {number}: {found['result']}")
    if found["result"] not in ("succeeded", "partiallySucceeded"):
        raise _failure(found)
    stages = found.pop("stages", None)
    return {**found, "stages": [{key: one[key] for key in ("name", "result")} for one in stages or ()]}


def _failure(run: Document) -> PratiqueError:
    failed = [
        f"{stage['name']}/{job['name']}"
        for stage in run.get("stages") or ()
        for job in stage["jobs"]
        if job["result"] == "Failed"
    ]
    said = f": {', '.join(failed)}" if failed else ""
    return ComputeFailed(
        f"run {run['id']} {run['result']}{said}", hint=f"pratique pipelines runs show --id {run['id']} has every step"
    )


def shown_name(run: Document) -> str:
    """Its name, with what the commit says unless the file has `appendCommitMessageToRunName: false`."""
    message = run["triggerInfo"].get("ci.message", "") if run["appendCommitMessageToRunName"] else ""
    return f"{run['buildNumber']} • {message}" if message else str(run["buildNumber"])
