"""The web application: every router in one place, and a check that each route says who may use it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, Depends, FastAPI, Request

from pratique import __version__
from pratique.base.errors import NotFound
from pratique.store import seals
from pratique.store.jobs import WALKED
from pratique.web import authorize, errors, git, identity, unknown_keys
from pratique.web.api import (
    apim,
    apis,
    assigned_identities,
    audit,
    computes,
    data_profiles,
    datastores,
    deliveries,
    delivery_content,
    delivery_runs,
    delivery_units,
    deployments,
    endpoints,
    events,
    examinations,
    federated_credentials,
    groups,
    jobs,
    lineage,
    metrics,
    policies,
    principal_groups,
    projects,
    repositories,
    role_definitions,
    service_connections,
    signatures,
    signing_keys,
    stage_environments,
    status,
    uploads,
    variable_groups,
    vaults,
    workspaces,
)
from pratique.web.api import identity as api_identity
from pratique.web.api.assets import ASSETS, router_for
from pratique.web.auth import check_routes
from pratique.web.bodies import PlainJson
from pratique.web.mlflow import artifacts, registry, service
from pratique.web.pages import overview
from pratique.web.platform import Platform
from pratique.web.reasons import Reasons

_API: Final = "/api/v1"
_NOUNS: Final = (
    groups,
    workspaces,
    uploads,
    computes,
    datastores,
    data_profiles,
    jobs,
    endpoints,
    deployments,
    metrics,
    projects,
    repositories,
    deliveries,
    delivery_runs,
    delivery_units,
    examinations,
    lineage,
    events,
    audit,
    status,
    vaults,
    assigned_identities,
    apim,
    apis,
    policies,
    variable_groups,
    service_connections,
    signatures,
    stage_environments,
    api_identity,
    principal_groups,
    role_definitions,
    signing_keys,
    federated_credentials,
)
"""The modules of the API, one for each noun; each has a `router`."""
_PARTS: Final = (git, identity, authorize, unknown_keys, registry, artifacts, service, overview)
"""What stands beside the API: git, tokens, MLflow, pages."""


async def plain_path(request: Request) -> None:
    """Raise `NotFound` for a path with a NUL: nothing has one in its name, and PostgreSQL cannot even be asked."""
    if "\0" in request.scope["path"]:
        raise NotFound("no path has the character NUL in it")


def create_app(platform: Platform) -> FastAPI:
    """The application that serves `platform`; raises when a route declares no permission."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        platform.bell.attach()
        platform.beside_jobs.attach()
        yield

    app = FastAPI(
        title="Pratique",
        version=__version__,
        lifespan=lifespan,
        openapi_url=f"{_API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(plain_path)],
    )
    app.state.platform = platform
    app.add_middleware(PlainJson)
    app.add_middleware(Reasons)
    errors.install(app)
    platform.database.on_commit(platform.bell.ring, besides=(seals.TOPIC,))
    platform.database.on_commit(platform.beside_jobs.ring, besides=(WALKED, seals.TOPIC))
    for router in _routers_of_api():
        app.include_router(router, prefix=_API)
    for part in _PARTS:
        app.include_router(part.router)
    check_routes(app)
    return app


def _routers_of_api() -> Iterator[APIRouter]:
    yield from (noun.router for noun in _NOUNS)
    yield from (delivery_content.projects, delivery_content.runs)
    yield from (router_for(kind) for kind in ASSETS)
