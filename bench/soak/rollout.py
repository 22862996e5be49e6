"""Rollouts under load: switches, splits, mirrors, killed replicas, and models that misbehave.

    python -m bench.soak.rollout            the long form, about a quarter of an hour
    python -m bench.soak.rollout --short    the same in a few minutes

Every request is sent once, a broken connection is a failure, and Envoy's own
count of retries is written beside the numbers.
"""

import argparse
import hashlib
import http.client
import json
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from bench.measures.home import bench_home
from bench.soak.load import Failure, Tally, Target, steady
from bench.soak.platform import WORKSPACE, Platform, inode, kill, refused, until

OUT = Path(__file__).parent / "results" / "rollout.json"
RATE = 800.0
ANSWERS = 'import os\n\n\ndef init():\n    pass\n\n\ndef run(raw_data):\n    return os.environ["ANSWER"]\n'
SLOW = (
    "import os, time\n\n\ndef init():\n    pass\n\n\n"
    'def run(raw_data):\n    time.sleep(0.004)\n    return os.environ["ANSWER"]\n'
)
DIGESTS = (
    "import hashlib\n\n\ndef init():\n    pass\n\n\n"
    "def run(raw_data):\n    print('digest', hashlib.sha256(raw_data.encode()).hexdigest())\n    return 1\n"
)


@dataclass(frozen=True)
class Sizes:
    """How much of each."""

    switches: int
    requests: int
    kills: int
    scales: int
    sample: int


LONG = Sizes(switches=55, requests=100_000, kills=50, scales=24, sample=10_000)
SHORT = Sizes(switches=4, requests=4_000, kills=6, scales=4, sample=1_000)


@dataclass(frozen=True)
class Row:
    """One line of the page: what was done, what came out, and whether that is what was promised."""

    what: str
    requests: int
    failed: int
    said: str
    holds: bool


def main() -> None:
    """Run everything and write the numbers."""
    arguments = argparse.ArgumentParser(prog="python -m bench.soak.rollout", description=__doc__)
    arguments.add_argument("--short", action="store_true", help="a few minutes")
    arguments.add_argument("--out", type=Path, default=OUT, help="where the numbers go")
    arguments.add_argument("--only", help="names of the parts, separated by commas")
    chosen = arguments.parse_args()
    sizes = SHORT if chosen.short else LONG
    rows: list[Row] = []
    with bench_home() as bench:
        platform = Platform(bench)
        platform.prepare()
        for name, part in PARTS.items():
            if chosen.only and name not in chosen.only.split(","):
                continue
            for row in part(platform, sizes):
                rows.append(row)
                print(f"{'ok  ' if row.holds else 'BAD '} {row.what}: {row.requests} requests, "
                      f"{row.failed} failed; {row.said}", flush=True)  # fmt: skip
    document = {
        "title": "Rollouts under load",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "rows": [asdict(row) for row in rows],
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(document, indent=2) + "\n")
    sys.exit(not all(row.holds for row in rows))


def switches(platform: Platform, sizes: Sizes) -> list[Row]:
    """Blue and green in turn: a new revision of the idle one, promoted, then the other killed once it is drained."""
    target = platform.endpoint("switch")
    for name in ("blue", "green"):
        platform.deploy("switch", name, ANSWERS, all_traffic=name == "blue")
    done = 0
    with steady(target, rate=RATE, callers=16) as tally:
        while done < sizes.switches or tally.answered + tally.failed < sizes.requests:
            idle, live = ("green", "blue") if done % 2 == 0 else ("blue", "green")
            platform.change("switch", idle, environment_variables={"ANSWER": f"{idle}-{done}"})
            platform.promote("switch", idle)
            platform.drained(f"switch/{live}")
            kill(platform.process(f"switch/{live}"))
            done += 1
    retries = _retries(platform, "switch")
    said = (
        f"{done} switches, the process before killed by SIGKILL each time, {tally.rate:.0f} requests/s, "
        f"slowest {tally.slowest * 1000:.0f} ms, Envoy repeated {retries}{_reasons(tally)}"
    )
    return [Row("a new revision promoted, the old one killed after its drain", _all(tally), tally.failed, said,
                tally.failed == 0 and retries == 0)]  # fmt: skip


def without_drain(platform: Platform, sizes: Sizes) -> list[Row]:
    """The same, but the live process is killed at the very moment of the switch: the harness does see drops."""
    target = platform.endpoint("control")
    for name in ("blue", "green"):
        platform.deploy("control", name, SLOW, all_traffic=name == "blue")
    done = 10 if sizes is LONG else 4
    with steady(target, rate=RATE, callers=8) as tally:
        for turn in range(done):
            time.sleep(1)
            idle, live = ("green", "blue") if turn % 2 == 0 else ("blue", "green")
            kill(platform.process(f"control/{live}"))
            platform.promote("control", idle)
            until(partial(_is_ready, platform, "control", live), "the killed one")
    said = f"{done} switches; must fail, or the numbers above mean nothing{_reasons(tally)}"
    return [Row("negative control: killed without a drain", _all(tally), tally.failed, said, tally.failed > 0)]


def split(platform: Platform, sizes: Sizes) -> list[Row]:
    """Two deployments that answer differently, 90 to 10, counted by their answers."""
    target = platform.endpoint("split")
    for name in ("blue", "green"):
        platform.deploy("split", name, ANSWERS, all_traffic=name == "blue")
    platform.api("PATCH", "/online-endpoints/split", {"traffic": {"blue": 90, "green": 10}})
    platform.settled("/online-endpoints/split")
    with steady(target, rate=RATE) as tally:
        until(lambda: _all(tally) >= sizes.sample, "the sample")
    green = tally.answers[b'"green"'] / _all(tally)
    margin = 4 * (0.09 / _all(tally)) ** 0.5
    said = f"{100 * green:.2f} % answered by green; expected 10 ± {100 * margin:.2f} (four sigma)"
    return [Row("90/10 between two models that answer differently", _all(tally), tally.failed, said,
                tally.failed == 0 and abs(green - 0.1) < margin)]  # fmt: skip


def mirror(platform: Platform, sizes: Sizes) -> list[Row]:
    """Every body is another; the shadow prints the digest of each that it gets."""
    target = platform.endpoint("mirror")
    platform.deploy("mirror", "blue", ANSWERS, all_traffic=True)
    platform.deploy("mirror", "shadow", DIGESTS)
    platform.api("PATCH", "/online-endpoints/mirror", {"mirror_traffic": {"shadow": 30}})
    platform.settled("/online-endpoints/mirror")
    sent: dict[int, bytes] = {}

    def body(number: int) -> bytes:
        sent[number] = json.dumps({"number": number, "padding": "x" * 1000}).encode()
        return sent[number]

    with steady(target, rate=RATE, body=body) as tally:
        until(lambda: _all(tally) >= sizes.sample // 2, "the sample")
    time.sleep(1)
    log = platform.bench.run(
        "ml", "online-deployment", "get-logs", "-e", "mirror", "-n", "shadow", "--lines", "100000"
    ).stdout
    got = re.findall(r"digest ([0-9a-f]{64})", log)
    known = {hashlib.sha256(text).hexdigest() for text in sent.values()}
    share, margin = len(got) / _all(tally), 4 * (0.21 / _all(tally)) ** 0.5
    said = (
        f"{len(got)} copies, {100 * share:.1f} % (expected 30 ± {100 * margin:.1f}); "
        f"{len(set(got) - known)} differ from what was sent, {len(got) - len(set(got))} came twice"
    )
    holds = tally.failed == 0 and set(got) <= known and len(set(got)) == len(got) and abs(share - 0.3) < margin
    return [Row("30 % mirrored, told by the digests of the bodies", _all(tally), tally.failed, said, holds)]


def kills(platform: Platform, sizes: Sizes) -> list[Row]:
    """One of three replicas is killed, again and again; what was sent after its socket closed must be answered."""
    target = platform.endpoint("kills")
    platform.deploy("kills", "blue", SLOW, count=3, all_traffic=True)
    deaths: list[Death] = []
    back: list[float] = []
    with steady(target, rate=RATE, callers=8) as tally:
        for turn in range(sizes.kills):
            if turn % 6 == 0:  # One that falls again and again would wait longer and longer.
                platform.change("kills", "blue", environment_variables={"ANSWER": f"blue-{turn}"})
            until(lambda: _ready(platform, "kills", "blue") == 3, "all three")
            time.sleep(0.2)
            path, pid = platform.socket("kills/blue", turn % 3), platform.process("kills/blue", turn % 3)
            deaths.append(_death(pid, path))
            until(lambda: _ready(platform, "kills", "blue") < 3, "the end of one")
            back.append(until(lambda: _ready(platform, "kills", "blue") == 3, "its return"))
    told = [sum(death.took(one) for one in tally.failures) for death in deaths]
    late = [one for one in tally.failures if not any(death.took(one) for death in deaths)]
    slowest = 1000 * max(death.closed - death.killed for death in deaths)
    said = (
        f"{len(deaths)} kills; at most {max(told)} requests were lost with a replica, of 8 callers; {len(late)} failed "
        f"that were sent after its socket had closed (at most {slowest:.0f} ms after the signal); a new one was in the "
        f"rotation {sorted(back)[len(back) // 2]:.1f} s later (median){_reasons(tally)}"
    )
    holds = not late and max(told) <= 8
    return [Row("one of three replicas killed by SIGKILL", _all(tally), tally.failed, said, holds)]


@dataclass(frozen=True)
class Death:
    """From the signal to the moment when nobody can connect to the socket any more."""

    killed: float
    closed: float

    def took(self, failure: Failure) -> bool:
        """Whether a request was with the replica meanwhile."""
        return failure.began <= self.closed and failure.ended >= self.killed


def _death(pid: int, path: Path) -> Death:
    socket, killed = inode(path), time.monotonic()
    kill(pid)
    return Death(killed, refused(path, socket))


def scales(platform: Platform, sizes: Sizes) -> list[Row]:
    """One replica to three and back."""
    target = platform.endpoint("scales")
    platform.deploy("scales", "blue", SLOW, all_traffic=True)
    with steady(target, rate=RATE, callers=8) as tally:
        for turn in range(sizes.scales):
            platform.change("scales", "blue", instance_count=(3, 1)[turn % 2])
    said = f"{sizes.scales} changes between 1 and 3, {tally.rate:.0f} requests/s{_reasons(tally)}"
    return [Row("scaled 1 to 3 and back", _all(tally), tally.failed, said, tally.failed == 0)]


def dead_server(platform: Platform, sizes: Sizes) -> list[Row]:
    """The server is killed; endpoints answer, and a replica that dies meanwhile is started by its shim."""
    target = platform.endpoint("alone")
    platform.deploy("alone", "blue", ANSWERS, all_traffic=True)
    until(lambda: _ready(platform, "alone", "blue") == 1, "its replica")
    time.sleep(1.5)  # The watcher has told the shim to hold by then.
    replica, server = platform.process("alone/blue"), platform.service("server")
    with steady(target, rate=RATE) as tally:
        kill(server)
        time.sleep(3)
        killed = time.monotonic()
        death = Death(killed, kill(replica))
        time.sleep(5 if sizes is LONG else 3)
    platform.bench.run("up")
    late = [one for one in tally.failures if not death.took(one)]
    said = (
        f"its one replica was killed too and came back by itself; {len(late)} failed that were not with it then"
        f"{_reasons(tally)}"
    )
    return [Row("the server dead", _all(tally), tally.failed, said, not late)]


def bad_models(platform: Platform, _: Sizes) -> list[Row]:
    """Models that misbehave, and what their callers and their owner read; a neighbour is under load meanwhile."""
    neighbour = platform.endpoint("neighbour")
    platform.deploy("neighbour", "blue", ANSWERS, all_traffic=True)
    rows: list[Row] = []
    with steady(neighbour, rate=100, callers=2) as tally:
        for what, trial in BAD.items():
            said, holds = trial(platform)
            rows.append(Row(what, 0, 0, said, holds))
    rows.append(Row("a neighbour of all these", _all(tally), tally.failed, f"nothing else{_reasons(tally)}",
                    tally.failed == 0))  # fmt: skip
    return rows


def _answers_500(platform: Platform) -> tuple[str, bool]:
    answer = _bad(
        platform, "raises", "def init():\n    pass\n\n\ndef run(raw_data):\n    raise ValueError('no rows')\n"
    )
    return f"{answer}", "424" in answer


def _hangs(platform: Platform) -> tuple[str, bool]:
    script = (
        "import json, time\n\n\ndef init():\n    pass\n\n\n"
        "def run(raw_data):\n    time.sleep(json.loads(raw_data).get('sleep', 0))\n    return 1\n"
    )
    limits = "request_settings: {request_timeout_ms: 1000}"
    hung = _bad(platform, "hangs", script, more=limits, body=b'{"sleep": 3600}')
    after = _once(platform, "hangs")
    return f"{hung}; the next request: {after}", "408" in hung and after.startswith("200")


def _leaks(platform: Platform) -> tuple[str, bool]:
    script = (
        "import resource\nkept = []\n\n\ndef init():\n"
        "    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))\n\n\n"
        "def run(raw_data):\n    while 'leak' in raw_data:\n        kept.append(bytearray(1 << 26))\n    return 1\n"
    )
    leaked = _bad(platform, "leaks", script, body=b'{"leak": 1}')
    until(lambda: _once(platform, "leaks").startswith("200"), "an answer after the leak")
    return f"{leaked}; afterwards it answers again", "424" in leaked


def _large(platform: Platform) -> tuple[str, bool]:
    before = _memory(platform.service("envoy"))
    script = "def init():\n    pass\n\n\ndef run(raw_data):\n    return 'x' * 100_000_000\n"
    answer = _bad(platform, "large", script, more="request_settings: {request_timeout_ms: 180000}")
    grown = _memory(platform.service("envoy")) - before
    return f"{answer}; Envoy's memory grew by {grown} MiB", answer.startswith("200, 1000000")


def _never_ready(platform: Platform) -> tuple[str, bool]:
    platform.endpoint("never")
    platform.deploy("never", "blue", ANSWERS, all_traffic=True)
    try:
        probe = "readiness_probe: {path: /nowhere, initial_delay: 0, period: 1, failure_threshold: 2}"
        platform.deploy("never", "green", ANSWERS, more=probe, all_traffic=True)
    except RuntimeError as error:
        said = re.sub(r"\s+", " ", str(error).split("error: ", 1)[-1].split("[pratique]")[0]).strip(" |")
    else:
        return "it became ready", False
    shown = platform.api("GET", "/online-endpoints/never")
    return f"Failed: {said}; blue keeps {shown['traffic']['blue']} %", shown["traffic"] == {"blue": 100}


def _two_promotions(platform: Platform) -> tuple[str, bool]:
    platform.endpoint("two")
    for name in ("blue", "green", "red"):
        platform.deploy("two", name, ANSWERS, all_traffic=name == "blue")
    path = "/online-endpoints/two"
    seen = int(platform.api("GET", path)["properties"]["pratique.generation"])
    outcomes: list[str] = []

    def promote(to: str) -> None:
        try:
            platform.api("POST", f"{path}/promote", {"to": to, "seen": seen})
            outcomes.append("done")
        except RuntimeError as error:
            outcomes.append("409" if " 409 " in str(error) else str(error))

    threads = [threading.Thread(target=promote, args=(to,)) for to in ("green", "red")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return " and ".join(sorted(outcomes)), sorted(outcomes) == ["409", "done"]


def _deleted(platform: Platform) -> tuple[str, bool]:
    target = platform.endpoint("deleted")
    platform.deploy("deleted", "blue", SLOW, all_traffic=True)
    with steady(target, rate=200) as tally:
        time.sleep(1)
        platform.bench.run("ml", "online-endpoint", "delete", "-n", "deleted", "--yes")
        time.sleep(0.5)
    kinds = sorted({one.said[:10] for one in tally.failures})
    return f"{tally.answered} answered, then {', '.join(kinds)}", kinds == ["status 404"]


def _bad(platform: Platform, name: str, script: str, *, more: str = "", body: bytes = b"{}") -> str:
    platform.endpoint(name)
    platform.deploy(name, "blue", script, more=more, all_traffic=True)
    return _once(platform, name, body)


def _once(platform: Platform, endpoint: str, body: bytes = b"{}") -> str:
    """Status, length and beginning of one answer."""

    shown = platform.api("GET", f"/online-endpoints/{endpoint}")
    target = Target(shown["scoring_uri"], platform.api("GET", f"/online-endpoints/{endpoint}/keys")["primaryKey"])
    parts = urlsplit(target.uri)
    connection = http.client.HTTPConnection(parts.netloc, timeout=120)
    began = time.monotonic()
    connection.request("POST", parts.path, body, target.headers())
    answer = connection.getresponse()
    try:
        read = answer.read()
    except http.client.IncompleteRead as error:
        return f"cut off after {len(error.partial)} bytes and {time.monotonic() - began:.0f} s"
    finally:
        connection.close()
    return f"{answer.status}, {len(read)} bytes" if len(read) > 1000 else f"{answer.status} {read.decode()[:120]}"


def _memory(pid: int) -> int:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) // 1024


def _ready(platform: Platform, endpoint: str, name: str) -> int:
    return sum(row["state"] == "Ready" for row in platform.show(endpoint, name)["replicas"])


def _is_ready(platform: Platform, endpoint: str, name: str) -> bool:
    return _ready(platform, endpoint, name) == 1


def _retries(platform: Platform, endpoint: str) -> int:
    return sum(platform.statistics(rf"cluster\.{WORKSPACE}/{endpoint}/.*\.upstream_rq_retry").values())


def _all(tally: Tally) -> int:
    return tally.answered + tally.failed


def _reasons(tally: Tally) -> str:
    kinds = sorted({one.said[:90] for one in tally.failures})
    return f"; failed with: {' | '.join(kinds[:3])}" if kinds else ""


Part = Callable[[Platform, Sizes], list[Row]]
PARTS: Mapping[str, Part] = {
    "switches": switches,
    "without_drain": without_drain,
    "split": split,
    "mirror": mirror,
    "kills": kills,
    "scales": scales,
    "dead_server": dead_server,
    "bad_models": bad_models,
}
BAD: Mapping[str, Callable[[Platform], tuple[str, bool]]] = {
    "a model that raises": _answers_500,
    "a model that hangs": _hangs,
    "a model that leaks": _leaks,
    "a model that answers 100 MB": _large,
    "a deployment that never becomes ready": _never_ready,
    "two promotions at once": _two_promotions,
    "an endpoint deleted under traffic": _deleted,
}

if __name__ == "__main__":
    main()
