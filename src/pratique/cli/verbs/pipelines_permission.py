"""`pipelines permission`: which pipelines may use a variable group, a service connection or a repository."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag
from pratique.client.repositories import Repositories
from pratique.client.service_connections import DeliveryPermissions

TABLE = Table("pipelines permission")

KIND: Final = flag(
    "kind", choices=["variable-group", "service-connection", "repository", "repository-push"], required=True,
    help="What may be used; a repository of another project to be read, or one to push to.",
)  # fmt: skip
NAME: Final = flag("name", "--name", "-n", "--id", help="Its name or id; PROJECT/NAME of a repository.", required=True)
PIPELINE: Final = flag("pipeline", help="Name or id of the pipeline.", required=True)
COLUMNS: Final = {"Resource": "resource.name", "All": "allPipelines.authorized", "Pipelines": "pipelines[].name"}


@TABLE.verb(
    "add",
    arguments=(KIND, NAME, PIPELINE, *IN_PROJECT),
    examples={
        "Let one pipeline in": "pratique pipelines permission add --kind service-connection --name aml-qa "
        "--pipeline credit-risk",
        "Templates of another project": "pratique pipelines permission add --kind repository --name platform/templates "
        "--pipeline credit-risk",
    },
    columns=COLUMNS,
)
def add(
    platform: Place,
    *,
    kind: str,
    name: str,
    pipeline: str,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Let a pipeline use a variable group, a service connection or a repository.

    The repositories of its own project are read by every pipeline; one of another project is read, and any is
    pushed to with persistCredentials or System.AccessToken, by the pipelines that were let in.
    """
    found = _resource(platform, kind, name)
    return _permissions(platform, project, organization, detect).add(kind, found, pipeline)


@TABLE.verb(
    "list",
    arguments=(KIND, NAME, *IN_PROJECT),
    examples={"Who may use it": "pratique pipelines permission list --kind variable-group --name dev-vars"},
    columns=COLUMNS,
)
def list_all(
    platform: Place, *, kind: str, name: str, project: str | None, organization: str | None, detect: str | None
) -> Document:
    """List the pipelines that may use a variable group, a service connection or a repository."""
    return _permissions(platform, project, organization, detect).show(kind, _resource(platform, kind, name))


@TABLE.verb(
    "remove",
    arguments=(KIND, NAME, PIPELINE, *IN_PROJECT),
    examples={
        "Shut it out": "pratique pipelines permission remove --kind variable-group --name dev-vars --pipeline old"
    },
    columns=COLUMNS,
)
def remove(
    platform: Place,
    *,
    kind: str,
    name: str,
    pipeline: str,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Let a pipeline use it no more."""
    found = _resource(platform, kind, name)
    return _permissions(platform, project, organization, detect).remove(kind, found, pipeline)


def _resource(platform: Place, kind: str, name: str) -> str:
    """What the platform is asked for: a repository of a named project by its id."""
    project, slash, repository = name.partition("/")
    if not slash or not kind.startswith("repository"):
        return name
    return str(Repositories(platform.connection, project).show(repository)["id"])


def _permissions(
    platform: Place, project: str | None, organization: str | None, detect: str | None
) -> DeliveryPermissions:
    return DeliveryPermissions(platform.connection, project_of(project, organization, detect))
