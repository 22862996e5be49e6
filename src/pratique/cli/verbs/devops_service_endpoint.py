"""`devops service-endpoint`: as whom the tasks of a project's runs speak to the platform, and to which addresses."""

from typing import Final

from pratique.cli.arguments import YES
from pratique.cli.confirm import confirm
from pratique.cli.place import Place
from pratique.cli.projects import IN_PROJECT, project_of
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.client.service_connections import ServiceConnections

TABLE = Table("devops service-endpoint")

COLUMNS: Final = {
    "ID": "id", "Name": "name", "Type": "type", "Principal": "data.servicePrincipalName",
    "Workspace": "data.workspace", "URL": "url", "For All": "authorizedForAll",
}  # fmt: skip
ID: Final = flag("id", "--id", help="Id of the connection, or its name.", required=True)
FOR_ALL: Final = flag(
    "enable_for_all", "--enable-for-all", "--authorize", choices=["true", "false"],
    help="Whether every pipeline of the project may use it; otherwise see `pipelines permission`.",
)  # fmt: skip
WORKSPACE: Final = flag("workspace", "--workspace", help="The workspace that it is about, if about one.")


@TABLE.verb(
    "create",
    arguments=(
        flag("name", help="What azureSubscription says in a pipeline.", required=True),
        flag("service_principal", "--service-principal", "--azure-rm-service-principal-id",
             help="The service principal, by name or appId; the connection holds no secret of it."),
        WORKSPACE,
        flag("resource_group", "--resource-group", help="A group, if it is about all its workspaces."),
        flag("url", "--url", help="Instead of a principal: the address that InvokeRESTAPI calls."),
        flag("description", help="A sentence about it."),
        FOR_ALL, *IN_PROJECT,
    ),
    examples={
        "For the dev workspace": "pratique devops service-endpoint create --name aml-dev --service-principal ci-dev "
        "--workspace credit-dev --enable-for-all true",
        "An address for InvokeRESTAPI": "pratique devops service-endpoint create --name tickets "
        "--url https://tickets.example.com/api",
    },
    columns=COLUMNS,
)  # fmt: skip
def create(
    platform: Place,
    *,
    name: str,
    service_principal: str | None,
    workspace: str | None,
    resource_group: str | None,
    url: str | None,
    description: str | None,
    enable_for_all: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Make a service connection.

    Each unit of a run that names it gets a token of the service principal, with its rights and no more, which ends
    with the unit. Only an Owner of the home makes one, because it lets others act as the principal.
    With --url it is an address and no principal: InvokeRESTAPI calls it, if it is loopback or a host of check_hosts.
    """
    if bool(service_principal) == bool(url):
        raise UsageError("--service-principal or --url is required, and not both")
    body = {
        "name": name,
        "principal": service_principal or "",
        "url": url or "",
        "workspace": workspace or "",
        "resource_group": resource_group or "",
        "description": description or "",
        "is_for_all": enable_for_all == "true",
    }
    return _connections(platform, project, organization, detect).create(body)


@TABLE.verb(
    "list",
    arguments=IN_PROJECT,
    examples={"The connections of a project": "pratique devops service-endpoint list -o table"},
    columns=COLUMNS,
)
def list_all(platform: Place, *, project: str | None, organization: str | None, detect: str | None) -> list[Document]:
    """List the service connections of a project."""
    return _connections(platform, project, organization, detect).all()


@TABLE.verb(
    "show",
    arguments=(ID, *IN_PROJECT),
    examples={"One connection": "pratique devops service-endpoint show --id aml-dev"},
    columns=COLUMNS,
)
def show(
    platform: Place, *, id: str, project: str | None, organization: str | None, detect: str | None  # noqa: A002
) -> Document:  # fmt: skip
    """Show a service connection."""
    return _connections(platform, project, organization, detect).show(id)


@TABLE.verb(
    "update",
    arguments=(ID, WORKSPACE, flag("description", help="A sentence about it."), FOR_ALL, *IN_PROJECT),
    examples={"For every pipeline": "pratique devops service-endpoint update --id aml-dev --enable-for-all true"},
    columns=COLUMNS,
)
def update(
    platform: Place,
    *,
    id: str,  # noqa: A002 - the flag's name.
    workspace: str | None,
    description: str | None,
    enable_for_all: str | None,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> Document:
    """Change a service connection."""
    given = {"workspace": workspace, "description": description}
    changes: Document = {key: value for key, value in given.items() if value is not None}
    changes |= {"is_for_all": enable_for_all == "true"} if enable_for_all else {}
    if not changes:
        raise UsageError("nothing to change", hint="give --enable-for-all, --workspace or --description")
    return _connections(platform, project, organization, detect).update(id, changes)


@TABLE.verb(
    "delete",
    arguments=(ID, YES, *IN_PROJECT),
    examples={"Remove a connection": "pratique devops service-endpoint delete --id aml-dev --yes"},
)
def delete(
    platform: Place,
    *,
    id: str,  # noqa: A002 - the flag's name.
    yes: bool,
    project: str | None,
    organization: str | None,
    detect: str | None,
) -> None:
    """Remove a service connection; its service principal stays."""
    connections = _connections(platform, project, organization, detect)
    known = connections.show(id)
    confirm(f"The service connection {known['name']} will be removed; its service principal stays.", yes=yes)
    connections.delete(id)
    say(f"{known['name']}: deleted")


def _connections(
    platform: Place, project: str | None, organization: str | None, detect: str | None
) -> ServiceConnections:
    return ServiceConnections(platform.connection, project_of(project, organization, detect))
