"""Manifests and blobs of projects and of runs, shaped as those of workspaces: see `uploads`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from pratique.base.clock import utc_now
from pratique.content.manifest import Manifest
from pratique.control import delivery_units, held_content
from pratique.control.actor import Actor
from pratique.control.delivery_content import Holder, of_project
from pratique.store import holdings
from pratique.store.blobs import Batch
from pratique.web.api.uploads import SAFE, DigestsBody, check_digest
from pratique.web.auth import KNOWN, allow_somewhere
from pratique.web.platform import Here, Platform
from pratique.web.receive import receive, receive_pack

HolderOf = Callable[[Actor, Request], Holder]
Asks = Callable[[Request], Actor]
"""What a route says about who may use it."""


@dataclass(frozen=True)
class _Place:
    """Where content is kept: the path of its routes, who may ask, and which holder a request means."""

    prefix: str
    reads: Asks
    writes: Asks
    for_reading: HolderOf
    for_writing: HolderOf

    def router(self) -> APIRouter:
        """All of its routes."""
        router = APIRouter(prefix=self.prefix, tags=["delivery"])
        self._add_manifests(router)
        self._add_blobs(router)
        return router

    def _add_manifests(self, router: APIRouter) -> None:
        reader, writer = Depends(self.reads), Depends(self.writes)

        @router.post("/manifests")
        def add_manifest(
            platform: Here,
            request: Request,
            body: Annotated[dict[str, Any], Body()],
            actor: Actor = writer,
        ) -> dict[str, Any]:
            """Store a manifest, or say which blobs are missing and store nothing."""
            manifest = Manifest.from_document(body)
            with platform.database.write() as tx:
                held = self.for_writing(actor, request)(tx)
                missing = held_content.add_manifest(tx, held, manifest, now=utc_now())
            return {"digest": manifest.digest, "missing": missing}

        @router.post("/manifests/held")
        def held_manifests(
            platform: Here, request: Request, body: Annotated[DigestsBody, Body()], actor: Actor = writer
        ) -> dict[str, Any]:
            """Which of these manifests are here: their files need not be sent."""
            with platform.database.write() as tx:
                held = self.for_writing(actor, request)(tx)
                return {"held": sorted(held_content.held_manifests(tx, held, body.digests, now=utc_now()))}

        @router.get("/manifests/{digest}")
        def manifest(platform: Here, request: Request, digest: str, actor: Actor = reader) -> dict[str, Any]:
            """A manifest."""
            with platform.database.read() as tx:
                return held_content.manifest(tx, self.for_reading(actor, request)(tx), digest).to_document()

    def _add_blobs(self, router: APIRouter) -> None:
        reader, writer = Depends(self.reads), Depends(self.writes)

        @router.post("/blobs")
        async def add_blobs(platform: Here, request: Request, actor: Actor = writer) -> dict[str, Any]:
            """Receive many small blobs in one pack; all of them are kept or none."""
            holder = self.for_writing(actor, request)
            await run_in_threadpool(_ask, platform, holder)
            with platform.blobs.batch() as batch:
                await receive_pack(request, batch)
                return {"count": await run_in_threadpool(_keep, platform, holder, batch)}

        @router.put("/blobs/{digest}")
        async def add_blob(platform: Here, request: Request, digest: str, actor: Actor = writer) -> dict[str, Any]:
            """Receive the bytes of one blob, kept only when they have the digest; asked before they are taken."""
            check_digest(digest)
            holder = self.for_writing(actor, request)
            await run_in_threadpool(_ask, platform, holder)
            with platform.blobs.incoming() as incoming:
                await receive(request, incoming, limit=platform.settings.upload_body_limit_mb * 1_000_000)
                _, size = await run_in_threadpool(partial(incoming.keep, expected=digest))
            await run_in_threadpool(_hold, platform, holder, [(digest, size)])
            return {"digest": digest, "size": size}

        @router.get("/blobs/{digest}")
        def blob(platform: Here, request: Request, digest: str, actor: Actor = reader) -> FileResponse:
            """The bytes of one blob."""
            with platform.database.read() as tx:
                held_content.check_blob(tx, self.for_reading(actor, request)(tx), digest)
            return FileResponse(platform.blobs.path(digest), media_type="application/octet-stream", headers=SAFE)


def _ask(platform: Platform, holder: Holder) -> None:
    with platform.database.read() as tx:
        holder(tx)


def _keep(platform: Platform, holder: Holder, batch: Batch) -> int:
    blobs = batch.keep()
    _hold(platform, holder, blobs)
    return len(blobs)


def _hold(platform: Platform, holder: Holder, blobs: list[tuple[str, int]]) -> None:
    with platform.database.write() as tx:
        holdings.hold(tx, holder(tx), "blob", blobs, now=utc_now())


def _reads_project(actor: Actor, request: Request) -> Holder:
    return of_project(actor, request.path_params["project"], "deliveries/read")


def _writes_project(actor: Actor, request: Request) -> Holder:
    return of_project(actor, request.path_params["project"], "deliveries/run")


def _run_of(request: Request) -> int:
    text = str(request.path_params["run"])
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _reads_run(actor: Actor, request: Request) -> Holder:
    return lambda tx: delivery_units.holder_for_reading(tx, actor, _run_of(request))


def _writes_run(actor: Actor, request: Request) -> Holder:
    return lambda tx: delivery_units.holder_for_writing(tx, actor, _run_of(request))


projects = _Place(
    "/delivery/projects/{project}",
    reads=allow_somewhere("deliveries/read"),
    writes=allow_somewhere("deliveries/run"),
    for_reading=_reads_project,
    for_writing=_writes_project,
).router()
runs = _Place(
    "/delivery/runs/{run}", reads=KNOWN, writes=KNOWN, for_reading=_reads_run, for_writing=_writes_run
).router()
