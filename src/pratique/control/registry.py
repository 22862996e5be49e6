"""Models as MLflow's clients know them: names without versions yet, stages, aliases, renaming.

The rows are the same as those of `control.models` and the CLI; what is here is
only what MLflow can say and Azure's YAML cannot. An alias is a label. A stage
(old clients) is a word on a version that nothing of the platform acts upon.

    None ──► Staging ──► Production ──► Archived     any order, as MLflow allows
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound
from pratique.base.names import check_name
from pratique.content.manifest import Manifest
from pratique.control import artifacts, workspaces
from pratique.control import assets as versions
from pratique.control.actor import Actor
from pratique.control.assets import Origin, check_unused, manifest_of
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.references import RunPath
from pratique.store import assets, events, holdings
from pratique.store.assets import LATEST, Asset, AssetVersion
from pratique.store.database import Transaction
from pratique.store.events import Event

_KIND: Final = "models"
STAGES: Final = ("None", "Staging", "Production", "Archived")
_ACTIVE_STAGES: Final = ("Staging", "Production")
MODEL_ID: Final = "pratique.mlflow-model-id"
RUN_LINK: Final = "pratique.run-link"
_MLMODEL: Final = "MLmodel"


@dataclass(frozen=True)
class NamedModel:
    """A model's name with its versions, newest first, and its aliases (alias → version)."""

    asset: Asset
    versions: Sequence[AssetVersion]
    aliases: Mapping[str, str]

    def newest_of(self, stages: Sequence[str] = ()) -> list[AssetVersion]:
        """The newest version in each of `stages` (empty: every stage that has one)."""
        wanted = [canonical_stage(stage) for stage in stages] or STAGES
        found = (next((one for one in self.versions if one.stage == stage), None) for stage in wanted)
        return [one for one in found if one is not None]


@dataclass(frozen=True)
class LoggedModel:
    """``models:/m-…``: a model that MLflow 3 logged."""

    model_id: str


@dataclass(frozen=True)
class RegisteredVersion:
    """``models:/name/version`` or ``models:/name@alias``."""

    name: str
    version: str
    """A version, ``@alias``, or a stage."""
    path: str = ""


@dataclass(frozen=True)
class ArtifactPath:
    """A path inside MLflow's artifact root, such as ``1/<run>/artifacts/model``."""

    path: str


Source = RunPath | LoggedModel | RegisteredVersion | ArtifactPath
"""Where the files of a new version are; each is a place that this platform keeps."""


@dataclass(frozen=True)
class Registration:
    """What a client says about a new version besides its files."""

    source: str
    """As the client wrote it."""
    run_id: str = ""
    model_id: str = ""
    run_link: str = ""
    description: str = ""
    tags: Mapping[str, str] | None = None


def create_name(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    *,
    description: str,
    tags: Mapping[str, str],
    now: datetime,
) -> NamedModel:
    """Take `name` for a model that has no version yet; raises `AlreadyExists`."""
    _may(tx, actor, workspace, "write")
    check_name("asset", name)
    if assets.get(tx, workspace, _KIND, name):
        raise AlreadyExists(f"a model {name!r} exists in workspace {workspace!r}")
    assets.add(tx, Asset(workspace, _KIND, name, 1, description, dict(tags), False, now, now))
    _tell(tx, actor, workspace, "Pratique.ModelNameCreated", name, now=now)
    return get(tx, actor, workspace, name)


def get(tx: Transaction, actor: Actor, workspace: str, name: str) -> NamedModel:
    """The model `name`; raises `NotFound`."""
    _may(tx, actor, workspace, "read")
    found = assets.get(tx, workspace, _KIND, name)
    if found is None:
        raise NotFound(f"there is no model {name!r} in workspace {workspace!r}")
    return NamedModel(found, assets.versions(tx, workspace, _KIND, name), assets.labels(tx, workspace, _KIND, name))


def every(tx: Transaction, actor: Actor, workspace: str) -> list[NamedModel]:
    """All models of the workspace, by name, archived ones left out."""
    _may(tx, actor, workspace, "read")
    by_name: dict[str, list[AssetVersion]] = {}
    for one in assets.all_versions(tx, workspace, _KIND):
        by_name.setdefault(one.name, []).append(one)
    return [
        NamedModel(name, by_name.get(name.name, []), assets.labels(tx, workspace, _KIND, name.name))
        for name in assets.every(tx, workspace, _KIND)
        if not name.is_archived
    ]


def describe(
    tx: Transaction, actor: Actor, workspace: str, name: str, description: str, *, now: datetime
) -> NamedModel:
    """Change what is said about all versions of `name`."""
    get(tx, actor, workspace, name)
    _may(tx, actor, workspace, "write")
    assets.change(tx, workspace, _KIND, name, description=description, updated_at=now)
    _tell(tx, actor, workspace, "Pratique.AssetUpdated", name, now=now, data={"changed": ["description"]})
    return get(tx, actor, workspace, name)


def tag(
    tx: Transaction, actor: Actor, workspace: str, name: str, key: str, value: str | None, *, now: datetime
) -> None:
    """Set a tag on the name, or remove it with None."""
    known = get(tx, actor, workspace, name)
    _may(tx, actor, workspace, "write")
    assets.change(tx, workspace, _KIND, name, tags=_tagged(known.asset.tags, key, value), updated_at=now)
    _tell(tx, actor, workspace, "Pratique.AssetUpdated", name, now=now, data={"changed": ["tags"]})


def rename(tx: Transaction, actor: Actor, workspace: str, name: str, new_name: str, *, now: datetime) -> NamedModel:
    """Give the model, with all its versions, another name; `Conflict` while a deployment uses one."""
    known = get(tx, actor, workspace, name)
    _may(tx, actor, workspace, "write")
    check_name("asset", new_name)
    if assets.get(tx, workspace, _KIND, new_name):
        raise AlreadyExists(f"a model {new_name!r} exists in workspace {workspace!r}")
    for one in known.versions:
        check_unused(tx, one)
    assets.rename(tx, workspace, _KIND, name, to=new_name, now=now)
    for one in known.versions:
        assets.change_version(tx, one.id, spec={**one.spec, "name": new_name})
    _tell(tx, actor, workspace, "Pratique.ModelRenamed", new_name, now=now, data={"from": name})
    return get(tx, actor, workspace, new_name)


def delete(tx: Transaction, actor: Actor, workspace: str, name: str, *, now: datetime) -> None:
    """Remove the model with all its versions; `Conflict` while a deployment uses one."""
    known = get(tx, actor, workspace, name)
    _may(tx, actor, workspace, "delete")
    for one in known.versions:
        check_unused(tx, one)
    assets.remove(tx, workspace, _KIND, name)
    gone = [one.version for one in known.versions]
    _tell(tx, actor, workspace, "Pratique.AssetDeleted", name, now=now, data={"versions": gone})


def register(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    source: Source,
    said: Registration,
    *,
    now: datetime,
) -> AssetVersion:
    """Make the next version of `name` from files that the platform keeps; it pins their manifest for ever."""
    get(tx, actor, workspace, name)
    files = _files(tx, actor, workspace, source)
    manifest = files.manifest
    holdings.add_manifest(tx, workspace, manifest, now=now)
    properties = {MODEL_ID: said.model_id, RUN_LINK: said.run_link}
    spec: dict[str, Any] = {
        "name": name,
        "type": "mlflow_model" if any(one.path == _MLMODEL for one in manifest.entries) else "custom_model",
        "path": f"upload:{manifest.digest}/{files.base}",
        "description": said.description,
        "tags": dict(said.tags or {}),
        "properties": {key: value for key, value in properties.items() if value},
    }
    origin = Origin(run_id=said.run_id or files.run_id, source=said.source)
    return versions.create(tx, actor, workspace, _KIND, spec, now=now, origin=origin)


def version(tx: Transaction, actor: Actor, workspace: str, name: str, text: str) -> AssetVersion:
    """One version: a version, ``@alias``, or (old clients) a stage, which means the newest in it."""
    stage = next((one for one in STAGES if one.lower() == text.lower()), None)
    if stage:
        newest = get(tx, actor, workspace, name).newest_of([stage])
        if not newest:
            raise NotFound(f"model {name!r} has no version in stage {stage}")
        return newest[0]
    return versions.get(tx, actor, workspace, _KIND, name, text)


def change(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    text: str,
    *,
    description: str | None,
    now: datetime,
) -> AssetVersion:
    """Change the description of a version; None leaves it as it is."""
    known = versions.get(tx, actor, workspace, _KIND, name, text)
    if description is None:
        return known
    return versions.update(tx, actor, workspace, _KIND, name, text, {"description": description}, now=now)


def tag_version(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    text: str,
    key: str,
    value: str | None,
    *,
    now: datetime,
) -> None:
    """Set a tag on a version, or remove it with None."""
    known = versions.get(tx, actor, workspace, _KIND, name, text)
    versions.update(tx, actor, workspace, _KIND, name, text, {"tags": _tagged(known.tags, key, value)}, now=now)


def transition(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    text: str,
    stage: str,
    *,
    archive_others: bool,
    now: datetime,
) -> AssetVersion:
    """Move a version to `stage`; with `archive_others` the versions that are there now become Archived."""
    wanted = canonical_stage(stage)
    if archive_others and wanted not in _ACTIVE_STAGES:
        raise InvalidInput(f"versions are archived only by a move to {' or '.join(_ACTIVE_STAGES)}, not to {wanted}")
    moved = versions.update(tx, actor, workspace, _KIND, name, text, {"stage": wanted}, now=now)
    for one in get(tx, actor, workspace, name).versions if archive_others else ():
        if one.stage == wanted and one.version != moved.version:
            versions.update(tx, actor, workspace, _KIND, name, one.version, {"stage": "Archived"}, now=now)
    return moved


def delete_version(tx: Transaction, actor: Actor, workspace: str, name: str, text: str, *, now: datetime) -> None:
    """Remove one version; `Conflict` while a deployment uses it."""
    versions.delete(tx, actor, workspace, _KIND, name, text, now=now)


def set_alias(
    tx: Transaction, actor: Actor, workspace: str, name: str, alias: str, text: str, *, now: datetime
) -> None:
    """Let `alias` mean the version `text`."""
    known = versions.get(tx, actor, workspace, _KIND, name, text)
    _may(tx, actor, workspace, "write")
    check_name("label", alias)
    if alias.lower() == LATEST:
        raise InvalidInput(f"{alias!r} always means the newest version and cannot be set")
    assets.set_label(tx, workspace, _KIND, name, alias, known.version)
    data = {"alias": alias, "version": known.version}
    _tell(tx, actor, workspace, "Pratique.ModelAliasSet", name, now=now, data=data)


def remove_alias(tx: Transaction, actor: Actor, workspace: str, name: str, alias: str, *, now: datetime) -> None:
    """Forget `alias`; one that is not there is no error, as in MLflow."""
    get(tx, actor, workspace, name)
    _may(tx, actor, workspace, "write")
    assets.remove_label(tx, workspace, _KIND, name, alias)
    _tell(tx, actor, workspace, "Pratique.ModelAliasRemoved", name, now=now, data={"alias": alias})


def canonical_stage(stage: str) -> str:
    """`stage` as MLflow spells it; raises `InvalidInput`."""
    found = next((one for one in STAGES if one.lower() == stage.lower()), None)
    if found is None:
        raise InvalidInput(f"{stage!r} is not a stage: expected {', '.join(STAGES)}")
    return found


def read_only_root(of: AssetVersion) -> str:
    """Where the files of a version are read, inside MLflow's artifact root."""
    return artifacts.version_root(of.name, of.version)


@dataclass(frozen=True)
class _Files:
    """What a source means: files, the name of their folder, and the run that they come from, if it is known."""

    manifest: Manifest
    base: str
    run_id: str = ""


def _files(tx: Transaction, actor: Actor, workspace: str, source: Source) -> _Files:
    match source:
        case RunPath():
            inner = source.path.strip("/")
            found = artifacts.of_run(tx, workspace, source.run_id, inner)
            return _Files(found, _base(inner), artifacts.run_called(tx, workspace, source.run_id))
        case LoggedModel():
            return _Files(artifacts.of_logged_model(tx, workspace, source.model_id), _base(""))
        case RegisteredVersion():
            known = version(tx, actor, workspace, source.name, source.version)
            whole = manifest_of(tx, known)
            inner = source.path.strip("/")
            return _Files(whole.subtree(inner), _base(inner or known.path), known.run_id)
        case ArtifactPath():
            experiment, _, inner = source.path.partition("/")
            if experiment == artifacts.REGISTRY and "/" in inner:
                name, text, below = [*inner.split("/", 2), ""][:3]
                return _files(tx, actor, workspace, RegisteredVersion(name, text, below))
            run_id = inner.partition("/")[0]
            found = artifacts.tree(tx, workspace, source.path)
            return _Files(found, _base(source.path), "" if run_id == "models" else run_id)


def _base(path: str) -> str:
    return path.rpartition("/")[2] or "model"


def _tagged(tags: Mapping[str, str], key: str, value: str | None) -> dict[str, str]:
    kept = {name: text for name, text in tags.items() if name != key}
    return kept if value is None else kept | {key: value}


def _may(tx: Transaction, actor: Actor, workspace: str, verb: str) -> None:
    workspaces.get(tx, actor, workspace)
    permit(actor, f"{_KIND}/{verb}", workspace_scope(workspace))


def _tell(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    kind: str,
    name: str,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    facts = {"name": name, **(data or {})}
    scope = workspace_scope(workspace)
    events.append(tx, Event(kind, f"models/{name}", scope, actor.to_document(), facts), now=now)
