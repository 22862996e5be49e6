"""Federated credentials of service principals, in the shapes of ``az ad app federated-credential``."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.control import federated_credentials
from pratique.control.actor import Actor
from pratique.control.federated_credentials import AUDIENCE, NewCredential
from pratique.store.federated_credentials import FederatedCredential
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow
from pratique.web.platform import Here

router = APIRouter(prefix="/service-principals/{id}/federated-credentials", tags=["identity"])

Reader = Annotated[Actor, Depends(allow("principals/read"))]
Writer = Annotated[Actor, Depends(allow("principals/write"))]
Deleter = Annotated[Actor, Depends(allow("principals/delete"))]


class FederatedRequest(RequestBody):
    """Whose token proves the program, and which."""

    name: str
    issuer: str
    subject: str
    audiences: list[str] = Field(default=[AUDIENCE], min_length=1, max_length=1)
    description: str = Field(default="", max_length=600, pattern=r"^[^\x00-\x1f\x7f]*$")


@router.get("")
def every(id: str, platform: Here, actor: Reader) -> list[dict[str, Any]]:  # noqa: A002 - its name in the URL.
    """The federated credentials of a program."""
    with platform.database.read() as tx:
        return [_document(one) for one in federated_credentials.every(tx, actor, id)]


@router.post("", status_code=201)
def create(id: str, body: FederatedRequest, platform: Here, actor: Writer) -> dict[str, Any]:  # noqa: A002
    """Let a program prove itself by a token of somebody else's issuer."""
    said = NewCredential(body.name, body.issuer, body.subject, body.audiences[0], body.description)
    trusted = sorted(platform.foreign_issuers.trusted)
    with platform.database.write() as tx:
        return _document(federated_credentials.create(tx, actor, id, said, trusted=trusted, now=utc_now()))


@router.get("/{name}")
def get(id: str, name: str, platform: Here, actor: Reader) -> dict[str, Any]:  # noqa: A002 - its name in the URL.
    """One of them, by name or id."""
    with platform.database.read() as tx:
        return _document(federated_credentials.get(tx, actor, id, name))


@router.delete("/{name}", status_code=204)
def delete(id: str, name: str, platform: Here, actor: Deleter) -> None:  # noqa: A002 - its name in the URL.
    """Let a program prove itself so no more."""
    with platform.database.write() as tx:
        federated_credentials.delete(tx, actor, id, name, now=utc_now())


def _document(row: FederatedCredential) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "issuer": row.issuer,
        "subject": row.subject,
        "audiences": [row.audience],
        "description": row.description,
    }
