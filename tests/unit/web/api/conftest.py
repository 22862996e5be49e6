"""The API as one caller uses it, with files that were uploaded through it."""

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from pratique.content.manifest import Entry, Manifest
from pratique.web.platform import Platform

CONDA = {"dependencies": ["python=3.11", {"pip": ["numpy==1.26.4"]}]}


@dataclass(frozen=True)
class Api:
    """Calls as one person; every path is below /api/v1."""

    app: FastAPI
    runner: asyncio.Runner
    headers: Mapping[str, str]

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request, for those who send several at a time."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:7070/api/v1") as client:
            return await client.request(method, path, **{"headers": dict(self.headers)} | options)

    def __call__(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.runner.run(self.ask(method, path, **options))

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """What `work` gives, in the loop of this caller; it fails rather than waits for ever."""

        async def bounded() -> Any:
            async with asyncio.timeout(30):
                return await work

        return self.runner.run(bounded())

    def ok(self, method: str, path: str, **options: Any) -> Any:
        """The document of a request that must succeed."""
        answer = self(method, path, **options)
        assert answer.is_success, answer.text
        return answer.json()

    def refused(self, status: int, method: str, path: str, **options: Any) -> dict[str, Any]:
        """The error of a request that must be refused with `status`, in the shape of every error."""
        answer = self(method, path, **options)
        assert answer.status_code == status, answer.text
        error: dict[str, Any] = answer.json()["error"]
        assert set(error) == {"code", "message", "hint", "problems", "log_tail"}
        return error

    def keys(self, method: str, path: str, **options: Any) -> list[str]:
        """The keys that a 400 complains about."""
        return [problem["key"] for problem in self.refused(400, method, path, **options)["problems"]]

    def upload(self, files: Mapping[str, bytes], name: str, *, workspace: str = "dev") -> str:
        """Bring files as a client does, and return how a spec names them."""
        entries = {path: Entry(path, hashlib.sha256(data).hexdigest(), len(data)) for path, data in files.items()}
        manifest = Manifest(entries.values())
        root = f"/workspaces/{workspace}"
        asked = self.ok("POST", f"{root}/manifests", json=manifest.to_document())
        for path, data in files.items():
            if entries[path].digest in asked["missing"]:
                self.ok("PUT", f"{root}/blobs/{entries[path].digest}", content=data)
        assert self.ok("POST", f"{root}/manifests", json=manifest.to_document())["missing"] == []
        return f"upload:{manifest.digest}/{name}"

    def asset(self, kind: str, name: str, *, workspace: str = "dev", **spec: Any) -> dict[str, Any]:
        """Make a version of a model, of data or of an environment."""
        given: dict[str, Any] = {"conda_file": CONDA} if kind == "environments" else {}
        if kind != "environments" and "path" not in spec:
            given["path"] = self.upload({"file.txt": b"x"}, "folder", workspace=workspace)
        made: dict[str, Any] = self.ok(
            "POST", f"/workspaces/{workspace}/{kind}", json={"spec": {"name": name, **given, **spec}}
        )
        return made

    def job(self, **spec: Any) -> dict[str, Any]:
        """Make a job in dev."""
        given = {"command": "true", "environment": {"conda_file": CONDA}, **spec}
        made: dict[str, Any] = self.ok("POST", "/workspaces/dev/jobs", json={"spec": given})
        return made


@pytest.fixture
def api(app: FastAPI, bearer: Callable[..., dict[str, str]]) -> Iterator[Api]:
    """The Owner of the home."""
    with asyncio.Runner() as runner:
        yield Api(app, runner, bearer("ann"))


@pytest.fixture
def reader(api: Api, bearer: Callable[..., dict[str, str]]) -> Api:
    """Somebody who may read dev."""
    return Api(api.app, api.runner, bearer("rob", "Reader", "/workspaces/dev"))


@pytest.fixture
def bell(platform: Platform) -> Platform:
    """The platform, whose commits ring for whoever waits once the bell is attached to a loop."""
    platform.database.on_commit(platform.bell.ring)
    return platform
