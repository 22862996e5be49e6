"""The first page: every workspace that the visitor may see, with its endpoints, models and newest jobs."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from pratique import __version__
from pratique.base.clock import iso, utc_now
from pratique.control import assets, deployments, endpoints, jobs, workspaces
from pratique.control.actor import Actor
from pratique.store.database import Transaction
from pratique.store.workspaces import Workspace
from pratique.web.api import deployments as deployment_api
from pratique.web.api import endpoints as endpoint_api
from pratique.web.api import jobs as job_api
from pratique.web.api.assets import document as asset_document
from pratique.web.auth import KNOWN
from pratique.web.platform import Here, Platform

router = APIRouter(tags=["pages"], include_in_schema=False)

_JOBS: Final = 10
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_LOOKS: Final = {
    **dict.fromkeys(("Succeeded", "Completed", "ready"), "ok"),
    **dict.fromkeys(("Failed", "down"), "bad"),
    "Canceled": "",
}
"""How a state is shown; one that is not here goes on."""
_templates = Environment(
    loader=PackageLoader("pratique.web.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@router.get("/", response_class=HTMLResponse)
def overview(platform: Here, actor: Annotated[Actor, Depends(KNOWN)]) -> HTMLResponse:
    """The overview of the whole home."""
    with platform.database.read() as tx:
        shown = [_workspace(tx, platform, actor, workspace) for workspace in workspaces.every(tx, actor)]
    page = _templates.get_template("overview.html").render(
        version=__version__,
        actor=actor.name,
        workspaces=shown,
        parts=platform.parts(),
        looks=_LOOKS,
        now=iso(utc_now()),
    )
    return HTMLResponse(page, headers=_HEADERS)


def _workspace(tx: Transaction, platform: Platform, actor: Actor, workspace: Workspace) -> dict[str, Any]:
    name = workspace.name
    return {
        "name": name,
        "resource_group": workspace.resource_group,
        "mlflow": f"/mlflow/{name}/",
        "jobs": [job_api.document(job, platform) for job in jobs.newest(tx, actor, name, limit=_JOBS, archived=False)],
        "models": [asset_document(row.value, platform) for row in assets.newest_of_each(tx, actor, name, "models")],
        "endpoints": [
            {
                **endpoint_api.document(endpoint, platform),
                "deployments": [
                    deployment_api.shown(tx, row, platform) for row in deployments.every(tx, actor, name, endpoint.name)
                ],
            }
            for endpoint in endpoints.every(tx, actor, name)
        ],
    }
