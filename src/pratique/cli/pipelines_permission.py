"""`pipelines permission`: which pipelines may use a variable group or a service connection."""

from typing import Final

from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag
from pratique.client.service_connections import DeliveryPermissions

TABLE = Table("pipelines permission")

KIND: Final = flag("kind", choices=["variable-group", "service-connection"], help="What may be used.", required=True)
NAME: Final = flag("name", "--name", "-n", "--id", help="Its name or id.", required=True)
PIPELINE: Final = flag("pipeline", help="Name or id of the pipeline.", required=True)
COLUMNS: Final = {"Resource": "resource.name", "All": "allPipelines.authorized", "Pipelines": "pipelines[].name"}


@TABLE.verb(
    "add",
    arguments=(KIND, NAME, PIPELINE, *IN_PROJECT),
    examples={
        "Let one pipeline in": "pratique pipelines permission add --kind service-connection --name aml-qa "
        "--pipeline credit-risk"
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
    """Let a pipeline use a variable group or a service connection."""
    return _permissions(platform, project, organization, detect).add(kind, name, pipeline)


@TABLE.verb(
    "list",
    arguments=(KIND, NAME, *IN_PROJECT),
    examples={"Who may use it": "pratique pipelines permission list --kind variable-group --name dev-vars"},
    columns=COLUMNS,
)
def list_all(
    platform: Place, *, kind: str, name: str, project: str | None, organization: str | None, detect: str | None
) -> Document:
    """List the pipelines that may use a variable group or a service connection."""
    return _permissions(platform, project, organization, detect).show(kind, name)


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
    return _permissions(platform, project, organization, detect).remove(kind, name, pipeline)


def _permissions(
    platform: Place, project: str | None, organization: str | None, detect: str | None
) -> DeliveryPermissions:
    return DeliveryPermissions(platform.connection, project_of(project, organization, detect))
