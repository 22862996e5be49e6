"""Pipelines under a name: what `pipelines create`, `list`, `show`, `update` and `delete` do."""

from pathlib import Path
from typing import Final

from pratique.base.errors import NotFound
from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag, switch
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.pipelines_run import run
from pratique.client.deliveries import Deliveries

TABLE = Table("pipelines")

COLUMNS: Final = {
    "ID": "id",
    "Name": "name",
    "Status": "queueStatus",
    "Repository": "repository.name",
    "File": "process.yamlFilename",
}
_NAME: Final = flag("name", "--name", help="Name of the pipeline.")
_ID: Final = flag("id", "--id", help="Number of the pipeline.")
_FOLDER: Final = flag("folder_path", "--folder-path", "--path", help="Where lists show it, such as \\team.")
_BRANCH: Final = flag("branch", "--branch", help="Branch of runs that say nothing else; by default main.")
_YAML: Final = flag("yaml_path", "--yml-path", "--yaml-path", help="The file, from the root of the repository.")


@TABLE.verb(
    "create",
    arguments=(
        _NAME,
        flag("description", "--description", help="A sentence about it."),
        flag(
            "repository", "--repository",
            help="A repository of the project by name, or a folder of this machine, sent with each run.",
        ),
        flag("repository_type", "--repository-type", help="tfsgit, or folder; by default what --repository is."),
        _BRANCH, _YAML, _FOLDER,
        switch("skip_first_run", "--skip-first-run", "--skip-run", help="Register it, and run nothing yet."),
        *IN_PROJECT,
    ),
    examples={
        "Register the pipeline of a repository": "pratique pipelines create --name credit-risk "
        "--repository credit-risk --branch main --yml-path azure-pipelines.yml --skip-first-run",
        "Of a folder of this machine": "pratique pipelines create --name credit-risk --repository . "
        "--yml-path azure-pipelines.yml",
    },
    columns=COLUMNS,
)  # fmt: skip
def create(
    platform: Place, *, name: str | None, description: str | None, repository: str | None,
    repository_type: str | None, branch: str | None, yaml_path: str | None, folder_path: str | None,
    skip_first_run: bool, project: str | None, organization: str | None, detect: str | None,
) -> Document:  # fmt: skip
    """Register a pipeline, and queue its first run unless --skip-first-run says otherwise."""
    if not name or not yaml_path:
        missing = "--name" if not name else "--yml-path"
        raise UsageError(f"{missing} is required", hint="nothing is asked for interactively here")
    where = project_of(project, organization, detect)
    kind, found = _repository(repository or ".", repository_type)
    deliveries = Deliveries(platform.connection, where)
    made = deliveries.create(
        {
            "name": name,
            "description": description or "",
            "folder": folder_path or "",
            "repository": found,
            "repository_type": kind,
            "branch": branch or "",
            "path": yaml_path.strip("/"),
        }
    )
    if skip_first_run:
        return made
    begun = run(
        platform, name=name, id=None, yaml=None, branch=None, commit_id=None, parameters=[], variables=[],
        repositories=[], skip_stages=[], stream=False, no_wait=True, approve=False, folder_path=None, open=False,
        project=where, organization=None, detect=None,
    )  # fmt: skip
    say(f"run {begun['id']} of {name} is queued; follow it: pratique pipelines runs stream --id {begun['id']}")
    return made


def _repository(given: str, kind: str | None) -> tuple[str, str]:
    """The type and the name of what --repository gave."""
    word = (kind or "").lower()
    if word in ("tfsgit", "git"):
        return "git", given
    folder = Path(given)
    is_path = given in (".", "..") or "/" in given or folder.is_absolute()
    if word == "folder" or (not word and is_path):
        if not folder.is_dir():
            raise NotFound(f"there is no folder {folder}", hint=f"looked for {folder.absolute()}")
        return "folder", str(folder.resolve())
    if word:
        raise UsageError(
            f"--repository-type {kind}: pipelines read repositories of this platform, and folders",
            hint="give tfsgit or folder",
        )
    return "git", given


@TABLE.verb(
    "list",
    arguments=(
        _NAME,
        flag("top", "--top", type=int, help="At most so many."),
        _FOLDER,
        flag("repository", "--repository", help="Only those of this repository."),
        *IN_PROJECT,
    ),
    examples={"The pipelines of a project": "pratique pipelines list -o table"},
    columns=COLUMNS,
)
def every(
    platform: Place, *, name: str | None, top: int | None, folder_path: str | None, repository: str | None,
    project: str | None, organization: str | None, detect: str | None,
) -> list[Document]:  # fmt: skip
    """List the pipelines of a project."""
    found = Deliveries(platform.connection, project_of(project, organization, detect)).all()
    chosen = [
        one
        for one in found
        if (not name or one["name"].lower() == name.lower())
        and (not folder_path or one["path"].lower() == folder_path.lower())
        and (not repository or one["repository"]["name"] == repository)
    ]
    return chosen[: top or None]


@TABLE.verb(
    "show",
    arguments=(_NAME, _ID, _FOLDER, *IN_PROJECT),
    examples={"One pipeline": "pratique pipelines show --name credit-risk"},
    columns=COLUMNS,
)
def show(
    platform: Place, *, name: str | None, id: str | None, folder_path: str | None, project: str | None,  # noqa: A002
    organization: str | None, detect: str | None,
) -> Document:  # fmt: skip
    """Show a pipeline."""
    if folder_path:
        say(f"--folder-path {folder_path}: a name is enough here")
    return Deliveries(platform.connection, project_of(project, organization, detect)).show(_wanted(name, id))


@TABLE.verb(
    "update",
    arguments=(
        _ID.required(),
        flag("new_name", "--new-name", help="Another name."),
        flag("description", "--description", help="A sentence about it."),
        flag("new_folder_path", "--new-folder-path", help="Where lists show it."),
        _BRANCH,
        _YAML,
        flag("queue_status", "--queue-status", choices=("enabled", "paused", "disabled"), help="Whether it runs."),
        *IN_PROJECT,
    ),
    examples={"Another name": "pratique pipelines update --id 3 --new-name credit-risk"},
    columns=COLUMNS,
)
def update(
    platform: Place, *, id: str, new_name: str | None, description: str | None, new_folder_path: str | None,  # noqa: A002
    branch: str | None, yaml_path: str | None, queue_status: str | None, project: str | None,
    organization: str | None, detect: str | None,
) -> Document:  # fmt: skip
    """Change what is said of a pipeline; its runs stay as they are."""
    given = {
        "name": new_name,
        "description": description,
        "folder": new_folder_path,
        "branch": branch,
        "path": yaml_path.strip("/") if yaml_path else None,
        "queue_status": queue_status,
    }
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes:
        raise UsageError("nothing to change", hint="give --new-name, --branch, --yml-path or --queue-status")
    return Deliveries(platform.connection, project_of(project, organization, detect)).update(id, changes)


@TABLE.verb(
    "delete",
    arguments=(_NAME, _ID.saying("Number of the pipeline, or its name."), YES, *IN_PROJECT),
    examples={"Remove a pipeline": "pratique pipelines delete --id 3 --yes"},
)
def delete(
    platform: Place, *, name: str | None, id: str | None, yes: bool, project: str | None,  # noqa: A002
    organization: str | None, detect: str | None,
) -> None:  # fmt: skip
    """Remove a pipeline with its runs; refused while one of them has not ended."""
    deliveries = Deliveries(platform.connection, project_of(project, organization, detect))
    found = deliveries.show(_wanted(name, id))
    confirm(f"delete the pipeline {found['name']} with all its runs", yes=yes)
    deliveries.delete(str(found["id"]))


def _wanted(name: str | None, number: str | None) -> str:
    if found := name or number:
        return found
    raise UsageError("--name or --id is required", hint="pratique pipelines list shows both")
