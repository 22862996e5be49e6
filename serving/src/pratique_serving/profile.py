"""`python -m pratique_serving.profile MODEL FOLDER [OPTION VALUE]…`: how much load a model bears, and at what latency.

Starts the model server with one processor, then with two and so on, and with
less and less memory; sends each a request from 1, 2, 4 … connections for a
moment. Everything is on unix sockets, the number of steps is bounded, and the
standard library is all it needs.

    --onnx FILE        serve this converted model in place of the MLflow model
    --request FILE     the body that is sent; else the model's own input example
    --processors N     most processors (default: all that this process may use)
    --memory LIST      megabytes to try, with commas between them, largest first
    --connections N    most connections (default 64)
    --seconds N        of each step (default 1.5)

    FOLDER/profile.json

Exit codes: 0 measured, 3 not measured; the reason is in profile.json and on stdout.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import Any, Dict, List, NamedTuple, Optional, Set

from pratique_serving import load

EXIT_NOT_MEASURED = 3

# Until the model answers; large ones take their time.
READY_SECONDS = 300.0
WARM_SECONDS = 0.5
MEBIBYTE = 1 << 20

# A step that brings less than this much more answers than the one before is the last.
WORTH_MORE = 1.03
FEW = 16
FORMATS = ("input_data", "dataframe_split", "dataframe_records", "inputs", "instances")


class Impossible(Exception):
    """It cannot be measured; the message says why, to a person."""


class Wish(NamedTuple):
    """What is measured."""

    model: str
    onnx: str
    body: bytes
    processors: int
    memory: List[int]
    connections: int
    seconds: float


class Setting(NamedTuple):
    """What one server is given."""

    processors: int
    memory: int
    """Megabytes; 0 is without a bound."""


def main(arguments: List[str]) -> int:
    """Measure and write; the exit code."""
    if len(arguments) < 2 or len(arguments) % 2:
        sys.exit("usage: python -m pratique_serving.profile MODEL FOLDER [OPTION VALUE]…")
    model, target, *rest = arguments
    try:
        found = profile(_wish(model, dict(zip(rest[::2], rest[1::2]))))
    except (Impossible, OSError, ValueError) as error:
        found = {"measured": False, "reason": str(error)}
    with open(os.path.join(target, "profile.json"), "w", encoding="utf-8") as file:
        json.dump(found, file, indent=2)
    print(found.get("reason") or f"measured {len(found['settings'])} settings")
    return 0 if found["measured"] else EXIT_NOT_MEASURED


def _wish(model: str, options: Dict[str, str]) -> Wish:
    processors = int(options.get("--processors") or len(os.sched_getaffinity(0)))
    memory = [int(text) for text in options.get("--memory", "").split(",") if text]
    seconds, connections = float(options.get("--seconds") or 1.5), int(options.get("--connections") or 64)
    body = _body(model, options.get("--request", ""))
    return Wish(model, options.get("--onnx", ""), body, processors, memory, connections, seconds)


def _body(model: str, file: str) -> bytes:
    """What is sent: the file's, else made of the input example that lies beside the model."""
    if file:
        with open(file, "rb") as stream:
            return stream.read()
    for name in ("serving_input_example.json", "input_example.json"):
        try:
            with open(os.path.join(model, name), encoding="utf-8") as stream:
                example = json.load(stream)
        except (OSError, ValueError):
            continue
        if isinstance(example, dict) and any(form in example for form in FORMATS):
            return json.dumps(example).encode()
        return json.dumps({"input_data": example}).encode()
    raise Impossible("the model was logged without an input example, so nobody knows what to send: give --request-file")


def profile(wish: Wish) -> Dict[str, Any]:
    """Every setting with its steps. Raises Impossible when the model does not answer the request even unbound."""
    ours = sorted(os.sched_getaffinity(0))
    busy_before = os.getloadavg()[0]
    most = min(wish.processors, len(ours))
    settings = [Setting(count, 0) for count in range(1, most + 1)]
    measured = [_measure(wish, setting, set(ours)) for setting in settings]
    if not measured[0]["steps"]:
        raise Impossible(measured[0]["reason"])
    for memory in sorted(wish.memory, reverse=True):
        measured.append(_measure(wish, Setting(1, memory), set(ours)))
        if not measured[-1]["steps"]:
            break
    return {
        "measured": True,
        "form": "onnx" if wish.onnx else "mlflow",
        "request_bytes": len(wish.body),
        "seconds_per_step": wish.seconds,
        "processors_of_machine": os.cpu_count(),
        "processor": _processor(),
        "load_average": busy_before,
        "settings": measured,
    }


def _measure(wish: Wish, setting: Setting, ours: Set[int]) -> Dict[str, Any]:
    """One server from its start to its end."""
    theirs = set(sorted(ours)[: setting.processors])
    found: Dict[str, Any] = {**setting._asdict(), "steps": [], "reason": ""}
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        socket, log = os.path.join(folder, "s"), os.path.join(folder, "log")
        began = time.monotonic()
        with open(log, "wb") as output:
            server = subprocess.Popen(
                [sys.executable, "-m", "pratique_serving", "--socket", socket],
                env={**os.environ, **_environment(wish, setting)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=lambda: os.sched_setaffinity(0, theirs),
            )
        try:
            # Where there is a processor left, the load does not take the server's.
            os.sched_setaffinity(0, (ours - theirs) or ours)
            request = load.post("/score", wish.body)
            found["reason"] = _await_answer(server, socket, request, log)
            found["start_seconds"] = round(time.monotonic() - began, 3)
            if not found["reason"]:
                load.measure(socket, request, 1, WARM_SECONDS)
                found["steps"] = _ladder(wish, setting, socket, request, server)
            found["memory_megabytes"] = _peak(server.pid)
        finally:
            os.sched_setaffinity(0, ours)
            server.kill()
            server.wait()
    return found


def _environment(wish: Wish, setting: Setting) -> Dict[str, str]:
    served = {"PRATIQUE_ONNX_MODEL": wish.onnx} if wish.onnx else {"PRATIQUE_MLFLOW_MODEL": wish.model}
    bound = {"PRATIQUE_MEMORY_BYTES": str(setting.memory * MEBIBYTE)} if setting.memory else {}
    return {**served, **bound, "WORKER_COUNT": str(setting.processors)}


def _await_answer(server: "subprocess.Popen[bytes]", socket: str, request: bytes, log: str) -> str:
    """Wait until the model answers the request with 200; why it does not, else nothing."""
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        if server.poll() is not None:
            return f"the model server ended with exit code {server.returncode}: {_last_line(log)}"
        try:
            answered = load.measure(socket, request, 1, 0.0)
        except OSError:
            time.sleep(0.02)
            continue
        if not answered.failures:
            return ""
        if server.poll() is None and answered.answers:
            return f"the model does not answer the request with 200: {_last_line(log)}"
    return "the model did not get ready"


def _ladder(
    wish: Wish, setting: Setting, socket: str, request: bytes, server: "subprocess.Popen[bytes]"
) -> List[Dict[str, Any]]:
    """More and more connections, until they bring no more answers; with bound memory a few, to see that it suffices."""
    steps: List[Dict[str, Any]] = []
    most = min(wish.connections, FEW) if setting.memory else wish.connections
    connections = 1
    while connections <= most and server.poll() is None:
        before = _processor_seconds(server.pid)
        seen = load.measure(socket, request, connections, wish.seconds)
        used = _processor_seconds(server.pid) - before
        steps.append(
            {
                "connections": connections,
                "answers_per_second": round(seen.rate, 1),
                "p50_ms": round(seen.quantile(0.5) * 1000, 3),
                "p99_ms": round(seen.quantile(0.99) * 1000, 3),
                "failures": seen.failures,
                "processor_us": round(used / max(seen.answers, 1) * 1e6, 1),
            }
        )
        rates = [step["answers_per_second"] for step in steps]
        # One step that brings nothing may be chance.
        if len(rates) > 2 and max(rates[-2:]) < WORTH_MORE * max(rates[:-2]):
            break
        connections *= FEW if setting.memory else 2
    return steps


def _processor_seconds(process: int) -> float:
    try:
        with open(f"/proc/{process}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / float(os.sysconf("SC_CLK_TCK"))


def _peak(process: int) -> Optional[float]:
    """Megabytes that were resident at most."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
            found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    except OSError:
        return None
    return round(int(found.group(1)) / 1024, 1) if found else None


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            found = re.search(r"model name\s*: (.*)", file.read())
    except OSError:
        return ""
    return found.group(1) if found else ""


def _last_line(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "it said nothing"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
