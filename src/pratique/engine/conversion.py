"""Models as ONNX: converted once for each content, in an environment of its own, with proof.

    <home>/conversions/<manifest of the model>/parity.json   the report, also when it was refused
    <home>/conversions/<manifest of the model>/model.onnx    only when no decision changed
    <home>/conversions/<manifest of the model>/convert.log

A deployment asks for it with the tag ``pratique.optimize: onnx``. The model is
unpickled in the sandbox that replicas have, never here; the environment is the
model's own and the converter's packages. What runs afterwards needs neither:
it has `onnxruntime` and nothing else.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import ComputeFailed
from pratique.compute.sources import package_copy
from pratique.compute.task import Exited, Lost, Task
from pratique.content.manifest import Manifest
from pratique.engine import packages, views
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.specs.packages import PackageRequest
from pratique.store.deployments import OnlineDeployment

TAG: Final = "pratique.optimize"
CONVERTER: Final = ("onnx>=1.16", "onnxruntime>=1.18", "skl2onnx>=1.17")
RUNTIME: Final = PackageRequest(None, ("numpy>=1.26", "onnxruntime>=1.18"))
"""What serves a converted model."""
LONGEST: Final = timedelta(minutes=30)
_LOOK: Final = 0.1
Say = Callable[[str], None]


@dataclass(frozen=True)
class Converted:
    """A model that was proven to say the same, and what serves it."""

    file: Path
    python: Path


def is_wanted(deployment: OnlineDeployment) -> bool:
    """Whether the deployment asks for it; a script does with its model what it likes, so it is left alone."""
    return (deployment.spec.get("tags") or {}).get(TAG) == "onnx" and not deployment.resolved.get("code")


def converted(bench: Workbench, deployment: OnlineDeployment, manifest: Manifest, say: Say) -> Converted | None:
    """The converted model, made when it is not there yet; None when it stays as it is, and `say` hears why.

    Raises `ComputeFailed` when the environment of the conversion cannot be built.
    """
    place = bench.home.root / "conversions" / deployment.resolved["model"]["manifest"]
    if not (place / "parity.json").exists():
        _convert(bench, manifest, place, say)
    report = json.loads((place / "parity.json").read_text(encoding="utf-8"))
    if not report["holds"]:
        say(f"onnx: the model stays as it is: {report['reason']}; report: {place / 'parity.json'}")
        return None
    say(
        f"onnx: converted; {report['rows']} rows, no decision changed, "
        f"largest difference {report['largest_difference']:.2g}; report: {place / 'parity.json'}"
    )
    python = packages.python_of(bench.environments, RUNTIME, logs=bench.home.logs, say=say)
    return Converted(place / "model.onnx", python)


def _convert(bench: Workbench, manifest: Manifest, place: Path, say: Say) -> None:
    python = packages.python_for_model(
        bench.environments, bench.blobs, manifest, logs=bench.home.logs, say=say, extra=CONVERTER
    )
    place.parent.mkdir(mode=0o700, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=place.parent, prefix="making-"))
    try:
        for part in ("model", "code", "tmp", "out"):
            (work / part).mkdir(mode=0o700)
        bench.blobs.materialise(manifest, work / "model" / "it", writable=False)
        say("onnx: converting, and comparing both models")
        report = _run(bench, python, work)
        (work / "out" / "parity.json").write_text(json.dumps(report, indent=2), encoding="utf-8")
        shutil.copyfile(work / "console.log", work / "out" / "convert.log")
        shutil.rmtree(place, ignore_errors=True)
        (work / "out").rename(place)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _run(bench: Workbench, python: Path, work: Path) -> dict[str, Any]:
    """Convert in a sandbox, and what the report says; one that never came is a report too."""
    attempt = work / "attempt"
    bench.compute.start(
        Task(
            folder=attempt,
            argv=(str(python), "-m", "pratique_serving.convert", str(work / "model" / "it"), str(work / "out")),
            environment={
                "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
                "PYTHONPATH": str(package_copy("pratique_serving", bench.home.sources)),
                "HOME": str(work / "tmp"),
                "LANG": "C.UTF-8",
            },
            working_folder=work,
            log=work / "console.log",
            timeout=LONGEST,
            view=views.of_replica(work, python, bench.home.sources, work / "tmp"),
        )
    )
    seen = bench.compute.observe(attempt)
    while not isinstance(seen, Exited | Lost):
        time.sleep(_LOOK)
        seen = bench.compute.observe(attempt)
    try:
        report: dict[str, Any] = json.loads((work / "out" / "parity.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = "; ".join(last_lines(work / "console.log", 3))
        return {"holds": False, "reason": f"the conversion ended without a report: {said}", "rows": 0}
    if report["holds"] and not (work / "out" / "model.onnx").is_file():
        raise ComputeFailed("the conversion left no model", hint="try again; the log is in the deployment's logs")
    return report
