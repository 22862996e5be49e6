"""Manifests and blobs: how files come and go."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput
from pratique.content.hashing import is_digest
from pratique.content.manifest import Manifest
from pratique.control import uploads
from pratique.control.actor import Actor
from pratique.store.blobs import Batch
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow
from pratique.web.platform import Here
from pratique.web.receive import receive, receive_pack

router = APIRouter(prefix="/workspaces/{workspace}", tags=["content"])
Writer = Annotated[Actor, Depends(allow("content/write"))]
Reader = Annotated[Actor, Depends(allow("content/read"))]
SAFE: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}
"""A browser that asks for a blob must not show it as a page of the door."""


class DigestsBody(RequestBody):
    """Digests that are asked about."""

    digests: Annotated[list[Annotated[str, Field(max_length=64)]], Field(max_length=1000)]


@router.post("/manifests")
def add_manifest(
    platform: Here, actor: Writer, workspace: str, body: Annotated[dict[str, Any], Body()]
) -> dict[str, Any]:
    """Store a manifest, or say which blobs are missing and store nothing."""
    manifest = Manifest.from_document(body)
    with platform.database.write() as tx:
        missing = uploads.add_manifest(tx, actor, workspace, manifest, now=utc_now())
    return {"digest": manifest.digest, "missing": missing}


@router.post("/manifests/held")
def held_manifests(
    platform: Here, actor: Reader, workspace: str, body: Annotated[DigestsBody, Body()]
) -> dict[str, Any]:
    """Which of these manifests the workspace holds: their files need not be sent."""
    with platform.database.read() as tx:
        held = uploads.held_manifests(tx, actor, workspace, body.digests)
        is_stale = uploads.any_stale(tx, workspace, held, now=utc_now())
    if is_stale:
        with platform.database.write() as tx:
            held = uploads.keep_manifests(tx, actor, workspace, body.digests, now=utc_now())
    return {"held": sorted(held)}


@router.get("/manifests/{digest}")
def manifest(platform: Here, actor: Reader, workspace: str, digest: str) -> dict[str, Any]:
    """A manifest that the workspace holds."""
    with platform.database.read() as tx:
        return uploads.manifest(tx, actor, workspace, digest).to_document()


@router.post("/blobs")
async def add_blobs(platform: Here, actor: Writer, workspace: str, request: Request) -> dict[str, Any]:
    """Receive many small blobs in one pack; all of them are kept or none."""

    def check() -> None:
        with platform.database.read() as tx:
            uploads.check_writable(tx, actor, workspace)

    def keep(batch: Batch) -> int:
        blobs = batch.keep()
        with platform.database.write() as tx:
            uploads.add_blobs(tx, actor, workspace, blobs, now=utc_now())
        return len(blobs)

    await run_in_threadpool(check)
    with platform.blobs.batch() as batch:
        await receive_pack(request, batch)
        return {"count": await run_in_threadpool(keep, batch)}


@router.put("/blobs/{digest}")
async def add_blob(platform: Here, actor: Writer, workspace: str, digest: str, request: Request) -> dict[str, Any]:
    """Receive the bytes of one blob, kept only when they have the digest; asked before they are taken."""
    check_digest(digest)

    def check() -> None:
        with platform.database.read() as tx:
            uploads.check_writable(tx, actor, workspace)

    def hold(size: int) -> None:
        with platform.database.write() as tx:
            uploads.add_blob(tx, actor, workspace, digest, size, now=utc_now())

    await run_in_threadpool(check)
    with platform.blobs.incoming() as incoming:
        await receive(request, incoming, limit=platform.settings.upload_body_limit_mb * 1_000_000)
        _, size = await run_in_threadpool(incoming.keep, expected=digest)
    await run_in_threadpool(hold, size)
    return {"digest": digest, "size": size}


@router.get("/blobs/{digest}")
def blob(platform: Here, actor: Reader, workspace: str, digest: str) -> FileResponse:
    """The bytes of one blob that the workspace holds."""
    with platform.database.read() as tx:
        uploads.check_blob(tx, actor, workspace, digest)
    return FileResponse(platform.blobs.path(digest), media_type="application/octet-stream", headers=SAFE)


def check_digest(text: str) -> None:
    """Raise `InvalidInput` for what is not a digest."""
    if not is_digest(text):
        raise InvalidInput(f"{text[:80]!r} is not a SHA-256 digest: expected 64 lower-case hexadecimal digits")
