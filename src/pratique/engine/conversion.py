"""Models as ONNX: converted once for each content, in an environment of its own, with proof.

    <home>/conversions/<manifest of the model>/parity.json   the report, also when it was refused
    <home>/conversions/<manifest of the model>/model.onnx    only when no decision changed
    <home>/conversions/<manifest of the model>/console.log

A deployment asks for it with the tag ``pratique.optimize: onnx``, or somebody
with ``ml model convert``. The model is unpickled in the sandbox that replicas
have, never here; the environment is the model's own and the converter's
packages. What runs afterwards needs neither: it has `onnxruntime` and nothing
else.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.content.manifest import Manifest
from pratique.control import examinations
from pratique.engine import grpc_sockets, packages, workshop
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.specs.packages import PackageRequest
from pratique.store import assets
from pratique.store.assets import AssetVersion
from pratique.store.deployments import OnlineDeployment

TAG: Final = "pratique.optimize"
CONVERTER: Final = ("onnx>=1.16", "onnxruntime>=1.18", "skl2onnx>=1.17")
BOOSTING: Final = ("onnxmltools>=1.12",)
"""What the converter needs beside that for models of xgboost and lightgbm."""
RUNTIME: Final = PackageRequest(None, ("numpy>=1.26", "onnxruntime>=1.18"))
"""What serves a converted model."""
RUNTIME_WITH_GRPC: Final = replace(RUNTIME, requirements=(*RUNTIME.requirements, *grpc_sockets.PACKAGES))
Say = Callable[[str], None]


@dataclass(frozen=True)
class Conversion:
    """What came out, whether it was proven or refused."""

    place: Path
    report: Mapping[str, Any]

    @property
    def file(self) -> Path | None:
        """The converted model, if it is proven."""
        return self.place / "model.onnx" if self.report["holds"] else None

    @property
    def sentence(self) -> str:
        """For people."""
        if not self.report["holds"]:
            return f"not converted: {self.report['reason']}"
        return (
            f"proven: {self.report['rows']} rows, no decision changed, "
            f"largest difference {self.report['largest_difference']:.2g}"
        )


def is_wanted(deployment: OnlineDeployment) -> bool:
    """Whether the deployment asks for it; a script does with its model what it likes, so it is left alone."""
    is_ours = (
        not deployment.resolved.get("code") and (deployment.resolved.get("model") or {}).get("type") == "mlflow_model"
    )
    return is_ours and (deployment.spec.get("tags") or {}).get(TAG) == "onnx"


def convert_for(bench: Workbench, deployment: OnlineDeployment, manifest: Manifest, say: Say) -> Conversion:
    """What came out for the model of a deployment, which is converted when it was not yet; `say` hears it as well.

    Raises `ComputeFailed` when the environment of the conversion cannot be built.
    """
    found = convert(bench, manifest, say)
    version = _version(bench, deployment)
    if version is not None:
        keep(bench, version, found)
    said = found.sentence if found.file else f"the model stays as it is: {found.report['reason']}"
    say(f"onnx: {said}; report: {found.place / 'parity.json'}")
    return found


def runtime_of(deployment: OnlineDeployment) -> PackageRequest:
    """What serves the converted model of a deployment."""
    return RUNTIME_WITH_GRPC if grpc_sockets.is_wished(deployment.spec) else RUNTIME


def runtime(bench: Workbench, say: Say, request: PackageRequest = RUNTIME) -> Path:
    """The Python that serves converted models."""
    return packages.python_of(bench.environments, request, logs=bench.home.logs, say=say)


def convert(bench: Workbench, manifest: Manifest, say: Say) -> Conversion:
    """Convert the model of that manifest and compare both, unless it was done already; a refusal is an answer.

    Raises `ComputeFailed` when the environment of the conversion cannot be built.
    """
    place = bench.home.root / "conversions" / manifest.digest
    if not workshop.is_made(place):
        say("onnx: making the environment of the conversion")
        extra = (*CONVERTER, *(BOOSTING if _has_boosting(bench, manifest) else ()))
        python = packages.python_for_model(
            bench.environments, bench.blobs, manifest, logs=bench.home.logs, say=say, extra=extra
        )
        say("onnx: converting, and comparing both models")
        program = "pratique_serving.convert"
        workshop.make(
            bench,
            place,
            manifest,
            python=python,
            program=program,
            finish=_report,
            say=lambda line: say(f"onnx: {line}"),
        )
    return Conversion(place, _report(place))


def keep(bench: Workbench, version: AssetVersion, found: Conversion) -> Manifest:
    """Write on the version of the model what came out, with the report and the converted file as its content."""
    files = bench.blobs.put_folder(found.place)
    with bench.database.write() as tx:
        current = assets.version_by_id(tx, version.id)
        if current is not None:
            examinations.record(tx, current, "conversion", found.sentence, files, now=utc_now())
    return files


def _version(bench: Workbench, deployment: OnlineDeployment) -> AssetVersion | None:
    """The version that the deployment serves; None when its files were given inline."""
    model = deployment.resolved["model"]
    if not model.get("name") or not model.get("version"):
        return None
    with bench.database.read() as tx:
        return assets.version(tx, deployment.workspace, "models", model["name"], str(model["version"]))


def _has_boosting(bench: Workbench, manifest: Manifest) -> bool:
    digest = next((entry.digest for entry in manifest.entries if entry.path == "requirements.txt"), None)
    if digest is None:
        return False
    with bench.blobs.open(digest) as stream:
        text = stream.read().decode(errors="replace")
    return any(name in text for name in ("xgboost", "lightgbm"))


def _report(place: Path) -> dict[str, Any]:
    """What the conversion wrote; one that never came is a report too, and is written down as one."""
    file = place / "parity.json"
    try:
        report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        whole = not report["holds"] or (place / "model.onnx").is_file()
    except (OSError, ValueError, KeyError):
        whole, report = False, {}
    if whole:
        return report
    said = "; ".join(last_lines(workshop.log_of(place), 3))
    report = {"holds": False, "reason": f"the conversion ended without a report: {said}", "rows": 0}
    file.write_text(json.dumps(report, indent=2), encoding="utf-8")
    return report
