"""The files of runs: MLflow's artifacts, kept as content like everything else.

    <experiment>/<run>/artifacts/…            what a run logged
    <experiment>/models/<model>/artifacts/…   a model of MLflow 3, logged apart from its run
    logged/<run>/artifacts/<name>/…           the same model, where its run is asked for it (`link_model`)
    registry/<name>/<version>/…               the files of a registered version: not rows, but its manifest
    reports/<name>/<version>/<property>/…     what the platform found out about it, such as `pratique.onnx`

Clients write only below an experiment. A registered version pins a manifest, so
nothing that happens to the files of its run ever changes it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from pratique.content.manifest import Entry, Manifest
from pratique.content.paths import check_relative
from pratique.control import workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import artifacts, assets, holdings, jobs
from pratique.store.artifacts import Artifact
from pratique.store.database import Transaction

REGISTRY: Final = "registry"
REPORTS: Final = "reports"
_LOGGED: Final = "logged"
_OF_VERSIONS: Final = (f"{REGISTRY}/", f"{REPORTS}/")
_WRITABLE: Final = re.compile(r"[0-9]+/[^/]+/.+", re.ASCII)
_RUN_ID: Final = re.compile(r"[0-9a-zA-Z_-]{1,64}", re.ASCII)


@dataclass(frozen=True)
class Listed:
    """One line of a folder: a file with its size in bytes, or a folder."""

    name: str
    size: int | None

    @property
    def is_folder(self) -> bool:
        """Whether it has files below it."""
        return self.size is None


def find(tx: Transaction, actor: Actor, workspace: str, path: str) -> Entry:
    """The file at `path`; raises `NotFound`, and `InvalidInput` for a folder."""
    _may(tx, actor, workspace, "artifacts/read")
    check_relative(path)
    if path.startswith(_OF_VERSIONS):
        manifest, inner = _of_version(tx, actor, workspace, path)
        entry = next((one for one in manifest.entries if one.path == inner), None)
        folder = any(one.path.startswith(f"{inner}/") for one in manifest.entries)
    else:
        file = artifacts.get(tx, workspace, path)
        entry = Entry(path, file.blob, file.size) if file else None
        folder = entry is None and artifacts.is_folder(tx, workspace, path)
    if entry is None:
        if folder:
            raise InvalidInput(f"{path} is a folder, not a file")
        raise NotFound(f"there is no file {path} in workspace {workspace!r}")
    return entry


def listing(tx: Transaction, actor: Actor, workspace: str, path: str) -> list[Listed]:
    """What lies directly in the folder `path`, by name; nothing for a file or a path that is not there."""
    _may(tx, actor, workspace, "artifacts/read")
    folder = path.strip("/")
    if folder:
        check_relative(folder)
    if folder.startswith(_OF_VERSIONS):
        manifest, inner = _of_version(tx, actor, workspace, folder)
        return _children(((one.path, one.size) for one in manifest.entries), inner)
    return _children(((one.path, one.size) for one in artifacts.below(tx, workspace, folder)), folder)


def add_file(
    tx: Transaction, actor: Actor, workspace: str, path: str, digest: str, size: int, *, now: datetime
) -> None:
    """Lay a file whose bytes were just received at `path`, over one that is there."""
    check_writable(tx, actor, workspace, path)
    holdings.hold(tx, workspace, "blob", [(digest, size)], now=now)
    artifacts.put(tx, [Artifact(workspace, path, digest, size, now)])


def check_writable(tx: Transaction, actor: Actor, workspace: str, path: str) -> None:
    """Raise unless `actor` may lay a file at `path`: ask before the bytes are taken."""
    _may(tx, actor, workspace, "artifacts/write")
    check_relative(path)
    _check_below_an_experiment(path)
    parents = [path[:at] for at in range(len(path)) if path[at] == "/"]
    if above := artifacts.any_of(tx, workspace, parents):
        raise Conflict(f"{above} is a file, so nothing can lie below it")
    if artifacts.is_folder(tx, workspace, path):
        raise Conflict(f"{path} is a folder, so no file can take its place")


def remove(tx: Transaction, actor: Actor, workspace: str, path: str) -> None:
    """Remove the file or folder `path`; what is registered keeps its own copy. Raises `NotFound`."""
    _may(tx, actor, workspace, "artifacts/write")
    inner = check_relative(path.strip("/"))
    _check_below_an_experiment(f"{inner}/")
    if not artifacts.remove(tx, workspace, inner):
        raise NotFound(f"there is nothing at {inner} in workspace {workspace!r}")


def tree(tx: Transaction, workspace: str, path: str) -> Manifest:
    """The files at or below `path` as a manifest, relative to it; raises `NotFound` when there are none."""
    check_relative(path)
    found = artifacts.below(tx, workspace, path)
    if not found:
        raise NotFound(f"there is nothing at {path} in workspace {workspace!r}")
    base = path.rpartition("/")[2]
    return Manifest(Entry(one.path[len(path) + 1 :] or base, one.blob, one.size) for one in found)


def of_logged_model(tx: Transaction, workspace: str, model_id: str) -> Manifest:
    """The files of a model that MLflow 3 logged, ``m-…``; raises `NotFound`."""
    marker = f"/models/{model_id}/artifacts/"
    entries: list[Entry] = []
    roots = set()
    for file in artifacts.of_model(tx, workspace, model_id) if _RUN_ID.fullmatch(model_id) else []:
        experiment, _, inner = file.path.partition(marker)
        if experiment.isdecimal():
            roots.add(experiment)
            entries.append(Entry(inner, file.blob, file.size))
    if len(roots) > 1:
        raise Conflict(f"the files of logged model {model_id!r} lie in more than one experiment")
    if not entries:
        raise NotFound(f"logged model {model_id!r} of workspace {workspace!r} has no files")
    return Manifest(entries)


def run_called(tx: Transaction, workspace: str, called: str) -> str:
    """The id of a run by that id or by the name of its job, which is the id of its run on Azure."""
    job = jobs.get(tx, workspace, called)
    return job.run_id if job else called


def of_run(tx: Transaction, workspace: str, run_id: str, path: str) -> Manifest:
    """The files of a run at or below `path` (empty: all of them); raises `NotFound` when there are none.

    `run_id` may be the name of a job, which is the id of its run on Azure.
    Paths of the manifest are relative to `path`; a `path` that is one file gives its base name.
    A model that MLflow 3 logged apart from its run lies here under its name, as it did before.
    """
    run_id = run_called(tx, workspace, run_id)
    marker = f"/{run_id}/artifacts/"
    own: dict[str, Entry] = {}
    logged: dict[str, Entry] = {}
    for file in artifacts.of_run(tx, workspace, run_id) if _RUN_ID.fullmatch(run_id) else []:
        root, _, inner = file.path.partition(marker)
        if root.isdecimal() or root == _LOGGED:
            (logged if root == _LOGGED else own)[inner] = Entry(inner, file.blob, file.size)
    whole = Manifest((logged | own).values())
    asked = path.strip("/")
    found = whole.subtree(asked) if asked else whole
    if not found.entries:
        raise NotFound(f"run {run_id!r} of workspace {workspace!r} has no files at {path!r}")
    return found


def link_model(
    tx: Transaction, actor: Actor, workspace: str, run_id: str, name: str, model_id: str, *, now: datetime
) -> None:
    """Show the files of a logged model as ``<name>/…`` of the run that logged it, instead of an earlier one.

    A model without files shows nothing.
    """
    _may(tx, actor, workspace, "artifacts/write")
    if not _RUN_ID.fullmatch(run_id):
        raise InvalidInput(f"{run_id!r} is not the id of a run")
    root = check_relative(f"{_LOGGED}/{run_id}/artifacts/{name}")
    artifacts.remove(tx, workspace, root)
    if artifacts.of_model(tx, workspace, model_id):
        add(tx, workspace, root, of_logged_model(tx, workspace, model_id), now=now)


def add(tx: Transaction, workspace: str, root: str, manifest: Manifest, *, now: datetime) -> None:
    """Write the files of `manifest`, whose bytes are stored already, below `root` (``1/ab…/artifacts/outputs``)."""
    holdings.hold(tx, workspace, "blob", [(entry.digest, entry.size) for entry in manifest.entries], now=now)
    artifacts.put(
        tx,
        [Artifact(workspace, f"{root}/{entry.path}", entry.digest, entry.size, now) for entry in manifest.entries],
    )


def version_root(name: str, version: str) -> str:
    """The folder, inside the artifact root, where the files of a registered version are read."""
    return f"{REGISTRY}/{name}/{version}"


def report_root(name: str, version: str, found: str) -> str:
    """The folder, inside the artifact root, of what was found out about a version; `found` is the property."""
    return f"{REPORTS}/{name}/{version}/{found}"


def _may(tx: Transaction, actor: Actor, workspace: str, action: str) -> None:
    workspaces.get(tx, actor, workspace)
    permit(actor, action, workspace_scope(workspace))


def _check_below_an_experiment(path: str) -> None:
    if path.startswith(_OF_VERSIONS):
        raise Forbidden(
            "the files of a registered model version can never be changed",
            hint="log the changed model in a run and register it: it becomes the next version",
        )
    if not _WRITABLE.match(f"{path}x"):
        raise Forbidden(f"{path} is not below an experiment, where files of runs and models lie")


def _of_version(tx: Transaction, actor: Actor, workspace: str, path: str) -> tuple[Manifest, str]:
    """The manifest of the version, or of the report about one, that `path` names, and the path inside it."""
    permit(actor, "models/read", workspace_scope(workspace))
    parts = path.split("/")
    name, version, property_ = [*parts, "", "", ""][1:4]
    found = assets.version(tx, workspace, "models", name, version)
    if parts[0] == REPORTS:
        digest, inner, what = (found.properties.get(f"{property_}.report") if found else None), parts[4:], "a report"
    else:
        digest, inner, what = (found.manifest if found else None), parts[3:], "files"
    manifest = holdings.manifest(tx, workspace, digest or "")
    if manifest is None:
        raise NotFound(f"there is no model {name}:{version} with {what} in workspace {workspace!r}")
    return manifest, "/".join(inner)


def _children(files: Iterable[tuple[str, int]], folder: str) -> list[Listed]:
    start = len(folder) + 1 if folder else 0
    found: dict[str, int | None] = {}
    for path, size in files:
        if folder and not path.startswith(f"{folder}/"):
            continue
        name, slash, _ = path[start:].partition("/")
        found[name] = None if slash else size
    return [Listed(name, size) for name, size in sorted(found.items())]
