"""`devops project`: what repositories, pipelines and all that they use belong to."""

from typing import Final

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import DETECT, ORGANIZATION, told
from pratique.cli.table import Document, Table, flag
from pratique.client.deliveries import Projects

TABLE = Table("devops project")
COLUMNS: Final = {"ID": "id", "Name": "name", "Visibility": "visibility"}
_NAME: Final = flag("name", "--name", help="Name of the project.", required=True)
_PROJECT: Final = flag("project", "--project", "-p", "--id", help="Name of the project.", required=True)


@TABLE.verb(
    "create",
    arguments=(
        _NAME,
        flag("description", "--description", "-d", help="A sentence about it."),
        ORGANIZATION,
        DETECT,
    ),
    examples={"A project for a team": "pratique devops project create --name credit"},
    columns=COLUMNS,
)
def create(
    platform: Place, *, name: str, description: str | None, organization: str | None, detect: str | None
) -> Document:
    """Make a project; one that is there stays as it is."""
    told(organization, detect)
    return Projects(platform.connection).put(name, description=description or "")


@TABLE.verb(
    "list",
    arguments=(ORGANIZATION, DETECT),
    examples={"The projects": "pratique devops project list -o table"},
    columns=COLUMNS,
)
def every(platform: Place, *, organization: str | None, detect: str | None) -> list[Document]:
    """List the projects that you may see."""
    told(organization, detect)
    return Projects(platform.connection).all()


@TABLE.verb(
    "show",
    arguments=(_PROJECT, ORGANIZATION, DETECT),
    examples={"One project": "pratique devops project show --project credit"},
    columns=COLUMNS,
)
def show(platform: Place, *, project: str, organization: str | None, detect: str | None) -> Document:
    """Show a project."""
    told(organization, detect)
    return Projects(platform.connection).show(project)


@TABLE.verb(
    "delete",
    arguments=(_PROJECT, YES, ORGANIZATION, DETECT),
    examples={"Remove a project": "pratique devops project delete --id credit --yes"},
)
def delete(platform: Place, *, project: str, yes: bool, organization: str | None, detect: str | None) -> None:
    """Remove a project with its repositories, pipelines and runs; refused while a run has not ended."""
    told(organization, detect)
    projects = Projects(platform.connection)
    projects.show(project)
    confirm(f"delete the project {project} with all its repositories, pipelines and runs", yes=yes)
    projects.delete(project)
