"""MLflow's REST of registered models and their versions, answered from our rows.

The same routes stand where clients of every age ask: ``api`` and ``ajax-api``
(the pages), with and without ``preview`` (clients of 1.30). A GET says what it
wants in its query, everything else in a JSON body.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from pratique.base.clock import utc_now
from pratique.base.errors import InvalidInput, NotYet
from pratique.control import artifacts, registry
from pratique.control.actor import Actor
from pratique.control.registry import LoggedModel, NamedModel, Registration, Source
from pratique.control.workspaces import tracking_of
from pratique.store.assets import AssetVersion
from pratique.tracking.client import RunsClient
from pratique.web.auth import allow
from pratique.web.mlflow.errors import MlflowRoute
from pratique.web.mlflow.filters import Fields, parse_filter, parse_order
from pratique.web.mlflow.sources import parse_source
from pratique.web.platform import Platform, platform_of

_verbs = APIRouter(route_class=MlflowRoute)
Here = Annotated[Platform, Depends(platform_of)]
Reader = Annotated[Actor, Depends(allow("models/read"))]
Writer = Annotated[Actor, Depends(allow("models/write"))]
Remover = Annotated[Actor, Depends(allow("models/delete"))]

_PROMPT: Final = "mlflow.prompt.is_prompt"
_MODEL_FIELDS: Final = Fields({"name": False})
_MODEL_ORDER: Final = Fields({"name": False, "timestamp": True, "last_updated_timestamp": True})
_VERSION_FIELDS: Final = Fields(
    {
        "name": False,
        "run_id": False,
        "source_path": False,
        "version_number": True,
        "creation_timestamp": True,
        "last_updated_timestamp": True,
    }
)
Key = Annotated[str, Field(min_length=1, max_length=250)]
Value = Annotated[str, Field(max_length=100_000)]
Text = Annotated[str, Field(max_length=100_000)]
Id = Annotated[str, Field(max_length=256)]


class Tag(BaseModel):
    """A key with a value."""

    key: Key
    value: Value = ""


class NewName(BaseModel):
    """``registered-models/create``."""

    name: Id
    tags: list[Tag] = []
    description: Text = ""


class Name(BaseModel):
    """Names a model."""

    name: Id


class Description(Name):
    """``registered-models/update``."""

    description: Text = ""


class NewVersion(Name):
    """``model-versions/create``."""

    source: Annotated[str, Field(max_length=4096)]
    run_id: Id = ""
    run_link: Annotated[str, Field(max_length=1024)] = ""
    model_id: Id = ""
    description: Text = ""
    tags: list[Tag] = []


class Version(Name):
    """Names a version."""

    version: Id


@_verbs.post("/registered-models/create")
def create_name(platform: Here, actor: Writer, workspace: str, said: NewName) -> dict[str, Any]:
    """Take a name."""
    tags = _tags(said.tags)
    with platform.database.write() as tx:
        made = registry.create_name(
            tx, actor, workspace, said.name, description=said.description, tags=tags, now=utc_now()
        )
    return {"registered_model": model_document(made)}


@_verbs.get("/registered-models/get")
def get_name(platform: Here, actor: Reader, workspace: str, name: Annotated[Id, Query()]) -> dict[str, Any]:
    """One model."""
    with platform.database.read() as tx:
        return {"registered_model": model_document(registry.get(tx, actor, workspace, name))}


@_verbs.patch("/registered-models/update")
def describe(platform: Here, actor: Writer, workspace: str, said: Description) -> dict[str, Any]:
    """Change the description."""
    with platform.database.write() as tx:
        changed = registry.describe(tx, actor, workspace, said.name, said.description, now=utc_now())
    return {"registered_model": model_document(changed)}


class NewNameOf(Name):
    """``registered-models/rename``."""

    new_name: Id


@_verbs.post("/registered-models/rename")
def rename(platform: Here, actor: Writer, workspace: str, said: NewNameOf) -> dict[str, Any]:
    """Give a model another name."""
    with platform.database.write() as tx:
        renamed = registry.rename(tx, actor, workspace, said.name, said.new_name, now=utc_now())
    return {"registered_model": model_document(renamed)}


@_verbs.delete("/registered-models/delete")
def delete_name(platform: Here, actor: Remover, workspace: str, said: Name) -> dict[str, Any]:
    """Remove a model with all its versions."""
    with platform.database.write() as tx:
        registry.delete(tx, actor, workspace, said.name, now=utc_now())
    return {}


@_verbs.get("/registered-models/search")
@_verbs.get("/registered-models/list")
def search_names(
    platform: Here,
    actor: Reader,
    workspace: str,
    filter: Annotated[str, Query()] = "",  # noqa: A002 - MLflow's word.
    max_results: Annotated[int, Query(ge=1, le=1000)] = 100,
    order_by: Annotated[list[str] | None, Query()] = None,
    page_token: Annotated[str, Query()] = "",
) -> dict[str, Any]:
    """The models that fit a filter, a page at a time."""
    with platform.database.read() as tx:
        every = registry.every(tx, actor, workspace)
    fits, ordered = parse_filter(filter, _MODEL_FIELDS), parse_order(order_by or [], _MODEL_ORDER)
    rows = [
        {
            "name": one.asset.name,
            "tags": one.asset.tags,
            "timestamp": _millis(_touched(one)),
            "last_updated_timestamp": _millis(_touched(one)),
            "found": one,
        }
        for one in every
    ]
    page, token = _page(ordered([row for row in rows if fits(row)]), max_results, page_token)
    return {"registered_models": [model_document(row["found"]) for row in page]} | token


class Latest(Name):
    """``registered-models/get-latest-versions``."""

    stages: list[str] = []


@_verbs.post("/registered-models/get-latest-versions")
def latest_versions(platform: Here, actor: Reader, workspace: str, said: Latest) -> dict[str, Any]:
    """The newest version of each stage."""
    with platform.database.read() as tx:
        found = registry.get(tx, actor, workspace, said.name)
    return {"model_versions": [version_document(one, found.aliases) for one in found.newest_of(said.stages)]}


@_verbs.get("/registered-models/get-latest-versions")
def latest_versions_by_query(
    platform: Here,
    actor: Reader,
    workspace: str,
    name: Annotated[Id, Query()],
    stages: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """The same, asked by GET."""
    return latest_versions(platform, actor, workspace, Latest(name=name, stages=stages or []))


class NameTag(Name, Tag):
    """``registered-models/set-tag``."""


class NameKey(Name):
    """``registered-models/delete-tag``."""

    key: Key


@_verbs.post("/registered-models/set-tag")
def set_tag(platform: Here, actor: Writer, workspace: str, said: NameTag) -> dict[str, Any]:
    """Set a tag of a model."""
    _refuse_prompt({said.key: said.value})
    with platform.database.write() as tx:
        registry.tag(tx, actor, workspace, said.name, said.key, said.value, now=utc_now())
    return {}


@_verbs.delete("/registered-models/delete-tag")
def delete_tag(platform: Here, actor: Writer, workspace: str, said: NameKey) -> dict[str, Any]:
    """Remove a tag of a model."""
    with platform.database.write() as tx:
        registry.tag(tx, actor, workspace, said.name, said.key, None, now=utc_now())
    return {}


class Alias(Name):
    """``registered-models/alias``, DELETE."""

    alias: Id


class AliasOf(Alias):
    """``registered-models/alias``, POST."""

    version: Id


@_verbs.post("/registered-models/alias")
def set_alias(platform: Here, actor: Writer, workspace: str, said: AliasOf) -> dict[str, Any]:
    """Let an alias mean a version."""
    with platform.database.write() as tx:
        registry.set_alias(tx, actor, workspace, said.name, said.alias, said.version, now=utc_now())
    return {}


@_verbs.delete("/registered-models/alias")
def delete_alias(platform: Here, actor: Writer, workspace: str, said: Alias) -> dict[str, Any]:
    """Forget an alias."""
    with platform.database.write() as tx:
        registry.remove_alias(tx, actor, workspace, said.name, said.alias, now=utc_now())
    return {}


@_verbs.get("/registered-models/alias")
def get_by_alias(
    platform: Here, actor: Reader, workspace: str, name: Annotated[Id, Query()], alias: Annotated[Id, Query()]
) -> dict[str, Any]:
    """The version that an alias means."""
    return _version(platform, actor, workspace, name, f"@{alias}")


@_verbs.post("/model-versions/create")
def create_version(platform: Here, actor: Writer, workspace: str, said: NewVersion) -> dict[str, Any]:
    """Register files that the platform keeps as the next version."""
    tags = _tags(said.tags)
    with platform.database.read() as tx:
        run_id = artifacts.run_called(tx, workspace, said.run_id) if said.run_id else ""
    claimed = said.run_id if said.source.startswith("runs:/") else run_id
    source = parse_source(said.source, run_id=claimed, model_id=said.model_id)
    run_id = run_id or _run_of(platform, workspace, source)
    words = Registration(said.source, run_id, said.model_id, said.run_link, said.description, tags)
    with platform.database.write() as tx:
        made = registry.register(tx, actor, workspace, said.name, source, words, now=utc_now())
    return {"model_version": version_document(made, {})}


@_verbs.get("/model-versions/get")
def get_version(
    platform: Here,
    actor: Reader,
    workspace: str,
    name: Annotated[Id, Query()],
    version: Annotated[Id, Query()],
) -> dict[str, Any]:
    """One version."""
    return _version(platform, actor, workspace, name, version)


@_verbs.get("/model-versions/get-download-uri")
def download_uri(
    platform: Here,
    actor: Reader,
    workspace: str,
    name: Annotated[Id, Query()],
    version: Annotated[Id, Query()],
) -> dict[str, Any]:
    """Where the files of a version are read: a tree that nobody can write."""
    with platform.database.read() as tx:
        found = registry.version(tx, actor, workspace, name, version)
    return {"artifact_uri": f"mlflow-artifacts:/{registry.read_only_root(found)}"}


class VersionDescription(Version):
    """``model-versions/update``."""

    description: Text | None = None


@_verbs.patch("/model-versions/update")
def describe_version(platform: Here, actor: Writer, workspace: str, said: VersionDescription) -> dict[str, Any]:
    """Change the description of a version."""
    with platform.database.write() as tx:
        registry.change(tx, actor, workspace, said.name, said.version, description=said.description, now=utc_now())
    return _version(platform, actor, workspace, said.name, said.version)


class Stage(Version):
    """``model-versions/transition-stage``."""

    stage: Id
    archive_existing_versions: bool = False


@_verbs.post("/model-versions/transition-stage")
def transition(platform: Here, actor: Writer, workspace: str, said: Stage) -> dict[str, Any]:
    """Move a version to a stage."""
    with platform.database.write() as tx:
        registry.transition(
            tx,
            actor,
            workspace,
            said.name,
            said.version,
            said.stage,
            archive_others=said.archive_existing_versions,
            now=utc_now(),
        )
    return _version(platform, actor, workspace, said.name, said.version)


class VersionTag(Version, Tag):
    """``model-versions/set-tag``."""


class VersionKey(Version):
    """``model-versions/delete-tag``."""

    key: Key


@_verbs.post("/model-versions/set-tag")
def set_version_tag(platform: Here, actor: Writer, workspace: str, said: VersionTag) -> dict[str, Any]:
    """Set a tag of a version."""
    with platform.database.write() as tx:
        registry.tag_version(tx, actor, workspace, said.name, said.version, said.key, said.value, now=utc_now())
    return {}


@_verbs.delete("/model-versions/delete-tag")
def delete_version_tag(platform: Here, actor: Writer, workspace: str, said: VersionKey) -> dict[str, Any]:
    """Remove a tag of a version."""
    with platform.database.write() as tx:
        registry.tag_version(tx, actor, workspace, said.name, said.version, said.key, None, now=utc_now())
    return {}


@_verbs.delete("/model-versions/delete")
def delete_version(platform: Here, actor: Remover, workspace: str, said: Version) -> dict[str, Any]:
    """Remove a version."""
    with platform.database.write() as tx:
        registry.delete_version(tx, actor, workspace, said.name, said.version, now=utc_now())
    return {}


@_verbs.get("/model-versions/search")
def search_versions(
    platform: Here,
    actor: Reader,
    workspace: str,
    filter: Annotated[str, Query()] = "",  # noqa: A002 - MLflow's word.
    max_results: Annotated[int, Query(ge=1, le=200_000)] = 10_000,
    order_by: Annotated[list[str] | None, Query()] = None,
    page_token: Annotated[str, Query()] = "",
) -> dict[str, Any]:
    """The versions that fit a filter, a page at a time; those that changed last come first."""
    with platform.database.read() as tx:
        every = registry.every(tx, actor, workspace)
    fits, ordered = parse_filter(filter, _VERSION_FIELDS), parse_order(order_by or [], _VERSION_FIELDS)
    rows: list[dict[str, Any]] = [
        {
            "name": one.name,
            "run_id": one.run_id,
            "source_path": one.source,
            "version_number": one.ordinal or 0,
            "creation_timestamp": _millis(one.created_at),
            "last_updated_timestamp": _millis(one.updated_at),
            "tags": one.tags,
            "found": one,
            "aliases": model.aliases,
        }
        for model in every
        for one in model.versions
    ]
    rows.sort(key=lambda row: row["version_number"], reverse=True)
    rows.sort(key=lambda row: row["name"])
    rows.sort(key=lambda row: row["last_updated_timestamp"], reverse=True)
    page, token = _page(ordered([row for row in rows if fits(row)]), max_results, page_token)
    return {"model_versions": [version_document(row["found"], row["aliases"]) for row in page]} | token


def model_document(model: NamedModel) -> dict[str, Any]:
    """A model as MLflow's JSON."""
    asset = model.asset
    return {
        "name": asset.name,
        "creation_timestamp": _millis(asset.created_at),
        "last_updated_timestamp": _millis(_touched(model)),
        "description": asset.description,
        "latest_versions": [version_document(one, model.aliases) for one in model.newest_of()],
        "tags": _pairs(asset.tags),
        "aliases": [{"alias": alias, "version": version} for alias, version in model.aliases.items()],
    }


def version_document(version: AssetVersion, aliases: Mapping[str, str]) -> dict[str, Any]:
    """A version as MLflow's JSON; `aliases` are those of its model."""
    document = {
        "name": version.name,
        "version": version.version,
        "creation_timestamp": _millis(version.created_at),
        "last_updated_timestamp": _millis(version.updated_at),
        "user_id": str(version.created_by.get("name", "")),
        "current_stage": version.stage,
        "description": version.description,
        "source": version.source,
        "run_id": version.run_id,
        "status": "READY",
        "run_link": version.properties.get(registry.RUN_LINK, ""),
        "model_id": version.properties.get(registry.MODEL_ID, ""),
        "tags": _pairs({**_found_out(version), **version.tags}),
        "aliases": [alias for alias, text in aliases.items() if text == version.version],
    }
    return {key: value for key, value in document.items() if value != ""}


def _found_out(version: AssetVersion) -> dict[str, str]:
    """What the platform found out about a version: each in a sentence, and where MLflow's clients get the report."""
    told: dict[str, str] = {}
    for key in version.properties:
        name = key.removesuffix(".report")
        if name != key and name in version.properties:
            root = artifacts.report_root(version.name, version.version, name)
            told |= {name: version.properties[name], key: f"mlflow-artifacts:/{root}"}
    return told


def _version(platform: Platform, actor: Actor, workspace: str, name: str, text: str) -> dict[str, Any]:
    with platform.database.read() as tx:
        model = registry.get(tx, actor, workspace, name)
        found = registry.version(tx, actor, workspace, name, text)
    return {"model_version": version_document(found, model.aliases)}


def _run_of(platform: Platform, workspace: str, source: Source) -> str:
    """The run that logged a model of MLflow 3, which its clients leave to the server to know."""
    if not isinstance(source, LoggedModel):
        return ""
    runs = RunsClient(platform.tracking_socket, partial(tracking_of, platform.database))
    return runs.run_of_model(workspace, source.model_id)


def _tags(tags: Sequence[Tag]) -> dict[str, str]:
    found = {tag.key: tag.value for tag in tags}
    _refuse_prompt(found)
    return found


def _refuse_prompt(tags: Mapping[str, str]) -> None:
    if tags.get(_PROMPT, "").lower() == "true":
        raise NotYet("prompts are not kept by this registry yet, only models are")


def _touched(model: NamedModel) -> datetime:
    return max([model.asset.updated_at, *(one.updated_at for one in model.versions)])


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _page(rows: Sequence[Any], size: int, token: str) -> tuple[Sequence[Any], dict[str, str]]:
    """One page of `rows`, and the token of the next one when there is one."""
    try:
        start = int(base64.urlsafe_b64decode(token)) if token else 0
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(f"{token[:80]!r} is not a page token of this server") from error
    end = max(start, 0) + size
    following = {"next_page_token": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(rows) else {}
    return rows[max(start, 0) : end], following


router = APIRouter(include_in_schema=False)
for _prefix in ("api/2.0", "api/2.0/preview", "ajax-api/2.0", "ajax-api/2.0/preview"):
    router.include_router(_verbs, prefix=f"/mlflow/{{workspace}}/{_prefix}/mlflow")
