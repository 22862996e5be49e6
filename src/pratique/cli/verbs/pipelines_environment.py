"""`pipelines environment`: what deployment jobs deploy to, and what approvals belong to."""

from typing import Final

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.client.stage_environments import StageEnvironments

TABLE = Table("pipelines environment")

NAME: Final = flag("name", "--name", "-n", "--id", help="Name of the environment, or its id.", required=True)
COLUMNS: Final = {"ID": "id", "Name": "name", "Description": "description", "Locked By Run": "lock.run"}


@TABLE.verb(
    "create",
    arguments=(NAME, flag("description", help="A sentence about it."), *IN_PROJECT),
    examples={"The environment of qa": "pratique pipelines environment create --name qa"},
    columns=COLUMNS,
)
def create(
    platform: Place,
    *,
    name: str,
    description: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Make an environment; `environment check add` says what is asked before a stage deploys to it."""
    body = {"name": name, "description": description or ""}
    return _environments(platform, project, organization, detect).create(body)


@TABLE.verb(
    "list",
    arguments=IN_PROJECT,
    examples={"The environments of a project": "pratique pipelines environment list -o table"},
    columns=COLUMNS,
)
def list_all(platform: Place, *, project: str | None, organization: str | None, detect: str | None) -> list[Document]:
    """List the environments of a project."""
    return _environments(platform, project, organization, detect).all()


@TABLE.verb(
    "show",
    arguments=(NAME, *IN_PROJECT),
    examples={"One environment": "pratique pipelines environment show --name qa"},
    columns=COLUMNS,
)
def show(platform: Place, *, name: str, project: str | None, organization: str | None, detect: str | None) -> Document:
    """Show an environment with its checks."""
    environments = _environments(platform, project, organization, detect)
    return {**environments.show(name), "checks": environments.checks(name)}


@TABLE.verb(
    "delete",
    arguments=(NAME, YES, *IN_PROJECT),
    examples={"Remove it": "pratique pipelines environment delete --name qa --yes"},
)
def delete(
    platform: Place, *, name: str, yes: bool, project: str | None, organization: str | None, detect: str | None
) -> None:
    """Remove an environment with its checks; refused while a stage waits at it or deploys to it."""
    environments = _environments(platform, project, organization, detect)
    known = environments.show(name)
    confirm(f"The environment {known['name']} will be removed with its approvals and checks.", yes=yes)
    environments.delete(name)
    say(f"{known['name']}: deleted")


def _environments(
    platform: Place, project: str | None, organization: str | None, detect: str | None
) -> StageEnvironments:
    return StageEnvironments(platform.connection, project_of(project, organization, detect))
