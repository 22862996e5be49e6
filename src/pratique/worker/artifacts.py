"""Artifacts: published under a name that a run has once, downloaded whole or by patterns.

publish, PublishPipelineArtifact, PublishBuildArtifacts    a file or a folder
download: current                                          Pipeline.Workspace/NAME
download: ALIAS                                            Pipeline.Workspace/ALIAS/NAME
DownloadPipelineArtifact                                   targetPath itself for one name, targetPath/NAME for all
DownloadBuildArtifacts                                     downloadPath/NAME
"""

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pratique.base.errors import NotFound
from pratique.content.manifest import Manifest
from pratique.delivery.message import PipelineRun
from pratique.worker.matching import matching
from pratique.worker.publishing import publish_artifact
from pratique.worker.step import DONE, Outcome, StepRun, failed

CURRENT: Final = "current"
NONE: Final = "none"
EVERYTHING: Final = ("**",)


def run_publish(run: StepRun) -> Outcome:
    """The step `publish:`."""
    given = {name.lower(): run.variables.replaced(value) for name, value in run.step.inputs.items()}
    return publish(run, given["targetpath"], given.get("artifact", ""))


def publish(run: StepRun, path: str, name: str) -> Outcome:
    """Publish what is at `path` below the sources; without a name it is called after its job."""
    unit = run.job.message.unit
    publish_artifact(run, run.folder("") / path.strip(), name.strip() or ".".join(filter(None, (unit.job, unit.unit))))
    return DONE


def run_download(run: StepRun) -> Outcome:
    """The step `download:`."""
    given = {name.lower(): run.variables.replaced(value) for name, value in run.step.inputs.items()}
    source = given["source"].strip()
    if source.lower() == NONE:
        run.say("nothing is downloaded")
        return DONE
    origin: PipelineRun | None = None
    base = run.job.workspace.root
    if source.lower() != CURRENT:
        origin = run.job.message.pipeline(source)
        if origin is None:
            return failed(f"the run was given no run of the pipeline resource {source}")
        base /= origin.alias
    if path := given.get("path", "").strip():
        base = run.job.workspace.root / path
    names = [given["artifact"].strip()] if given.get("artifact", "").strip() else []
    patterns = given.get("patterns", "").splitlines() or EVERYTHING
    return download(run, names, patterns, lambda name: base / name, origin)


def download_everything(run: StepRun) -> Outcome:
    """What the deploy hook of a deployment begins with: all artifacts of the run, and of its pipeline resources."""
    root = run.job.workspace.root
    download(run, [], EVERYTHING, lambda name: root / name, None)
    for origin in run.job.message.pipelines:
        download(run, [], EVERYTHING, _below(root / origin.alias), origin)
    return DONE


def _below(folder: Path) -> Callable[[str], Path]:
    return lambda name: folder / name


def download(
    run: StepRun,
    names: Sequence[str],
    patterns: Sequence[str],
    place: Callable[[str], Path],
    origin: PipelineRun | None,
) -> Outcome:
    """Download artifacts, all for no names; `place` says where each goes. Raises `NotFound` for one that is not there.

    A pattern may begin with the name of its artifact, as the tasks have it.
    """
    routes, number = run.job.routes, origin.run if origin else None
    there = routes.artifacts(number)
    for name in names:
        if name not in there:
            raise NotFound(f"the run has no artifact {name}", hint=f"it has: {', '.join(sorted(there)) or 'none'}")
    for name in names or sorted(there):
        manifest = routes.manifest(there[name], number)
        chosen = _chosen(manifest, name, patterns)
        _fetch(run, chosen, place(name), number)
        run.say(
            f"{name}: {len(chosen.entries)} files, {chosen.size:,} bytes to {place(name)}; digest {manifest.digest}"
        )
    if not there:
        run.say("the run has no artifacts")
    return DONE


def _chosen(manifest: Manifest, name: str, patterns: Sequence[str]) -> Manifest:
    if tuple(one.strip() for one in patterns) == EVERYTHING:
        return manifest
    paths = [entry.path for entry in manifest.entries]
    kept = {*matching(paths, patterns)}
    kept |= {path.partition("/")[2] for path in matching([f"{name}/{path}" for path in paths], patterns)}
    return Manifest(entry for entry in manifest.entries if entry.path in kept)


def _fetch(run: StepRun, manifest: Manifest, target: Path, number: int | None) -> None:
    """Write the files below `target`, over those that are there."""
    if not target.exists():
        run.job.routes.download(manifest, target, number)
        return
    with tempfile.TemporaryDirectory(dir=run.job.workspace.temp) as own:
        draft = Path(own) / "artifact"
        run.job.routes.download(manifest, draft, number)
        shutil.copytree(draft, target, dirs_exist_ok=True)
