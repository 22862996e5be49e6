"""How soon a change of traffic or of replicas is effective, and what a thousand endpoints cost."""

import contextlib
import http.client
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from bench import gateway as doors
from bench.measures.home import BenchHome, table
from bench.soak.load import Target
from bench.soak.platform import WORKSPACE, Platform, inode, refused

from pratique.base.unix_http import UnixConnection

_TURNS = 15
_COUNTS = (1, 20, 200, 1000)
_SCRIPT = "def init():\n    pass\n\n\ndef run(raw_data):\n    return 1\n"


def measure(home: BenchHome) -> str:
    """Two tables: through the whole platform with one endpoint, and the door alone with up to a thousand."""
    platform = Platform(home)
    platform.environment()
    target = platform.endpoint("speed")
    for name in ("blue", "green"):
        platform.deploy("speed", name, _SCRIPT, all_traffic=name == "blue")
    weights, rotation = _weights(platform, target), _rotation(platform)
    whole = [
        ["a change of weights: from the verb's answer until a caller sees it", _ms(weights), "< 50 ms"],
        ["a new replica: from its first ready answer until it is in the rotation", _ms(rotation), "< 100 ms"],
    ]
    rows = [_door(count) for count in _COUNTS]
    words = (
        "The whole platform, median of 15 changes of weights and 5 new replicas (worst in brackets). Below, the door "
        "alone: publishing until Envoy has taken it, two deployments for each endpoint."
    )
    head = ["endpoints", "change of weights", "replica more", "new deployment", "Envoy's memory", "p50 of a call"]
    return f"## Rollouts\n\n{words}\n\n" + table(["what", "measured", "bar"], whole) + "\n\n" + table(head, rows)


def _weights(platform: Platform, target: Target) -> list[float]:
    caller = _Caller(target)
    taken = []
    for turn in range(_TURNS):
        name = ("green", "blue")[turn % 2]
        platform.api("PATCH", "/online-endpoints/speed", {"traffic": {name: 100}})
        began = time.perf_counter()
        while caller.ask() != name:
            time.sleep(0.001)
        taken.append(time.perf_counter() - began)
        platform.settled("/online-endpoints/speed")
    return taken


def _rotation(platform: Platform) -> list[float]:
    """Slot 1 of blue, again and again."""
    first = platform.socket("speed/blue")
    second = Path(str(first).replace("-0.sock", "-1.sock"))
    taken = []
    for _ in range(5):
        refused(second, inode(second))  # The one before may still finish what it has.
        shown = platform.show("speed", "blue")
        silent = ("id", "provisioning_state", "timings", "error", "creation_context", "replicas", "properties")
        spec = {key: value for key, value in shown.items() if key not in silent} | {"instance_count": 2}
        path = "/online-endpoints/speed/deployments/blue"
        platform.api("PUT", path, {"spec": spec, "all_traffic": False})
        while not _is_ready(second):
            time.sleep(0.002)
        began = time.perf_counter()
        while _members(platform) != 2:
            time.sleep(0.002)
        taken.append(time.perf_counter() - began)
        platform.settled(path)
        platform.change("speed", "blue", instance_count=1)
    return taken


def _members(platform: Platform) -> int:
    found = platform.statistics(rf"cluster\.{WORKSPACE}/speed/blue/.*\.membership_total")
    return max(found.values(), default=0)


def _is_ready(socket: Path) -> bool:
    connection = UnixConnection(socket, timeout=2)
    with contextlib.closing(connection):
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False


class _Caller:
    """One kept connection."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.uri)
        self._path, self._headers = parts.path, target.headers()
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=30)

    def ask(self) -> str:
        """The deployment that answered."""
        self._connection.request("POST", self._path, b"{}", self._headers)
        answer = self._connection.getresponse()
        answer.read()
        return answer.headers["azureml-model-deployment"]


def _door(count: int) -> list[str]:
    with doors.door() as (gateway, place, pid):
        rows = doors.endpoints(count, place)
        publish = doors.publisher(gateway, rows)
        gateway.publish(["team-a"], rows)
        weights = _times(lambda turn: publish(traffic={("green", "blue")[turn % 2]: 100}))
        more = _times(lambda turn: publish(deployments=doors.with_replicas(rows[0], place, 1 + turn % 3)))
        new = _times(lambda turn: publish(deployments=doors.with_another(rows[0], f"new-{turn}")))
        p50 = doors.latency(doors.Caller(gateway.actual_ports()[1]), 2000)
        return [f"{count:,}", _ms(weights), _ms(more), _ms(new), f"{doors.memory(pid):.0f} MiB", f"{p50:.0f} µs"]


def _times(work: Callable[[int], object]) -> list[float]:
    taken = []
    for turn in range(7):
        began = time.perf_counter()
        work(turn)
        taken.append(time.perf_counter() - began)
    return taken


def _ms(seconds: list[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms ({1000 * max(seconds):.0f})"
