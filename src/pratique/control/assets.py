"""Data, environments, models and components: the verbs that are the same for all of them.

A version, once made, keeps its content for ever: making it again with the same
content changes nothing, with another content it is a conflict. What may change
are words about it: description, tags, labels, the archive flag.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, Literal

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, NotYet, Problem
from pratique.base.ids import new_id
from pratique.base.names import problem_with_name
from pratique.content.manifest import Manifest
from pratique.control import content, datastores, promotion, workspaces
from pratique.control.actor import Actor
from pratique.control.changes import check_changeable
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.references import Asset as Reference
from pratique.specs.references import JobOutput, RunPath, Upload, parse_reference
from pratique.specs.translation import RELEASED_BEFORE
from pratique.store import assets, deployments, events, holdings, jobs
from pratique.store.assets import LATEST, Archived, Asset, AssetVersion, ShownVersion
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.stored import Stored

Kind = Literal["data", "environments", "models", "components"]
SINGULAR: Final = {
    "data": "data asset", "environments": "environment", "models": "model", "components": "component",
}  # fmt: skip
VERB_NOUN: Final = {"data": "data", "environments": "environment", "models": "model", "components": "component"}
_REGISTERED: Final = {
    "data": "Pratique.DataRegistered",
    "environments": "Pratique.EnvironmentRegistered",
    "components": "Pratique.ComponentRegistered",
    "models": "Microsoft.MachineLearningServices.ModelRegistered",
}
NO_STAGE: Final = "None"
DIGEST: Final = "pratique.digest"
"""The property that says what a version is; like every ``pratique.*`` property, only the platform writes it."""

NO_FACTS: Final[Mapping[str, str]] = {}
_SETTINGS: Final = (RELEASED_BEFORE,)
"""Properties by which a user decides what a version is."""
_CHANGEABLE: Final = ("description", "tags", "properties", "stage", "is_archived")
_WORDS: Final = ("description", "tags", "properties", "stage", "display_name", "$schema")
"""Keys of a spec that are words about a version: they do not decide whether its content is the same."""


@dataclass(frozen=True)
class Origin:
    """Where a version came from, when it did not come from a file of the user."""

    job_name: str = ""
    run_id: str = ""
    source: str = ""


def create(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    kind: Kind,
    spec: Mapping[str, Any],
    *,
    now: datetime,
    origin: Origin = Origin(),
    facts: Mapping[str, str] = NO_FACTS,
) -> AssetVersion:
    """Make the version that `spec` describes, values as `specs` gives them; its number is chosen when it names none.

    `facts` are properties (``pratique.*``) that say what the content means here, and are part of it.

    A version that is there with the same content is answered as it is. Raises
    `AlreadyExists` when its content is another, and what `content.resolve`
    raises for a `path` that leads to nothing.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, f"{kind}/write", workspace_scope(workspace))
    name = str(spec.get("name") or "")
    asked = str(spec["version"]) if spec.get("version") is not None else None
    _check_names(kind, name, asked)
    source = _laid_down(tx, workspace, spec, now=now)
    pinned = content.pin(tx, workspace, str(spec["path"]), now=now) if spec.get("path") else None
    known = assets.get(tx, workspace, kind, name)
    text = asked or str(known.next_version if known else 1)
    whole = _Whole.of(spec, name, text, pinned, facts)
    if existing := assets.version(tx, workspace, kind, name, text):
        same = _same_or_conflict(existing, whole.spec)
        note_use(tx, actor, same, is_made=False, now=now)
        return same
    if kind == "models":
        promotion.check_model(tx, actor, workspace, pinned.digest if pinned else None, what=f"model {name}:{text}")
    if known is None:
        assets.add(tx, Asset(workspace, kind, name, 1, "", {}, False, now, now))
    if not (origin.job_name or origin.run_id):
        origin = _origin_of(tx, workspace, str(spec.get("path") or ""), origin.source)
    origin = replace(origin, source=origin.source or source or str(spec.get("path") or ""))
    version = _new_version(workspace, kind, whole, origin, actor, now)
    assets.add_version(tx, version)
    tell(tx, actor, _REGISTERED[kind], version, now=now)
    note_use(tx, actor, version, is_made=True, now=now)
    return version


@dataclass(frozen=True)
class _Whole:
    """What a version is: its values with name, version and content, and what they mean here."""

    spec: Mapping[str, Any]
    pinned: Upload | None
    facts: Mapping[str, str]

    @classmethod
    def of(
        cls, spec: Mapping[str, Any], name: str, version: str, pinned: Upload | None, facts: Mapping[str, str]
    ) -> "_Whole":
        """`spec` as it is kept: where it was laid down is no part of what it is."""
        given = {key: value for key, value in spec.items() if key != "datastore"}
        full = {**given, "name": name, "version": version} | ({"path": str(pinned)} if pinned else {})
        return cls(full, pinned, facts)


def _new_version(
    workspace: str, kind: Kind, whole: _Whole, origin: Origin, actor: Actor, now: datetime
) -> AssetVersion:
    spec, pinned, text = whole.spec, whole.pinned, str(whole.spec["version"])
    return AssetVersion(
        id=new_id(),
        workspace=workspace,
        kind=kind,
        name=str(spec["name"]),
        version=text,
        ordinal=int(text) if text.isdecimal() and len(text) < 10 else None,
        type=str(spec.get("type") or ""),
        spec=spec,
        path=str(pinned) if pinned else "",
        manifest=pinned.digest if pinned else None,
        description=str(spec.get("description") or ""),
        tags=dict(spec.get("tags") or {}),
        properties={**(spec.get("properties") or {}), **whole.facts, DIGEST: _digest(spec, pinned, whole.facts)},
        is_archived=False,
        stage=str(spec.get("stage") or NO_STAGE),
        run_id=origin.run_id,
        job_name=origin.job_name,
        source=origin.source,
        created_at=now,
        updated_at=now,
        created_by=actor.to_document(),
    )


def _origin_of(tx: Transaction, workspace: str, path: str, source: str) -> Origin:
    """The job and the run that made the files at `path`, where it names one of them."""
    match parse_reference(path) if path else None:
        case JobOutput(job=called):
            job = jobs.get(tx, workspace, called)
        case RunPath(run_id=called):
            job = jobs.get(tx, workspace, called) or jobs.of_mlflow_run(tx, workspace, called)
            if job is None:
                return Origin(run_id=called, source=source)
        case _:
            return Origin(source=source)
    return Origin(job.name, job.run_id, source) if job else Origin(source=source)


def note_use(tx: Transaction, actor: Actor, version: AssetVersion, *, is_made: bool, now: datetime) -> None:
    """Write down that the run which `actor` serves made or read a version; nothing for anybody else."""
    digest = version.manifest or str(version.properties.get(DIGEST, ""))
    name = f"{version.name}:{version.version}"
    promotion.note(tx, actor, version.workspace, version.kind, name, digest, is_made=is_made, now=now)


def get(tx: Transaction, actor: Actor, workspace: str, kind: Kind, name: str, version: str) -> AssetVersion:
    """One version: `version` is its text, or ``@latest`` or another ``@label``; raises `NotFound`."""
    workspaces.get(tx, actor, workspace)
    permit(actor, f"{kind}/read", workspace_scope(workspace))
    asked = Reference(name, label=version[1:]) if version.startswith("@") else Reference(name, version)
    if found := version_of(tx, workspace, kind, asked):
        return found
    shown = f"{name}{version}" if version.startswith("@") else f"{name}:{version}"
    raise NotFound(
        f"there is no {SINGULAR[kind]} {shown} in workspace {workspace!r}", hint=_list_hint(workspace, kind, name)
    )


def newest_of_each(
    tx: Transaction, actor: Actor, workspace: str, kind: Kind, *, archived: Archived = "no", limit: int | None = None
) -> list[Stored[ShownVersion]]:
    """The newest version of every name, by name, at most `limit` of them; a name is archived when its versions are."""
    workspaces.get(tx, actor, workspace)
    permit(actor, f"{kind}/read", workspace_scope(workspace))
    return assets.latest_of_each(tx, workspace, kind, archived=archived, limit=limit)


def versions(
    tx: Transaction, actor: Actor, workspace: str, kind: Kind, name: str, *, archived: Archived = "include"
) -> list[Stored[ShownVersion]]:
    """The versions of a name, newest first; raises `NotFound` for a name that does not exist."""
    workspaces.get(tx, actor, workspace)
    permit(actor, f"{kind}/read", workspace_scope(workspace))
    found = assets.shown_versions(tx, workspace, kind, name, archived=archived)
    if not found and assets.get(tx, workspace, kind, name) is None:
        raise NotFound(
            f"there is no {SINGULAR[kind]} {name!r} in workspace {workspace!r}", hint=_list_hint(workspace, kind)
        )
    return found


def update(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    kind: Kind,
    name: str,
    version: str,
    changes: Mapping[str, Any],
    *,
    now: datetime,
) -> AssetVersion:
    """Change words about a version: description, tags, properties, stage, is_archived; each whole.

    Of a component the `display_name` as well, which stands in its spec.
    Properties that the platform wrote (``pratique.*``) stay; giving one another
    value raises `InvalidInput`. Nothing is written when nothing changes.
    """
    known = get(tx, actor, workspace, kind, name, version)
    permit(actor, f"{kind}/write", workspace_scope(workspace))
    names = (*_CHANGEABLE, *(("display_name",) if kind == "components" else ()))
    check_changeable(changes, names, what=f"{name}:{known.version}")
    wanted = {key: value for key, value in changes.items() if key != "display_name"}
    if "display_name" in changes:
        wanted["spec"] = {**known.spec, "display_name": changes["display_name"]}
    if "properties" in wanted:
        wanted["properties"] = _with_own(known, wanted["properties"])
    changed = {key: value for key, value in wanted.items() if getattr(known, key) != value}
    if not changed:
        return known
    assets.change_version(tx, known.id, updated_at=now, **changed)
    said = sorted("display_name" if key == "spec" else key for key in changed)
    tell(tx, actor, "Pratique.AssetUpdated", known, now=now, data={"changed": said})
    return get(tx, actor, workspace, kind, name, known.version)


def delete(
    tx: Transaction, actor: Actor, workspace: str, kind: Kind, name: str, version: str, *, now: datetime
) -> None:
    """Remove one version; `Conflict` while a deployment uses it."""
    known = get(tx, actor, workspace, kind, name, version)
    permit(actor, f"{kind}/delete", workspace_scope(workspace))
    check_unused(tx, known)
    assets.remove_version(tx, known)
    tell(tx, actor, "Pratique.AssetDeleted", known, now=now)


def check_unused(tx: Transaction, version: AssetVersion) -> None:
    """Raise `Conflict` while a deployment or a component of the workspace uses `version`."""
    _check_no_component_names(tx, version)
    role = {"models": "model", "environments": "environment"}.get(version.kind, "")
    for deployment in deployments.in_workspace(tx, version.workspace):
        used = deployment.resolved.get(role) or {}
        if (used.get("name"), used.get("version")) == (version.name, version.version):
            raise Conflict(
                f"{SINGULAR[version.kind]} {version.name}:{version.version} is used by deployment "
                f"{deployment.endpoint}/{deployment.name}",
                hint=f"delete the deployment first: pratique ml online-deployment delete --name {deployment.name} "
                f"--endpoint-name {deployment.endpoint} --workspace-name {version.workspace} --yes",
            )


def _check_no_component_names(tx: Transaction, version: AssetVersion) -> None:
    """Raise `Conflict` while a component names `version`, which it does for good: see `control.components`."""
    text = f"azureml:{version.name}:{version.version}"
    for component in assets.all_versions(tx, version.workspace, "components"):
        if (version.kind, text) in _named_by(component.spec):
            raise Conflict(
                f"{SINGULAR[version.kind]} {version.name}:{version.version} is used by component "
                f"{component.name}:{component.version}",
                hint=f"delete the component first: pratique ml component delete --name {component.name} "
                f"--version {component.version} --workspace-name {version.workspace} --yes",
            )


def _named_by(spec: Any) -> set[tuple[str, str]]:
    """The kinds and references of all that a component, or a step in it, names."""
    if not isinstance(spec, Mapping):
        return set()
    named = {
        (kind, text)
        for kind, text in (("environments", spec.get("environment")), ("components", spec.get("component")))
        if isinstance(text, str)
    }
    paths = [given.get("path") for given in dict(spec.get("inputs") or {}).values() if isinstance(given, Mapping)]
    named |= {(kind, path) for path in paths if isinstance(path, str) for kind in ("data", "models")}
    inner = [spec.get("component"), *dict(spec.get("jobs") or {}).values()]
    return named.union(*map(_named_by, inner))


def tell(
    tx: Transaction,
    actor: Actor,
    event: str,
    version: AssetVersion,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about `version`."""
    facts = {
        "name": version.name,
        "version": version.version,
        "digest": version.properties.get(DIGEST, ""),
    }
    facts |= {"job_name": version.job_name} if version.job_name else {}
    subject = f"{version.kind}/{version.name}:{version.version}"
    scope = workspace_scope(version.workspace)
    events.append(tx, Event(event, subject, scope, actor.to_document(), {**facts, **(data or {})}), now=now)


def version_of(tx: Transaction, workspace: str, kind: Kind, reference: Reference) -> AssetVersion | None:
    """The version of `workspace` that `reference` names; no version and no label mean the newest."""
    if reference.version:
        return assets.version(tx, workspace, kind, reference.name, reference.version)
    if reference.label and reference.label != LATEST:
        text = assets.labels(tx, workspace, kind, reference.name).get(reference.label)
        return assets.version(tx, workspace, kind, reference.name, text) if text else None
    return assets.latest(tx, workspace, kind, reference.name)


def referenced(tx: Transaction, workspace: str, kinds: Sequence[Kind], text: str, *, key: str) -> AssetVersion:
    """The version that a spec means by `text` at `key`, in the first of `kinds` that has it.

    Raises `InvalidInput` when `text` names no asset of these kinds, `NotYet`
    for one of a registry or of another workspace, which must not be mistaken
    for one of the same name here, and `NotFound`.
    """
    reference = parse_reference(text)
    nouns = " or ".join(SINGULAR[kind] for kind in kinds)
    if not isinstance(reference, Reference) or reference.noun not in (None, *kinds):
        said = f"{text!r} does not name a {nouns}"
        hint = "azureml:NAME:VERSION or azureml:NAME@latest"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key=key, hint=hint)])
    if reference.registry or reference.workspace not in (None, workspace):
        place = f"registry {reference.registry!r}" if reference.registry else f"workspace {reference.workspace!r}"
        said = f"{text!r} belongs to {place}, and this version reads only from the workspace itself"
        hint = f"create it in workspace {workspace!r} and name it azureml:{reference.name}:VERSION"
        raise NotYet(said, hint=hint, problems=[Problem(said, key=key, hint=hint)])
    for kind in kinds:
        if found := version_of(tx, workspace, kind, reference):
            return found
    raise NotFound(
        f"{key}: there is no {nouns} {str(reference).removeprefix('azureml:')!r} in workspace {workspace!r}",
        hint=_list_hint(workspace, kinds[0]),
    )


def manifest_of(tx: Transaction, version: AssetVersion) -> Manifest:
    """The files of `version`; raises `NotFound` when it has none."""
    if found := holdings.manifest(tx, version.workspace, version.manifest or ""):
        return found
    raise NotFound(f"{SINGULAR[version.kind]} {version.name}:{version.version} has no files")


def _list_hint(workspace: str, kind: Kind, name: str = "") -> str:
    narrowed = f" --name {name}" if name else ""
    return f"pratique ml {VERB_NOUN[kind]} list{narrowed} --workspace-name {workspace}"


def _with_own(known: AssetVersion, properties: Mapping[str, str]) -> dict[str, str]:
    """`properties` with those that the platform wrote; raises `InvalidInput` when one is given another value."""
    own = {key: value for key, value in known.properties.items() if key.startswith("pratique.")}
    problems = [
        Problem("is written by the platform and cannot be changed", key=f"properties.{key}")
        for key, value in properties.items()
        if key.startswith("pratique.") and own.get(key) != value
    ]
    if problems:
        raise InvalidInput.of(problems, what=f"{known.name}:{known.version}")
    return {**properties, **own}


def _check_names(kind: Kind, name: str, version: str | None) -> None:
    said = [("name", problem_with_name("asset", name) if name else f"a {SINGULAR[kind]} needs a name")]
    if version is not None:
        said.append(("version", problem_with_name("version", version)))
    if problems := [Problem(text, key=key) for key, text in said if text]:
        raise InvalidInput.of(problems, what=SINGULAR[kind])


def _same_or_conflict(existing: AssetVersion, spec: Mapping[str, Any]) -> AssetVersion:
    if _content(existing.spec) == _content(spec):
        return existing
    raise AlreadyExists(
        f"{SINGULAR[existing.kind]} {existing.name}:{existing.version} exists with another content",
        hint="leave the version out to get the next number, or name a new one",
    )


def _content(spec: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in (spec.get("properties") or {}).items() if key in _SETTINGS}
    return {key: value for key, value in spec.items() if key not in _WORDS} | settings


def _laid_down(tx: Transaction, workspace: str, spec: Mapping[str, Any], *, now: datetime) -> str:
    """Lay an upload into the datastore that `spec` names and return where it lies; empty when it names none."""
    if not spec.get("datastore"):
        return ""
    path = str(spec.get("path") or "")
    if not isinstance(parse_reference(path), Upload):
        said = f"only files that are uploaded go into a datastore, and {path} is somewhere already"
        raise InvalidInput(said, hint="leave datastore out", problems=[Problem(said, key="datastore")])
    held = content.resolve(tx, workspace, path, now=now)
    return str(datastores.keep_upload(tx, workspace, str(spec["datastore"]), held.manifest, held.name, now=now))


def _digest(spec: Mapping[str, Any], pinned: Upload | None, facts: Mapping[str, str]) -> str:
    """What the version is: the digest of its files; without files, of its values."""
    if pinned:
        return pinned.digest
    said = {key: value for key, value in _content(spec).items() if key not in ("name", "version")} | dict(facts)
    return hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
