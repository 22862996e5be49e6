"""Datastores: the four that every workspace has, and descriptions of places elsewhere.

What lies in the four is content of the platform like everything else: a tree
of blobs, never a folder of the server's disk. Places elsewhere are kept as
they were described, credentials sealed; this version neither reads nor writes
what is in them, and says so where somebody asks.

``workspaceartifactstore`` also shows the files of runs where Azure has them,
at ``ExperimentRun/dcid.JOB/…``.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import Conflict, Forbidden, NotFound, NotYet, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.content.manifest import Entry, Manifest
from pratique.content.paths import check_relative
from pratique.control import artifacts, workspaces
from pratique.control.actor import Actor
from pratique.control.changes import check_changeable
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.references import DatastorePath
from pratique.store import datastores, events, holdings, jobs
from pratique.store.database import Transaction
from pratique.store.datastores import Datastore, DatastoreFile
from pratique.store.events import Event
from pratique.store.sealing import Sealer

DEFAULT: Final = "workspaceblobstore"
"""The datastore that is meant where none is named."""

ARTIFACTS: Final = "workspaceartifactstore"

BUILT_IN: Final[Mapping[str, Mapping[str, str]]] = {
    DEFAULT: {"type": "azure_blob", "container_name": "azureml-blobstore"},
    ARTIFACTS: {"type": "azure_blob", "container_name": "azureml"},
    "workspaceworkingdirectory": {"type": "azure_file", "file_share_name": "code"},
    "workspacefilestore": {"type": "azure_file", "file_share_name": "azureml-filestore"},
}
"""Name → what Azure says of the datastore of that name, which it makes with every workspace."""

_CHANGEABLE: Final = ("description", "tags", "credentials")
_RUN_FILES: Final = ("ExperimentRun", "dcid.")


def write(
    tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, sealer: Sealer, now: datetime
) -> Datastore:
    """Keep the datastore that `spec` describes, or let the one of its name become what it says.

    Credentials are sealed before they are written and never shown again; a
    spec without them leaves those that are there. Another `type` is a `Conflict`.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, "datastores/write", workspace_scope(workspace))
    name = check_name("asset", str(spec["name"]))
    check_not_built_in(name)
    said = {key: value for key, value in spec.items() if key != "credentials"}
    if known := datastores.get(tx, workspace, name):
        if known.spec["type"] != said["type"]:
            raise Conflict(
                f"datastore {name!r} exists and is of type {known.spec['type']}",
                hint=f"delete it first: pratique ml datastore delete --name {name} --workspace-name {workspace} --yes",
            )
        return _become(tx, actor, known, said, spec.get("credentials"), sealer=sealer, now=now)
    identity = new_id()
    sealed = _sealed(sealer, identity, spec.get("credentials"))
    made = Datastore(identity, workspace, name, said, sealed, now, now, actor.to_document())
    datastores.add(tx, made)
    _tell(tx, actor, "Pratique.DatastoreCreated", made, now=now)
    return made


def update(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    changes: Mapping[str, Any],
    *,
    sealer: Sealer,
    now: datetime,
) -> Datastore:
    """Change description, tags or credentials, each whole; empty credentials forget those that are there."""
    check_not_built_in(name)
    known = get(tx, actor, workspace, name)
    permit(actor, "datastores/write", workspace_scope(workspace))
    check_changeable(changes, _CHANGEABLE, what=name)
    said = {**known.spec, **{key: value for key, value in changes.items() if key != "credentials"}}
    return _become(tx, actor, known, said, changes.get("credentials"), sealer=sealer, now=now)


def get(tx: Transaction, actor: Actor, workspace: str, name: str) -> Datastore:
    """The datastore called `name`, one of the four or one of the user's; raises `NotFound`."""
    found = workspaces.get(tx, actor, workspace)
    permit(actor, "datastores/read", workspace_scope(workspace))
    if name in BUILT_IN:
        return _built_in(workspace, name, found.created_at, found.created_by)
    if known := datastores.get(tx, workspace, name):
        return known
    raise _unknown(workspace, name, key="")


def every(tx: Transaction, actor: Actor, workspace: str) -> Sequence[Datastore]:
    """All datastores, the four of every workspace first."""
    found = workspaces.get(tx, actor, workspace)
    permit(actor, "datastores/read", workspace_scope(workspace))
    own = [_built_in(workspace, name, found.created_at, found.created_by) for name in BUILT_IN]
    return [*own, *datastores.every(tx, workspace)]


def delete(tx: Transaction, actor: Actor, workspace: str, name: str, *, now: datetime) -> None:
    """Forget a description; what it describes is not touched. One of the four cannot be deleted."""
    known = get(tx, actor, workspace, name)
    permit(actor, "datastores/delete", workspace_scope(workspace))
    check_not_built_in(name)
    datastores.remove(tx, workspace, name)
    _tell(tx, actor, "Pratique.DatastoreDeleted", known, now=now)


# --- what lies in them --------------------------------------------------------------------------------------------


def resolve(tx: Transaction, workspace: str, reference: DatastorePath, *, key: str = "path") -> Manifest:
    """The files at or below a place of a datastore; a single file keeps its base name.

    Raises `NotFound` when there is no such datastore or nothing in that place,
    and `NotYet` for a datastore that is elsewhere; each names `key`.
    """
    name = _kept_here(tx, workspace, reference, key=key)
    if name == ARTIFACTS and (run := _run_of(reference.path)):
        return _of_run(tx, workspace, run, reference, key=key)
    found = datastores.below(tx, workspace, name, reference.path)
    if not found:
        place = f" at {reference.path!r}" if reference.path else ""
        raise NotFound(f"{key}: datastore {name!r} of workspace {workspace!r} has nothing{place}")
    start = len(reference.path) + 1 if reference.path else 0
    base = reference.path.rpartition("/")[2]
    return Manifest(Entry(one.path[start:] or base, one.blob, one.size) for one in found)


def put(
    tx: Transaction, workspace: str, reference: DatastorePath, manifest: Manifest, *, now: datetime, key: str = "path"
) -> None:
    """Lay the files of `manifest`, whose bytes are stored already, below a place, over those of the same paths.

    What else lies there stays, as in a container of blobs. Raises `Conflict`
    where a file would have to be a folder or the other way round,
    `InvalidInput` for a name that differs only by case from one that is there,
    and what `check_writable` raises.
    """
    check_writable(tx, workspace, reference, key=key)
    root, name = reference.path, reference.datastore
    before = datastores.below(tx, workspace, name, root)
    there = {one.path: Entry(one.path, one.blob, one.size) for one in before}
    new = {_join(root, one.path): one for one in manifest.entries}
    Manifest([*(there | {path: Entry(path, one.digest, one.size) for path, one in new.items()}).values()])
    holdings.hold(tx, workspace, "blob", [(one.digest, one.size) for one in manifest.entries], now=now)
    datastores.put(tx, [DatastoreFile(workspace, name, path, one.digest, one.size, now) for path, one in new.items()])


def keep_upload(
    tx: Transaction, workspace: str, datastore: str, manifest: Manifest, name: str, *, now: datetime
) -> DatastorePath:
    """Lay uploaded files where Azure lays them, ``LocalUpload/DIGEST/NAME``, and return that place.

    `datastore` is what a file says: a name, with or without ``azureml:``.
    """
    chosen = datastore.removeprefix("azureml:")
    folder = DatastorePath(chosen, f"LocalUpload/{manifest.digest}")
    is_file = len(manifest.entries) == 1 and manifest.entries[0].path == name
    place = replace(folder, path=f"{folder.path}/{name}")
    put(tx, workspace, folder if is_file else place, manifest, now=now, key="datastore")
    return place


def check_writable(tx: Transaction, workspace: str, reference: DatastorePath, *, key: str = "path") -> None:
    """Raise unless files can be laid below that place: ask before the work is done."""
    name = _kept_here(tx, workspace, reference, key=key)
    if reference.path:
        check_relative(reference.path)
    if name == ARTIFACTS and reference.path.partition("/")[0] == _RUN_FILES[0]:
        raise Forbidden(
            f"{key}: {reference} shows the files of runs, which only the runs write",
            hint=f"write to another folder, or to azureml://datastores/{DEFAULT}/paths/PATH",
        )
    parts = reference.path.split("/")
    above = ["/".join(parts[: at + 1]) for at in range(len(parts))] if reference.path else []
    if above and (file := datastores.any_of(tx, workspace, name, above)):
        raise Conflict(f"{key}: {file} is a file in datastore {name!r}, so nothing can lie below it")


def _kept_here(tx: Transaction, workspace: str, reference: DatastorePath, *, key: str) -> str:
    """The name of a datastore whose content the platform keeps."""
    name = reference.datastore
    if reference.workspace not in (None, workspace):
        said = f"{reference} belongs to workspace {reference.workspace!r}, and this version reads only from its own"
        raise NotYet(f"{key}: {said}", problems=[Problem(said, key=key)])
    if name in BUILT_IN:
        return name
    known = datastores.get(tx, workspace, name)
    if known is None:
        raise _unknown(workspace, name, key=key)
    said = (
        f"datastore {name!r} is of type {known.spec['type']} and lies elsewhere; this version does not read or write it"
    )
    hint = (
        "fetch the files with the tools of that place and register them: pratique ml data create --name NAME "
        f"--path ./FOLDER, or lay them into {DEFAULT} with --datastore {DEFAULT}"
    )
    raise NotYet(f"{key}: {said}", hint=hint, problems=[Problem(said, key=key, hint=hint)])


def _unknown(workspace: str, name: str, *, key: str) -> NotFound:
    said = f"there is no datastore {name!r} in workspace {workspace!r}"
    return NotFound(f"{key}: {said}" if key else said, hint=f"pratique ml datastore list --workspace-name {workspace}")


def _run_of(path: str) -> str:
    """The job or run that ``ExperimentRun/dcid.NAME/…`` names; empty for another path."""
    first, _, rest = path.partition("/")
    named = rest.partition("/")[0]
    return named.removeprefix(_RUN_FILES[1]) if first == _RUN_FILES[0] and named.startswith(_RUN_FILES[1]) else ""


def _of_run(tx: Transaction, workspace: str, run: str, reference: DatastorePath, *, key: str) -> Manifest:
    job = jobs.get(tx, workspace, run)
    inner = "/".join(reference.path.split("/")[2:])
    try:
        return artifacts.of_run(tx, workspace, job.run_id if job else run, inner)
    except NotFound as error:
        raise NotFound(f"{key}: there is nothing at {reference} in workspace {workspace!r}") from error


# --- writing them down --------------------------------------------------------------------------------------------


def _built_in(workspace: str, name: str, since: datetime, created_by: Mapping[str, Any]) -> Datastore:
    spec = {"name": name, **BUILT_IN[name], "description": "Kept in the content store of the platform."}
    return Datastore(f"{workspace}/{name}", workspace, name, spec, "", since, since, created_by)


def check_not_built_in(name: str) -> None:
    """Raise `Conflict` for one of the four of every workspace."""
    if name in BUILT_IN:
        raise Conflict(f"{name} belongs to every workspace and cannot be changed", hint="choose another name")


def _become(
    tx: Transaction,
    actor: Actor,
    known: Datastore,
    said: Mapping[str, Any],
    credentials: Mapping[str, Any] | None,
    *,
    sealer: Sealer,
    now: datetime,
) -> Datastore:
    if known.spec == said and credentials is None:
        return known
    sealed = known.credentials if credentials is None else _sealed(sealer, known.id, credentials)
    wanted = replace(known, spec=said, credentials=sealed, updated_at=now)
    datastores.change(tx, wanted)
    changed = sorted(key for key in said if said[key] != known.spec.get(key))
    data = {"changed": [*changed, *(["credentials"] if credentials is not None else [])]}
    _tell(tx, actor, "Pratique.DatastoreUpdated", wanted, now=now, data=data)
    return wanted


def _sealed(sealer: Sealer, identity: str, credentials: Mapping[str, Any] | None) -> str:
    if not credentials:
        return ""
    return sealer.seal(json.dumps(credentials, sort_keys=True), context=f"{identity}/credentials")


def _join(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _tell(
    tx: Transaction,
    actor: Actor,
    event: str,
    datastore: Datastore,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    scope = workspace_scope(datastore.workspace)
    facts = {"name": datastore.name, "type": datastore.spec["type"], **(data or {})}
    events.append(tx, Event(event, f"datastores/{datastore.name}", scope, actor.to_document(), facts), now=now)
