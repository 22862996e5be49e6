"""A thousand endpoints and ten thousand keys: how soon a change is effective, and what they take in memory.

    python -m bench.measures.many

A server and an Envoy as they are. One endpoint has replicas; the other 999 have
two deployments each that nothing runs for, so that no two thousand models are
needed: the doors route them all the same. 4,000 subscriptions of 40 APIs have
two keys each, and the endpoints two.
"""

import http.client
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any, Final

from bench.gateway import memory
from bench.measures.home import bench_home, table
from bench.soak.platform import WORKSPACE, Platform

from pratique.base.clock import utc_now
from pratique.base.ids import new_id
from pratique.control import apim, apis, endpoints
from pratique.control.actor import PLATFORM
from pratique.control.apis import NewOperation
from pratique.store import deployments
from pratique.store import endpoints as endpoint_rows
from pratique.store.database import Database, Transaction
from pratique.store.sealing import Sealer

_ENDPOINTS: Final = 1_000
_APIS: Final = 40
_SUBSCRIPTIONS: Final = 4_000
_SERVICE: Final = "apim-bench"
_TURNS: Final = 9
_SCRIPT: Final = "def init():\n    pass\n\n\ndef run(raw_data):\n    return 1\n"


def measure() -> str:
    """The section, as Markdown; of a platform of its own."""
    with bench_home() as home:
        platform = Platform(home)
        platform.prepare()
        platform.endpoint("speed")
        for name in ("blue", "green"):
            platform.deploy("speed", name, _SCRIPT, all_traffic=name == "blue")
        _filled(platform, more=0, api_count=1, subscriptions=1)
        few, alone = _changes(platform), _memory(platform)
        start = _filled(platform, more=_ENDPOINTS - 1, api_count=_APIS, subscriptions=_SUBSCRIPTIONS)
        many, full = _changes(platform), _memory(platform)
    return _page(few, many, alone, full, start)


_WEIGHTS: Final = "a change of weights"
_KEY: Final = "a new key of an endpoint opens it"
_SUBSCRIPTION: Final = "a new key of a subscription opens its API"
_CREATED: Final = "a new endpoint is there"
_BARS: Final = {_WEIGHTS: "< 1 s", _KEY: "< 100 ms with one", _SUBSCRIPTION: "< 1 s", _CREATED: "< 1 s"}


def _page(
    few: Mapping[str, Sequence[float]],
    many: Mapping[str, Sequence[float]],
    alone: Mapping[str, float],
    full: Mapping[str, float],
    start: float,
) -> str:
    keys = 2 * (_ENDPOINTS + _SUBSCRIPTIONS)
    words = (
        f"The whole platform, first with one endpoint, then with {_ENDPOINTS:,} of two deployments each, {_APIS} APIs "
        f"and {keys:,} keys of endpoints and subscriptions. From the answer of the call that changes something until "
        f"a caller notices, median of {_TURNS} (worst in brackets). With so many, the endpoint answers {start:.1f} s "
        "after `pratique up` was said."
    )
    rows = [[what, _ms(few[what]), _ms(many[what]), bar] for what, bar in _BARS.items()]
    sizes = [[f"memory of {part}", f"{alone[part]:.0f} MiB", f"{full[part]:.0f} MiB", "–"] for part in full]
    head = ["what", "one endpoint", f"{_ENDPOINTS:,} endpoints", "bar"]
    return f"## Many endpoints and keys\n\n{words}\n\n{table(head, [*rows, *sizes])}"


def _ms(seconds: Sequence[float]) -> str:
    return f"{1000 * statistics.median(seconds):.0f} ms ({1000 * max(seconds):.0f})"


def _memory(platform: Platform) -> dict[str, float]:
    return {name: memory(platform.service(part)) for name, part in (("the server", "server"), ("Envoy", "envoy"))}


# --- changes ------------------------------------------------------------------------------------------------------


def _changes(platform: Platform) -> dict[str, list[float]]:
    """Seconds of each kind of change."""
    return {
        _WEIGHTS: [_weights(platform, ("green", "blue")[turn % 2]) for turn in range(_TURNS)],
        _KEY: [_key(platform) for _ in range(_TURNS)],
        _SUBSCRIPTION: [_subscription(platform) for _ in range(_TURNS)],
        _CREATED: [_created(platform, f"new-{new_id()[:12]}") for _ in range(_TURNS)],
    }


def _weights(platform: Platform, name: str) -> float:
    caller = _Caller(platform, f"/endpoints/{WORKSPACE}/speed/score", _bearer(_keys(platform)["primaryKey"]))
    platform.api("PATCH", "/online-endpoints/speed", {"traffic": {name: 100}})
    taken = _until(lambda: caller.ask()[1] == name)
    platform.settled("/online-endpoints/speed")
    return taken


def _key(platform: Platform) -> float:
    platform.api("POST", "/online-endpoints/speed/regenerate-keys", {"key_type": "secondary"})
    began = time.perf_counter()
    caller = _Caller(platform, f"/endpoints/{WORKSPACE}/speed/score", _bearer(_keys(platform)["secondaryKey"]))
    _until(lambda: caller.ask()[0] == 200)
    taken = time.perf_counter() - began
    platform.settled("/online-endpoints/speed")
    return taken


def _subscription(platform: Platform) -> float:
    path = f"/apim/{_SERVICE}/subscriptions/buyer-0"
    platform.call("POST", f"{path}/regenerate-key", {"key_type": "secondary"})
    began = time.perf_counter()
    key = platform.call("GET", f"{path}/keys")["secondaryKey"]
    caller = _Caller(platform, f"/apis/{_SERVICE}/api-0/score", {"Ocp-Apim-Subscription-Key": key})
    _until(lambda: caller.ask()[0] == 200)
    return time.perf_counter() - began


def _created(platform: Platform, name: str) -> float:
    platform.api("PUT", f"/online-endpoints/{name}", {"spec": {"name": name, "auth_mode": "key"}})
    began = time.perf_counter()
    caller = _Caller(platform, f"/endpoints/{WORKSPACE}/{name}/score", {})
    _until(lambda: caller.ask()[0] == 401)  # It is there, and closed.
    taken = time.perf_counter() - began
    platform.settled(f"/online-endpoints/{name}")
    return taken


def _keys(platform: Platform) -> Any:
    return platform.api("GET", "/online-endpoints/speed/keys")


def _bearer(key: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _until(holds: Callable[[], bool]) -> float:
    """Seconds until `holds`; raises `RuntimeError` when that takes a minute."""
    began = time.perf_counter()
    while not holds():
        if time.perf_counter() - began > _LIMIT:
            raise RuntimeError("a change was never noticed")
        time.sleep(0.001)
    return time.perf_counter() - began


class _Caller:
    """One kept connection to a path of the endpoints' door."""

    def __init__(self, platform: Platform, path: str, headers: Mapping[str, str]) -> None:
        port = int(platform.bench.environment["PRATIQUE_ENDPOINTS_PORT"])
        self._path, self._headers = path, headers
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self) -> tuple[int, str]:
        """The status, and the deployment that answered."""
        self._connection.request("POST", self._path, b"{}", dict(self._headers))
        answer = self._connection.getresponse()
        answer.read()
        return answer.status, answer.headers.get("azureml-model-deployment", "")


# --- rows ---------------------------------------------------------------------------------------------------------


def _filled(platform: Platform, *, more: int, api_count: int, subscriptions: int) -> float:
    """Write so many rows while the platform is down; seconds from `up` until the endpoint answers again."""
    platform.bench.run("down")
    with closing(Database.at(platform.home.database)) as database:
        sealer = Sealer(platform.home.keys / "sealing.key")
        with database.write() as tx:
            _write_endpoints(tx, sealer, more)
        with database.write() as tx:
            _write_apis(tx, platform, api_count)
        with database.write() as tx:
            for number in range(subscriptions):
                scope = {"scope": f"/apis/api-{number % api_count}"}
                apim.put_subscription(tx, PLATFORM, _SERVICE, f"buyer-{number}", scope, sealer=sealer, now=utc_now())
    began = time.perf_counter()
    platform.bench.run("up")
    key = _bearer(_keys(platform)["primaryKey"])
    _until(lambda: _Caller(platform, f"/endpoints/{WORKSPACE}/speed/score", key).ask()[0] == 200)
    taken = time.perf_counter() - began
    if more:
        # None of these was ever published, so all of them are tried first; that is no part of a change.
        last = _Caller(platform, f"/endpoints/{WORKSPACE}/speed-{more - 1}/score", {})
        _until(lambda: last.ask()[0] == 401)
    return taken


def _write_endpoints(tx: Transaction, sealer: Sealer, count: int) -> None:
    """Endpoints like the first one, whose deployments nothing runs for."""
    first = endpoint_rows.get(tx, WORKSPACE, "speed")
    assert first is not None
    models = deployments.of_endpoint(tx, first.id)
    for number in range(count):
        spec = {"name": f"speed-{number}", "auth_mode": "key"}
        made = endpoints.write(tx, PLATFORM, WORKSPACE, spec, sealer=sealer, now=utc_now())
        endpoint_rows.change(tx, made.id, traffic={"blue": 90, "green": 10})
        for model in models:
            deployments.add(tx, replace(model, id=new_id(), endpoint_id=made.id, endpoint=made.name))


def _write_apis(tx: Transaction, platform: Platform, count: int) -> None:
    """APIs, each in front of an endpoint; the first of the one that answers."""
    now = utc_now()
    apim.create(
        tx, PLATFORM, _SERVICE, group=WORKSPACE, location="local", publisher=("bench", "bench@example.org"), tags={},
        now=now,
    )  # fmt: skip
    door = f"http://127.0.0.1:{platform.bench.environment['PRATIQUE_ENDPOINTS_PORT']}"
    score = NewOperation("score", "POST", "/score")
    for number in range(count):
        endpoint = f"speed-{number}" if number else "speed"
        said = {"path": f"api-{number}", "service_url": f"{door}/endpoints/{WORKSPACE}/{endpoint}"}
        apis.write(tx, PLATFORM, _SERVICE, f"api-{number}", said, now=now)
        apis.put_operation(tx, PLATFORM, _SERVICE, f"api-{number}", score, now=now)


_LIMIT: Final = 60.0

if __name__ == "__main__":
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n\n{measure()}")
