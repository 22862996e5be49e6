"""Questions about a version of a model that take a while: does it become ONNX, how much does it bear.

A verb asks, the engine finds out, the answer stays with the version: in full
as a report, in a sentence among its properties, and its files as content.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.base.ids import new_id
from pratique.content.manifest import Manifest
from pratique.control import assets
from pratique.control.actor import PLATFORM, Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import assets as rows
from pratique.store import examinations, holdings
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction
from pratique.store.examinations import Examination, Kind

PROPERTIES: Final[Mapping[Kind, str]] = {
    "conversion": "pratique.onnx", "profile": "pratique.profile", "scan": "pratique.scan",
}  # fmt: skip
"""Where the sentence stands among the properties of a version."""
_EVENTS: Final[Mapping[Kind, str]] = {
    "conversion": "Pratique.ModelConverted", "profile": "Pratique.ModelProfiled", "scan": "Pratique.ModelScanned",
}  # fmt: skip


def ask(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    version: str,
    kind: Kind,
    settings: Mapping[str, Any],
    *,
    now: datetime,
) -> Examination:
    """Let the platform find out; whoever asks may write models, because code of the model runs for it.

    Raises `InvalidInput` for a model that is not MLflow's, whose packages nobody knows, unless it is only scanned.
    """
    known = assets.get(tx, actor, workspace, "models", name, version)
    permit(actor, "models/write", workspace_scope(workspace))
    if (known.type != "mlflow_model" and kind != "scan") or not known.manifest:
        raise InvalidInput(
            f"model {known.name}:{known.version} is of type {known.type or 'custom_model'}; only an mlflow_model says "
            "how it is loaded",
            hint="log it with MLflow, and register it with --type mlflow_model",
        )
    made = Examination(
        new_id(), workspace, known.id, kind, settings, "Queued", "", None, None, now, None, None, actor.to_document()
    )
    examinations.add(tx, made)
    return made


def get(tx: Transaction, actor: Actor, workspace: str, id: str) -> Examination:  # noqa: A002 - the column's name.
    """One that was asked for here; raises `NotFound`."""
    permit(actor, "models/read", workspace_scope(workspace))
    found = examinations.by_id(tx, id)
    if found is None or found.workspace != workspace:
        raise NotFound(f"nobody asked for an examination {id!r} in workspace {workspace!r}")
    return found


def newest(tx: Transaction, actor: Actor, workspace: str, name: str, version: str, kind: Kind) -> Examination:
    """The last one of that kind of a version; raises `NotFound` when there is none."""
    known = assets.get(tx, actor, workspace, "models", name, version)
    if found := examinations.newest(tx, known.id, kind):
        return found
    verb = {"conversion": "convert", "profile": "profile", "scan": "scan"}[kind]
    raise NotFound(
        f"nobody has asked for the {kind} of model {known.name}:{known.version} yet",
        hint=f"pratique ml model {verb} --name {known.name} --version {known.version} --workspace-name {workspace}",
    )


def record(
    tx: Transaction,
    version: AssetVersion,
    kind: Kind,
    sentence: str,
    files: Manifest,
    *,
    now: datetime,
    actor: Actor = PLATFORM,
) -> None:
    """Write on a version what came out; `files`, whose bytes are stored already, become its workspace's."""
    blobs = [(entry.digest, entry.size) for entry in files.entries]
    holdings.hold(tx, version.workspace, "blob", blobs, now=now)
    holdings.add_manifest(tx, version.workspace, files, now=now)
    key = PROPERTIES[kind]
    said = {key: sentence, f"{key}.report": files.digest}
    if {name: version.properties.get(name) for name in said} == said:
        return
    rows.change_version(tx, version.id, properties={**version.properties, **said}, updated_at=now)
    assets.tell(tx, actor, _EVENTS[kind], version, now=now, data={"outcome": sentence})
