"""What deployments count, for Prometheus: of a workspace, or of one deployment."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse

from pratique.control import deployments
from pratique.control.actor import Actor
from pratique.engine import metrics
from pratique.store import replicas
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.replicas import Replica
from pratique.web.api.fields import AS_TEXT
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces/{workspace}", tags=["metrics"])
_WithReplicas = tuple[OnlineDeployment, Sequence[Replica]]
Reader = Annotated[Actor, Depends(allow("deployments/read"))]


@router.get("/metrics")
def of_workspace(platform: Here, actor: Reader, workspace: str) -> PlainTextResponse:
    """What all deployments of a workspace count."""
    with platform.database.read() as tx:
        found = _with_replicas(tx, deployments.in_workspace(tx, actor, workspace))
    return _text(platform, found)


@router.get("/online-endpoints/{endpoint}/deployments/{deployment}/metrics")
def of_deployment(platform: Here, actor: Reader, workspace: str, endpoint: str, deployment: str) -> PlainTextResponse:
    """What the replicas of one deployment count."""
    with platform.database.read() as tx:
        found = _with_replicas(tx, [deployments.get(tx, actor, workspace, endpoint, deployment)])
    return _text(platform, found)


def _with_replicas(tx: Transaction, found: Sequence[OnlineDeployment]) -> list[_WithReplicas]:
    return [(one, replicas.of_deployment(tx, one.id)) for one in found]


def _text(platform: Platform, found: Sequence[_WithReplicas]) -> PlainTextResponse:
    """Asked outside of the transaction: a replica may take its time."""
    headers = {**AS_TEXT, "Content-Type": metrics.CONTENT_TYPE}
    return PlainTextResponse(metrics.text_of(platform.home, found), headers=headers)
