"""Profiles of data."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends
from fastapi.responses import JSONResponse
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.control import data_profiles
from pratique.control.actor import Actor
from pratique.store.data_profiles import DataProfile
from pratique.web.api.fields import RequestBody, creation_context
from pratique.web.auth import allow
from pratique.web.platform import Here

router = APIRouter(prefix="/workspaces/{workspace}/data/{name}/versions/{version}/profile", tags=["data"])


class ProfileBody(RequestBody):
    """What a client measured; the columns are shown to people and nothing acts upon them."""

    form: Annotated[int, Field(ge=1)]
    format: Annotated[str, Field(max_length=16)]
    header: bool
    files: Annotated[int, Field(ge=1)]
    bytes: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]
    columns: Annotated[list[dict[str, Any]], Field(max_length=1000)]


@router.get("")
def get(
    platform: Here, actor: Annotated[Actor, Depends(allow("data/read"))], workspace: str, name: str, version: str
) -> JSONResponse:
    """The profile of what a version consists of."""
    with platform.database.read() as tx:
        return JSONResponse(_document(data_profiles.get(tx, actor, workspace, name, version)))


@router.put("")
def keep(
    platform: Here,
    actor: Annotated[Actor, Depends(allow("data/write"))],
    workspace: str,
    name: str,
    version: str,
    body: Annotated[ProfileBody, Body()],
) -> JSONResponse:
    """Keep what was measured of the files of a version."""
    with platform.database.write() as tx:
        made = data_profiles.keep(tx, actor, workspace, name, version, body.model_dump(), now=utc_now())
        return JSONResponse(_document(made))


def _document(profile: DataProfile) -> dict[str, Any]:
    return {**profile.document, "creation_context": creation_context(profile.created_at, profile.created_by)}
