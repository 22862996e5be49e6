"""Conversions and profiles of models: asked for, waited for, read."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Body, Depends
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.control import examinations
from pratique.control.actor import Actor
from pratique.store.examinations import Examination
from pratique.web.api.fields import RequestBody, Wait, creation_context, present
from pratique.web.auth import allow
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/workspaces/{workspace}", tags=["models"])
Reader = Annotated[Actor, Depends(allow("models/read"))]
Writer = Annotated[Actor, Depends(allow("models/write"))]
_LONGEST_REQUEST: Final = 1 << 20


class ConversionBody(RequestBody):
    """There is nothing to choose."""


class ScanBody(RequestBody):
    """There is nothing to choose."""


class ProfileBody(RequestBody):
    """How the model is loaded, and what is wished of it."""

    target_p99_ms: Annotated[float, Field(gt=0, le=60_000)] = 100
    target_rps: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    optimize: Literal["onnx"] | None = None
    request: Annotated[str, Field(max_length=_LONGEST_REQUEST)] | None = None
    connections: Annotated[int, Field(ge=1, le=256)] = 64
    seconds: Annotated[float, Field(ge=0.1, le=10)] = 1.5


@router.post("/models/{name}/versions/{version}/conversions")
def convert(
    platform: Here, actor: Writer, workspace: str, name: str, version: str, body: Annotated[ConversionBody, Body()]
) -> dict[str, Any]:
    """Ask for the model as ONNX, with proof."""
    with platform.database.write() as tx:
        asked = examinations.ask(tx, actor, workspace, name, version, "conversion", body.model_dump(), now=utc_now())
        return _document(asked)


@router.post("/models/{name}/versions/{version}/profiles")
def profile(
    platform: Here, actor: Writer, workspace: str, name: str, version: str, body: Annotated[ProfileBody, Body()]
) -> dict[str, Any]:
    """Ask how much load the model bears."""
    with platform.database.write() as tx:
        asked = examinations.ask(tx, actor, workspace, name, version, "profile", body.model_dump(), now=utc_now())
        return _document(asked)


@router.post("/models/{name}/versions/{version}/scans")
def scan(
    platform: Here, actor: Writer, workspace: str, name: str, version: str, body: Annotated[ScanBody, Body()]
) -> dict[str, Any]:
    """Ask what the model's pickles would run."""
    with platform.database.write() as tx:
        asked = examinations.ask(tx, actor, workspace, name, version, "scan", body.model_dump(), now=utc_now())
        return _document(asked)


@router.get("/examinations/{id}")
async def get(
    platform: Here,
    actor: Reader,
    workspace: str,
    id: str,  # noqa: A002 - the path's word.
    wait: Wait = 0,
) -> dict[str, Any]:
    """One that was asked for; with `wait`, as soon as it has ended or that many seconds have passed."""
    found = await platform.bell.until(
        lambda: _get(platform, actor, workspace, id), lambda one: one.is_terminal, seconds=wait
    )
    return _document(found)


def _get(platform: Platform, actor: Actor, workspace: str, id: str) -> Examination:  # noqa: A002 - the path's word.
    with platform.database.read() as tx:
        return examinations.get(tx, actor, workspace, id)


def _document(examination: Examination) -> dict[str, Any]:
    return present(
        {
            "id": examination.id,
            "kind": examination.kind,
            "status": examination.status,
            "progress": examination.progress or None,
            "settings": dict(examination.settings) or None,
            "report": examination.report,
            "error": examination.error,
            "ended_at": iso(examination.ended_at) if examination.ended_at else None,
            "creation_context": creation_context(examination.created_at, examination.created_by),
        }
    )
