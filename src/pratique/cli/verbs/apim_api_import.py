"""`apim api import`: an API from an OpenAPI file."""

from pathlib import Path

from pratique.cli.arguments import DESCRIPTION, DISPLAY_NAME, NO_WAIT
from pratique.cli.place import Place
from pratique.cli.table import Document, Table, flag
from pratique.cli.talk import say
from pratique.cli.usage import UsageError
from pratique.cli.verbs.apim import SERVICE, check_group
from pratique.cli.verbs.apim_api import (
    API,
    COLUMNS,
    PATH,
    PROTOCOLS,
    SERVICE_URL,
    SUBSCRIPTION_REQUIRED,
    TYPE,
    changes_said,
    settled,
    tell_what_changes_nothing,
)
from pratique.client.apim import Apis
from pratique.specs.openapi import read_openapi
from pratique.specs.policy import backend_of
from pratique.specs.reader import read_document

TABLE = Table("apim api import")


@TABLE.verb(
    "",
    arguments=(
        SERVICE, API, PATH, DISPLAY_NAME, DESCRIPTION, SERVICE_URL, SUBSCRIPTION_REQUIRED, PROTOCOLS, TYPE,
        flag("specification_format", "--specification-format", choices=["OpenApi", "OpenApiJson", "Swagger"],
             help="What the file has to be; unset, what its text says."),
        flag("specification_path", "--specification-path", help="The OpenAPI file, YAML or JSON."),
        flag("specification_url", "--specification-url", help="Not fetched here: give the file."),
        NO_WAIT,
    ),
    examples={
        "What the endpoint says of itself": "pratique apim api import -n apim-credit-dev --api-id credit "
        "--path credit --specification-path swagger.json "
        "--service-url http://127.0.0.1:7071/endpoints/dev/credit"
    },
    columns=COLUMNS,
)  # fmt: skip
def import_api(
    in_group: Place,
    *,
    service_name: str,
    api_id: str,
    path: str | None,
    display_name: str | None,
    description: str | None,
    service_url: str | None,
    subscription_required: str | None,
    protocols: list[str] | None,
    api_type: str | None,
    specification_format: str | None,
    specification_path: str | None,
    specification_url: str | None,
    no_wait: bool,
) -> Document:
    """Make an API of an OpenAPI file, or change it: its operations are then those of the file.

    The first server of the file is its backend when it is an endpoint and --service-url says nothing.
    """
    tell_what_changes_nothing(protocols, api_type)
    if specification_url or not specification_path:
        source = specification_url or "URL"
        raise UsageError(
            "--specification-path is required: nothing is fetched here",
            hint=f"curl -fsSo openapi.json {source}; then --specification-path openapi.json",
        )
    found = read_openapi(read_document(Path(specification_path)))
    if specification_format and found.is_swagger != (specification_format == "Swagger"):
        said = "Swagger 2" if found.is_swagger else "OpenAPI 3"
        raise UsageError(f"{specification_path} is {said}, and --specification-format says {specification_format}")
    server = found.server if found.server and backend_of(found.server) else None
    if found.server and not server and not service_url:
        say(f"{specification_path}: its server {found.server} is no endpoint of this platform; give --service-url")
    title, words = display_name or found.title, description or found.description
    changes = changes_said(path, title, words, service_url or server, subscription_required)
    apis = Apis(in_group.connection, check_group(in_group, service_name))
    made = apis.bring(api_id, {**changes, "operations": [dict(one) for one in found.operations]})
    return made if no_wait else settled(apis, service_name, str(made["name"]))
