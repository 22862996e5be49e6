"""How much load a version of a model bears: measured in a sandbox, with a size and a number of instances to take.

The load comes from a process of its own and goes to unix sockets: see
`pratique_serving.profile`. A recommendation is about this machine's
processors; Azure's are others, so it is a place to begin.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, InvalidInput
from pratique.base.machine import this_machine
from pratique.content.manifest import Manifest
from pratique.control import examinations
from pratique.engine import conversion, packages, workshop
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.specs.sizes import SIZES
from pratique.store import assets
from pratique.store.assets import AssetVersion
from pratique.store.examinations import Examination

MEMORY: Final = (2048, 1024, 512, 256, 128)
"""Megabytes that a replica is tried with."""
SYSTEM_MEBIBYTES: Final = 512
"""What an instance of Azure's needs beside the model server; our estimate."""
_MEBIBYTE: Final = 1 << 20
_OFFERED: Final = ("Standard_DS1_v2", "Standard_F2s_v2", "Standard_DS2_v2", "Standard_DS3_v2", "Standard_F4s_v2")
"""Sizes that managed endpoints take, from which one is recommended."""
Say = Callable[[str], None]


def profile(
    bench: Workbench, version: AssetVersion, manifest: Manifest, examination: Examination, say: Say
) -> dict[str, Any]:
    """Measure, recommend, and keep both with the version. Raises `ComputeFailed` when the model cannot be measured."""
    place = bench.home.root / "profiles" / examination.id
    try:
        _measure(bench, manifest, place, examination.settings, say)
        measured = _read(place)
        report = {**measured, "recommendation": recommend(measured, examination.settings)}
        report["sentence"] = sentence(report)
        (place / "profile.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
        files = bench.blobs.put_folder(place)
    finally:
        workshop.remove(place)
    with bench.database.write() as tx:
        current = assets.version_by_id(tx, version.id)
        if current is not None:
            examinations.record(tx, current, "profile", report["sentence"], files, now=utc_now())
    return {**report, "files": files.digest}


def recommend(measured: Mapping[str, Any], wished: Mapping[str, Any]) -> dict[str, Any]:
    """The size and number of instances whose p99 stays within the target, of those that bear the wished rate cheapest.

    Nothing but a reason when no step was quick enough.
    """
    target, rate = float(wished["target_p99_ms"]), float(wished.get("target_rps") or 0)
    choices = list(_choices(measured, target, rate))
    if not choices:
        best = min(step["p99_ms"] for setting in _served(measured) for step in setting["steps"])
        return {"reason": f"no step stayed within {target:g} ms at p99; the quickest took {best:g} ms"}
    return min(choices, key=lambda choice: (choice["instance_count"] * choice["cores"], choice["cores"]))


def sentence(report: Mapping[str, Any]) -> str:
    """What is recommended, for the properties of a version."""
    chosen = report["recommendation"]
    if "reason" in chosen:
        return str(chosen["reason"])
    return (
        f"{chosen['instance_count']} × {chosen['instance_type']}: {chosen['answers_per_second']:g} answers/s "
        f"an instance within {chosen['p99_ms']:g} ms at p99, with {chosen['connections']} in flight"
    )


def _choices(measured: Mapping[str, Any], target: float, rate: float) -> Iterator[dict[str, Any]]:
    needed = _memory(measured)
    for setting in _served(measured):
        quick = [step for step in setting["steps"] if step["p99_ms"] <= target and not step["failures"]]
        if setting["memory"] or not quick:
            continue
        step = max(quick, key=lambda step: step["answers_per_second"])
        size = _size(setting["processors"], needed)
        if size is None:
            continue
        name, cores = size
        yield {
            "instance_type": name,
            "cores": cores,
            "instance_count": max(1, math.ceil(rate / step["answers_per_second"])) if rate else 1,
            "worker_count": setting["processors"],
            "max_concurrent_requests_per_instance": step["connections"],
            "memory_mebibytes": needed,
            **{key: step[key] for key in ("connections", "answers_per_second", "p50_ms", "p99_ms")},
        }


def _served(measured: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [setting for setting in measured["settings"] if setting["steps"]]


def _memory(measured: Mapping[str, Any]) -> int:
    """Mebibytes for the model server: the least that was tried and sufficed, but never less than it had in use."""
    used = math.ceil(max(setting.get("memory_megabytes") or 0 for setting in _served(measured)))
    sufficed = [setting["memory"] for setting in _served(measured) if setting["memory"] >= used]
    return min(sufficed, default=used)


def _size(processors: int, needed: int) -> tuple[str, int] | None:
    """The smallest size with so many cores, and memory for the model and the system."""
    fitting = []
    for name in _OFFERED:
        cores, memory = SIZES[name.lower()]
        if cores >= processors and memory >= (needed + SYSTEM_MEBIBYTES) * _MEBIBYTE:
            fitting.append((cores, memory, name))
    return (min(fitting)[2], int(min(fitting)[0])) if fitting else None


def _measure(bench: Workbench, manifest: Manifest, place: Path, wished: Mapping[str, Any], say: Say) -> None:
    python, files = _served_by(bench, manifest, wished, say)
    arguments = [
        *("--processors", str(max(1, int(this_machine(bench.settings).cores)))),
        *("--memory", ",".join(map(str, MEMORY))),
        *("--connections", str(wished["connections"])),
        *("--seconds", str(wished["seconds"])),
    ]
    model = place.parent / f"making-{place.name}" / "model"
    if request := wished.get("request"):
        place.parent.mkdir(mode=0o700, exist_ok=True)
        body = place.with_suffix(".request")
        body.write_text(request, encoding="utf-8")
        files.append(("request", body))
        arguments += ["--request", str(model / "request")]
    if wished.get("optimize") == "onnx":
        arguments += ["--onnx", str(model / "converted.onnx")]
    say("profile: more and more load, over processors and memory")
    try:
        workshop.make(
            bench,
            place,
            manifest,
            python=python,
            program="pratique_serving.profile",
            arguments=arguments,
            files=files,
        )
    finally:
        place.with_suffix(".request").unlink(missing_ok=True)


def _served_by(
    bench: Workbench, manifest: Manifest, wished: Mapping[str, Any], say: Say
) -> tuple[Path, list[tuple[str, Path]]]:
    """The Python that serves the model, and the file that is served in its place, if it is to be the converted one."""
    if wished.get("optimize") != "onnx":
        say("profile: making the environment of the model")
        return packages.python_for_model(bench.environments, bench.blobs, manifest, logs=bench.home.logs, say=say), []
    found = conversion.convert(bench, manifest, say)
    if found.file is None:
        raise InvalidInput(f"the model is {found.sentence}", hint="profile it as it is: leave --optimize out")
    return conversion.runtime(bench, say), [("converted.onnx", found.file)]


def _read(place: Path) -> dict[str, Any]:
    try:
        measured: dict[str, Any] = json.loads((place / "profile.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise ComputeFailed(
            "the measurement ended without a report", log_tail=last_lines(workshop.log_of(place), 20)
        ) from None
    if not measured["measured"]:
        raise ComputeFailed(f"the model could not be measured: {measured['reason']}")
    return measured
