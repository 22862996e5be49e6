"""A platform of our own to be hard on: its verbs by the API, its processes by their ids."""

import http.client
import json
import os
import re
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measures.home import BenchHome
from bench.soak.load import Target

from pratique.base.home import Home
from pratique.compute import shim
from pratique.compute.local import LocalCompute
from pratique.compute.task import Running
from pratique.gateway.admin import Admin
from pratique.gateway.render import discovery

WORKSPACE = "bench"
_LIMIT = 120.0
_ENVIRONMENT = "name: empty\nversion: 1\nconda_file: {name: empty, dependencies: [python=3.11]}\nimage: none\n"
_DEPLOYMENT = """\
name: {name}
endpoint_name: {endpoint}
environment: azureml:empty:1
code_configuration: {{code: code, scoring_script: score.py}}
environment_variables: {{ANSWER: {name}}}
instance_type: Standard_DS3_v2
instance_count: {count}
{more}
"""


@dataclass(frozen=True)
class Platform:
    """One bench home with what a soak does to it."""

    bench: BenchHome

    @property
    def home(self) -> Home:
        return Home(self.bench.root / "home")

    def prepare(self) -> None:
        """The environment that every deployment here has; brings the platform up."""
        self.bench.run("up")
        self.bench.run("group", "create", "-n", WORKSPACE, "-l", "local")
        self.bench.run("ml", "workspace", "create", "-n", WORKSPACE, "-g", WORKSPACE)
        self.environment()

    def environment(self) -> None:
        """The environment that every deployment here has."""
        (self.bench.root / "environment.yml").write_text(_ENVIRONMENT)
        self.bench.run("ml", "environment", "create", "-f", "environment.yml", cwd=self.bench.root)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """One call about the workspace as the owner; raises `RuntimeError` with what it said."""
        return self.call(method, f"/workspaces/{WORKSPACE}{path}", body)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One call of the API as the owner; raises `RuntimeError` with what it said."""
        port = int(self.bench.environment["PRATIQUE_DOOR_PORT"])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_LIMIT)
        token = (self.home.runtime / "owner.token").read_text()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        payload = None if body is None else json.dumps(body)
        connection.request(method, f"/api/v1{path}", payload, headers)
        answer = connection.getresponse()
        read = answer.read()
        connection.close()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {read.decode(errors='replace')[:500]}")
        return json.loads(read) if read else None

    # --- verbs

    def endpoint(self, name: str) -> Target:
        """Make an endpoint."""
        self.bench.run("ml", "online-endpoint", "create", "-n", name)
        shown = self.bench.pratique("ml", "online-endpoint", "show", "-n", name)
        keys = self.bench.pratique("ml", "online-endpoint", "get-credentials", "-n", name)
        return Target(shown["scoring_uri"], keys["primaryKey"])

    def deploy(
        self, endpoint: str, name: str, script: str, *, count: int = 1, more: str = "", all_traffic: bool = False
    ) -> None:
        """Make a deployment of `script` and wait until it answers."""
        folder = self.bench.root / f"{endpoint}-{name}"
        (folder / "code").mkdir(parents=True, exist_ok=True)
        (folder / "code" / "score.py").write_text(script)
        (folder / "d.yml").write_text(_DEPLOYMENT.format(name=name, endpoint=endpoint, count=count, more=more))
        flags = ["--all-traffic"] if all_traffic else []
        self.bench.run("ml", "online-deployment", "create", "-f", "d.yml", *flags, cwd=folder)

    def change(self, endpoint: str, name: str, **changes: Any) -> None:
        """Change keys of a deployment's spec and wait until it is so."""
        path = f"/online-endpoints/{endpoint}/deployments/{name}"
        shown = self.api("GET", path)
        silent = ("id", "provisioning_state", "timings", "error", "creation_context", "replicas", "properties")
        spec = {key: value for key, value in shown.items() if key not in silent} | changes
        self.api("PUT", path, {"spec": spec, "all_traffic": False})
        self.settled(path)

    def promote(self, endpoint: str, to: str) -> None:
        """Switch, and wait until it is so."""
        path = f"/online-endpoints/{endpoint}"
        seen = int(self.api("GET", path)["properties"]["pratique.generation"])
        self.api("POST", f"{path}/promote", {"to": to, "seen": seen})
        self.settled(path)

    def settled(self, path: str) -> Any:
        """Wait until an endpoint or deployment is as it was wished; raises `RuntimeError` when it is not."""
        shown = self.api("GET", f"{path}?wait=50")
        if shown["provisioning_state"] != "Succeeded":
            raise RuntimeError(f"{path} is {shown['provisioning_state']}: {shown.get('error')}")
        return shown

    def show(self, endpoint: str, name: str) -> Any:
        return self.api("GET", f"/online-endpoints/{endpoint}/deployments/{name}")

    # --- processes

    def process(self, deployment: str, slot: int = 0) -> int:
        """The process of a replica of ``endpoint/name`` that runs now."""
        endpoint, name = deployment.split("/")
        shown = self.show(endpoint, name)
        start = next(row["start"] for row in shown["replicas"] if row["slot"] == slot)
        folders = [*self.home.replicas.glob(f"*/*-{slot}-{start}")]
        wanted = f"{WORKSPACE}/{endpoint}/{name}"
        for folder in sorted(folders, key=lambda folder: int(folder.name.split("-")[0]), reverse=True):
            seen = LocalCompute().observe(folder)
            if isinstance(seen, Running) and wanted in _launch(folder):
                return _innermost(seen.pid)
        raise RuntimeError(f"no replica {slot} of {deployment} runs")

    def socket(self, deployment: str, slot: int = 0) -> Path:
        """Where a replica of ``endpoint/name`` listens."""
        endpoint, name = deployment.split("/")
        pattern = rb"(/[\x20-\x7e]*/r[0-9a-f]+-\d+-%d\.sock)" % slot
        for cluster, message in discovery.read(self.home.gateway / "cds.pb").clusters.items():
            is_its = cluster.startswith(f"{WORKSPACE}/{endpoint}/{name}/")
            if is_its and (found := re.search(pattern, message)):
                return Path(found.group(1).decode())
        raise RuntimeError(f"no replica {slot} of {deployment} is routed")

    def service(self, name: str) -> int:
        """The process of a service: server, envoy or mlflow."""
        folders = sorted((self.home.services / name).glob("[0-9]*"), key=lambda folder: int(folder.name))
        seen = LocalCompute().observe(folders[-1])
        assert isinstance(seen, Running), seen
        return seen.pid

    def statistics(self, pattern: str) -> Mapping[str, Any]:
        """Envoy's own counters."""
        return Admin(self.home.socket("envoy-admin")).statistics(pattern)

    def drained(self, deployment: str) -> None:
        """Wait until nothing is in progress at ``endpoint/name``, as Envoy counts."""
        idle = 0
        while idle < 2:
            time.sleep(0.05)
            busy = any(self.statistics(rf"cluster\.{WORKSPACE}/{deployment}/.*\.upstream_rq_active").values())
            idle = 0 if busy else idle + 1


def kill(pid: int) -> float:
    """SIGKILL; returns the moment at which it is dead, which is a little later than the signal."""
    handle = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([handle], [], [])
    os.close(handle)
    return time.monotonic()


def inode(path: Path) -> int:
    """Which file is at `path`; 0 when there is none."""
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return 0


def refused(path: Path, was: int) -> float:
    """Wait until nobody can connect to `path` any more, or to another socket than that inode; returns the moment."""
    while True:
        if inode(path) != was:
            return time.monotonic()
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(path))
            except OSError:
                return time.monotonic()


def until(holds: Callable[[], object], what: str) -> float:
    """Wait until `holds`; returns the seconds that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > _LIMIT:
            raise RuntimeError(f"{what} never came")
        time.sleep(0.02)
    return time.monotonic() - began


def _innermost(pid: int) -> int:
    """The process that answers: a replica that is kept to its files has others around it."""
    children = [child for child in shim.processes() if shim.parent_and_session(child)[0] == pid]
    return _innermost(children[0]) if children else pid


def _launch(folder: Path) -> str:
    revision = folder.name.split("-")[0]
    try:
        return (folder.parent / "files-of" / f"{revision}.json").read_text()
    except OSError:
        return ""
