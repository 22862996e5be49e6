"""How the API reads a spec: again and in full, because a client may be anybody's."""

from typing import Any

from pydantic import Field, StrictBool

from pratique.specs.kinds import load
from pratique.specs.reader import document_of
from pratique.specs.references import check_uploaded
from pratique.web.api.fields import RequestBody


class SpecBody(RequestBody):
    """A request that brings a spec; what stands beside it is said by each kind."""

    spec: dict[str, Any]


class WorkspaceBody(SpecBody):
    """A workspace, with the group that it is made in."""

    resource_group: str | None = None


class JobBody(SpecBody):
    """A job, with what its source control says about its code."""

    git: dict[str, str] = Field(default_factory=dict)


class DeploymentBody(SpecBody):
    """A deployment, and whether it is to take all requests once it is ready."""

    all_traffic: StrictBool = False


def read_spec(kind: str, body: SpecBody, **known: str) -> dict[str, Any]:
    """The values of the spec after defaults; `known` are keys that the path of the route has fixed.

    Raises `InvalidInput` with every problem, one for each field that still names a path of the client's disk among
    them.
    """
    spec = load(kind, document_of({**body.spec, **known}))
    check_uploaded(spec)
    return spec.to_document()
