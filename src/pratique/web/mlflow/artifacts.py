"""MLflow's REST of proxied artifacts: files of runs, streamed into and out of the content store.

A download is a file of the store, so that ranges work and memory stays constant;
it always leaves as an attachment, for it may be anything that a run has written.
Uploads in parts and pre-signed URLs are refused in the words that make clients
fall back to one request.
"""

import mimetypes
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse
from starlette.concurrency import run_in_threadpool

from pratique.base.clock import utc_now
from pratique.base.errors import NotYet
from pratique.control import artifacts
from pratique.control.actor import Actor
from pratique.web.auth import allow
from pratique.web.mlflow.errors import MlflowRoute
from pratique.web.platform import Here, Platform
from pratique.web.receive import receive

_verbs = APIRouter(route_class=MlflowRoute)
Reader = Annotated[Actor, Depends(allow("artifacts/read"))]
Writer = Annotated[Actor, Depends(allow("artifacts/write"))]

_NO_PARTS: Final = "Multipart upload is not supported for the current artifact repository"
_SAFE: Final = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "sandbox"}


@_verbs.get("/artifacts")
def listing(
    platform: Here, actor: Reader, workspace: str, path: Annotated[str, Query(max_length=4096)] = ""
) -> dict[str, Any]:
    """What lies directly in a folder."""
    with platform.database.read() as tx:
        found = artifacts.listing(tx, actor, workspace, path)
    return {
        "files": [
            {"path": one.name, "is_dir": one.is_folder} | ({} if one.size is None else {"file_size": one.size})
            for one in found
        ]
    }


@_verbs.get("/artifacts/{path:path}")
def download(platform: Here, actor: Reader, workspace: str, path: str) -> FileResponse:
    """One file."""
    return _file(platform, actor, workspace, path)


def of_version(
    platform: Here,
    actor: Annotated[Actor, Depends(allow("models/read"))],
    workspace: str,
    name: Annotated[str, Query(max_length=256)],
    version: Annotated[str, Query(max_length=256)],
    path: Annotated[str, Query(max_length=4096)],
) -> FileResponse:
    """One file of a registered version, as MLflow's pages ask for it."""
    return _file(platform, actor, workspace, f"{artifacts.version_root(name, version)}/{path}")


@_verbs.put("/artifacts/{path:path}")
async def upload(platform: Here, actor: Writer, workspace: str, path: str, request: Request) -> dict[str, Any]:
    """Receive one file; whether it may lie there is asked before its bytes are taken."""

    def check() -> None:
        with platform.database.read() as tx:
            artifacts.check_writable(tx, actor, workspace, path)

    def keep(digest: str, size: int) -> None:
        with platform.database.write() as tx:
            artifacts.add_file(tx, actor, workspace, path, digest, size, now=utc_now())

    await run_in_threadpool(check)
    with platform.blobs.incoming() as incoming:
        await receive(request, incoming, limit=platform.settings.upload_body_limit_mb * 1_000_000)
        digest, size = await run_in_threadpool(incoming.keep)
    await run_in_threadpool(keep, digest, size)
    return {}


@_verbs.delete("/artifacts/{path:path}")
def remove(platform: Here, actor: Writer, workspace: str, path: str) -> dict[str, Any]:
    """Remove a file or a folder of a run."""
    with platform.database.write() as tx:
        artifacts.remove(tx, actor, workspace, path)
    return {}


@_verbs.post("/mpu/{step}/{path:path}", dependencies=[Depends(allow("artifacts/write"))])
def in_parts() -> None:
    """Say that a file comes in one piece."""
    raise NotYet(_NO_PARTS)


@_verbs.get("/presigned/{path:path}", dependencies=[Depends(allow("artifacts/read"))])
def presigned() -> None:
    """Say that files come through this door only."""
    raise NotYet("Presigned downloads are not supported for the current artifact repository")


def _file(platform: Platform, actor: Actor, workspace: str, path: str) -> FileResponse:
    with platform.database.read() as tx:
        entry = artifacts.find(tx, actor, workspace, path)
    name = path.rpartition("/")[2]
    return FileResponse(
        platform.blobs.path(entry.digest),
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        filename=name,
        headers={**_SAFE, "ETag": f'"{entry.digest}"'},
    )


router = APIRouter(include_in_schema=False, route_class=MlflowRoute)
router.add_api_route("/mlflow/{workspace}/model-versions/get-artifact", of_version, methods=["GET"])
for _prefix in ("api/2.0", "ajax-api/2.0"):
    router.include_router(_verbs, prefix=f"/mlflow/{{workspace}}/{_prefix}/mlflow-artifacts")
