"""Git's smart HTTP: `git upload-pack` and `git receive-pack` behind the door, streamed both ways.

GET  /pratique/PROJECT/_git/REPOSITORY/info/refs?service=git-upload-pack | git-receive-pack
POST /pratique/PROJECT/_git/REPOSITORY/git-upload-pack      clone, fetch
POST /pratique/PROJECT/_git/REPOSITORY/git-receive-pack     push

Git itself is the backend, one process for each request, with `--stateless-rpc`
(gitprotocol-http). A pack is never held here: pieces go from the request to the
process and from the process to the answer. What a push has done is written
down before its pusher reads that it is done.

Whoever asks proves it by HTTP Basic, with a token or a secret as the password,
or by a bearer token; a browser's cookie counts nothing here, and git is told
in plain text what is wrong, because that is what it shows.
"""

import asyncio
import os
import re
import signal
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from pratique.base.clock import utc_now
from pratique.base.errors import (
    Conflict,
    Forbidden,
    InternalError,
    InvalidInput,
    PratiqueError,
    TooLarge,
    TooManyCalls,
    Unauthenticated,
)
from pratique.base.logging import get_logger
from pratique.control import pushes, repositories
from pratique.control.actor import Actor
from pratique.control.permissions import is_permitted, permit, repository_scope
from pratique.control.repositories import ORGANIZATION
from pratique.store import git
from pratique.store.git import NOTHING
from pratique.store.repositories import TOPIC, Push, RefUpdate, Repository
from pratique.web.auth import allow_repository
from pratique.web.packets import Commands, Report, advertised, refused
from pratique.web.platform import Here, Platform

_log = get_logger(__name__)

_PIECE: Final = 1 << 16
_LARGEST_QUESTION: Final = 64_000_000
"""Bytes of what a fetch asks for: a line for each ref and commit that the other side has."""
_AT_ONCE: Final = 16
"""Processes of git that serve requests; the next ones wait for their turn."""
_PROTOCOL: Final = re.compile(r"version=[0-2](?::[a-z0-9=.:-]{1,100})?")
_UNKEPT: Final = {"Cache-Control": "no-cache, max-age=0, must-revalidate", "Pragma": "no-cache"}
_TURNS = asyncio.Semaphore(_AT_ONCE)


class _GitRoute(APIRoute):
    """Tells errors as git shows them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def tell(request: Request) -> Response:
            try:
                return await handle(request)
            except PratiqueError as error:
                return _told(error)

        return tell


def _told(error: PratiqueError) -> Response:
    said = f"{error}\nhint: {error.hint}\n" if error.hint else f"{error}\n"
    asked = {"WWW-Authenticate": 'Basic realm="pratique"'} if isinstance(error, Unauthenticated) else {}
    if isinstance(error, TooManyCalls):
        asked = {"Retry-After": "1"}
    return PlainTextResponse(said, status_code=error.status, headers={**asked, **_UNKEPT})


router = APIRouter(
    prefix=f"/{ORGANIZATION}/{{project}}/_git/{{repository}}", route_class=_GitRoute, include_in_schema=False
)
Reader = Annotated[Actor, Depends(allow_repository("repositories/read"))]
Writer = Annotated[Actor, Depends(allow_repository("repositories/write"))]


@router.get("/info/refs")
async def advertise(
    request: Request, platform: Here, actor: Reader, project: str, repository: str, service: str = ""
) -> Response:
    """The refs of a repository, or in version 2 what the server can do."""
    if service not in ("git-upload-pack", "git-receive-pack"):
        raise InvalidInput("only Git's smart protocol is spoken here", hint="use a git that is newer than 1.6.6")
    known = await run_in_threadpool(_known, platform, actor, project, repository, service)
    words = [service.removeprefix("git-"), "--stateless-rpc", "--http-backend-info-refs", "."]
    async with _TURNS:
        process = await _start(platform, known, words, _protocol(request))
        try:
            said, _ = await process.communicate()
        finally:
            _kill(process)
    if process.returncode:
        raise InternalError("git cannot list the refs of this repository", hint="pratique status names the log")
    is_second = "version=2" in _protocol(request) and service == "git-upload-pack"
    body = said if is_second else advertised(service) + said
    return Response(body, media_type=f"application/x-{service}-advertisement", headers=_UNKEPT)


@router.post("/git-upload-pack")
async def fetch(request: Request, platform: Here, actor: Reader, project: str, repository: str) -> Response:
    """A clone or a fetch."""
    known = await run_in_threadpool(_known, platform, actor, project, repository, "git-upload-pack")
    await _TURNS.acquire()
    try:
        process = await _start(platform, known, ["upload-pack", "--stateless-rpc", "."], _protocol(request))
    except BaseException:
        _TURNS.release()
        raise
    answer = _Answer(process)
    try:
        await answer.feed(_body(request, _LARGEST_QUESTION))
    except BaseException:
        await asyncio.shield(_done(answer))
        raise

    async def pieces() -> AsyncIterator[bytes]:
        try:
            async for piece in answer.rest():
                yield piece
        finally:
            await asyncio.shield(_done(answer))

    return StreamingResponse(pieces(), media_type="application/x-git-upload-pack-result", headers=_UNKEPT)


async def _done(answer: "_Answer") -> None:
    try:
        await answer.end()
    finally:
        _TURNS.release()


@router.post("/git-receive-pack")
async def receive(request: Request, platform: Here, actor: Writer, project: str, repository: str) -> Response:
    """A push: answered when everything is written down."""
    known = await run_in_threadpool(_known, platform, actor, project, repository, "git-receive-pack")
    # In a task of its own: whoever pushes may go away, and what has been pushed is written down all the same.
    work = asyncio.create_task(_receive(request, platform, actor, known))
    try:
        said = await asyncio.shield(work)
    except ClientDisconnect:
        return Response(status_code=InvalidInput.status)  # Nobody reads it.
    return Response(said, media_type="application/x-git-receive-pack-result", headers=_UNKEPT)


async def _receive(request: Request, platform: Platform, actor: Actor, known: Repository) -> bytes:
    """What `git receive-pack` answers: progress and one line for each ref."""
    body = _body(request, platform.settings.upload_body_limit_mb * 1_000_000)
    commands = Commands()
    seen = bytearray()
    async for piece in body:
        seen += piece
        if commands.feed(piece):
            break
    if problem := commands.problem:
        async for _ in body:  # Git reads the answer only when all is sent.
            pass
        return refused(commands, problem)
    async with _TURNS:
        return await _push(platform, actor, known, commands.updates, _chain(bytes(seen), body))


async def _push(
    platform: Platform, actor: Actor, known: Repository, wished: Sequence[RefUpdate], body: AsyncIterator[bytes]
) -> bytes:
    lock = await run_in_threadpool(platform.repositories.pushing, known.id)
    said = b""
    try:
        push = await run_in_threadpool(_begin, platform, actor, known, wished) if wished else None
        words = ["receive-pack", "--stateless-rpc", "."]
        answer = _Answer(await _start(platform, known, words, "", _policies(platform, known), lock))
        try:
            await answer.feed(body)
            said = b"".join([piece async for piece in answer.rest()])
        finally:
            await answer.end(within=_ENDS_WITHIN)
            if push:
                await run_in_threadpool(_finish, platform, known, push, said)
    finally:
        os.close(lock)
    return said


def _begin(platform: Platform, actor: Actor, known: Repository, wished: Sequence[RefUpdate]) -> Push:
    with platform.database.write(TOPIC) as tx:
        return pushes.begin(tx, actor, known, wished, now=utc_now())


def _finish(platform: Platform, known: Repository, push: Push, said: bytes) -> None:
    """Write what became of a push that git has ended."""
    report = Report.of(said)
    bare = platform.repositories.get(known.id)
    with platform.repositories.in_turn(known.id):
        present = bare.refs(*(one.name for one in push.wanted)) if len(push.wanted) <= _ASKED else bare.refs()
        took = [
            one
            for one in push.wanted
            if (one.name in report.done if report.is_whole else present.get(one.name, NOTHING) == one.new != one.old)
        ]
        with platform.database.write() as tx:
            head = pushes.finish(tx, push, took, present, now=utc_now())
    if head:
        bare.set_head(head.default_branch)


_ASKED: Final = 200
"""Refs that fit on a command line."""


def _policies(platform: Platform, known: Repository) -> Mapping[str, str]:
    return {
        "receive.denyNonFastForwards": str(known.denies_force).lower(),
        "receive.denyDeletes": str(known.denies_deletes).lower(),
        "receive.denyDeleteCurrent": "refuse",
        "receive.maxInputSize": str(platform.settings.upload_body_limit_mb * 1_000_000),
    }


def _known(platform: Platform, actor: Actor, project: str, name: str, service: str) -> Repository:
    with platform.database.read() as tx:
        known = repositories.get(tx, actor, project, name)
        if service == "git-receive-pack":
            _permit_push(actor, project, name)
            if known.source:
                raise Conflict(f"{name} follows {known.source}", hint="push there")
        return known


def _permit_push(actor: Actor, project: str, name: str) -> None:
    """Raise `Forbidden` unless `actor` may push; a job is let in by its pipeline, and not by a role."""
    if actor.kind == "unit" and not is_permitted(actor, "repositories/write", repository_scope(project, name)):
        raise Forbidden(
            f"the pipeline of this job may not push to {project}/{name}",
            hint="pratique pipelines permission add --kind repository-push "
            f"--name {project}/{name} --pipeline PIPELINE --project PROJECT",
        )
    permit(actor, "repositories/write", repository_scope(project, name))


def _protocol(request: Request) -> str:
    """The version of the protocol that the other side wants; empty for the first."""
    said = request.headers.get("git-protocol", "")
    return said if _PROTOCOL.fullmatch(said) else ""


async def _start(
    platform: Platform,
    known: Repository,
    words: Sequence[str],
    protocol: str,
    settings: Mapping[str, str] | None = None,
    lock: int | None = None,
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *git.argv(*words, settings=[f"{name}={value}" for name, value in (settings or {}).items()]),
        cwd=platform.repositories.get(known.id).folder,
        env=git.environment(protocol),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=() if lock is None else (lock,),
        limit=_PIECE,
    )


class _Answer:
    """What a process of git says, read from the beginning, so that it never waits for us while we wait for it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_AHEAD)
        self._reading = asyncio.create_task(self._read())
        self._is_over = False

    async def _read(self) -> None:
        out = self._process.stdout
        while out is not None and (piece := await out.read(_PIECE)):
            await self._waiting.put(piece)
        await self._waiting.put(b"")

    async def feed(self, body: AsyncIterator[bytes]) -> None:
        """Give the process all of `body`; when that is cut off, the end of its input tells the process."""
        into = self._process.stdin
        try:
            async for piece in body:
                if into is not None and not into.is_closing():
                    with suppress(BrokenPipeError, ConnectionResetError):  # It has said no; the rest is only read.
                        into.write(piece)
                        await into.drain()
        finally:
            if into is not None:
                into.close()

    async def rest(self) -> AsyncIterator[bytes]:
        """What it says, to the end."""
        while not self._is_over:
            if piece := await self._waiting.get():
                yield piece
            else:
                self._is_over = True

    async def end(self, *, within: float = 0) -> None:
        """Let it end by itself for so many seconds, then end it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                async for _ in self.rest():
                    pass
                await self._process.wait()
        _kill(self._process)
        await self._process.wait()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a process with everything that it has started, unless it has ended."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


_AHEAD: Final = 32
"""Pieces that are read before the other side has taken them."""
_ENDS_WITHIN: Final = 60
"""Seconds that git has to finish a push whose pusher has gone away."""


async def _body(request: Request, limit: int) -> AsyncIterator[bytes]:
    """The body of `request`, unpacked when it is gzip; raises `TooLarge` past `limit` bytes, packed or not."""
    coding = request.headers.get("content-encoding", "identity").lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        raise InvalidInput(f"the body is packed by {coding[:40]!r}, which is not known here")
    unpack = zlib.decompressobj(31) if coding != "identity" else None
    size = 0
    async for piece in request.stream():
        for part in _unpacked(unpack, piece):
            size += len(part)
            if size > limit:
                raise TooLarge(f"the request has more than {limit:,} bytes")
            yield part


def _unpacked(unpack: Any, piece: bytes) -> Sequence[bytes] | Any:  # zlib's type has no public name.
    """`piece`, unpacked in parts that stay small."""
    if unpack is None:
        if piece:
            yield piece
        return
    try:
        while piece:
            part = unpack.decompress(piece, _PIECE)
            piece = unpack.unconsumed_tail
            if part:
                yield part
    except zlib.error as error:
        raise InvalidInput("the body is no gzip") from error


async def _chain(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in rest:
        yield piece
