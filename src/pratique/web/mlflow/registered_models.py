"""MLflow's routes of registered models: names, their tags and aliases."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from pratique.base.clock import utc_now
from pratique.control import registry
from pratique.web.mlflow.errors import MlflowRoute
from pratique.web.mlflow.registry_documents import model_document, version_answer, version_document
from pratique.web.mlflow.registry_words import (
    Id,
    Key,
    Name,
    Reader,
    Remover,
    Tag,
    Text,
    Writer,
    refuse_prompt,
    tags_of,
)
from pratique.web.platform import Here

router = APIRouter(route_class=MlflowRoute)


class NewName(BaseModel):
    """``registered-models/create``."""

    name: Id
    tags: list[Tag] = Field(default_factory=list)
    description: Text = ""


class Description(Name):
    """``registered-models/update``."""

    description: Text = ""


@router.post("/registered-models/create")
def create_name(platform: Here, actor: Writer, workspace: str, said: NewName) -> dict[str, Any]:
    """Take a name."""
    tags = tags_of(said.tags)
    with platform.database.write() as tx:
        made = registry.create_name(
            tx, actor, workspace, said.name, description=said.description, tags=tags, now=utc_now()
        )
    return {"registered_model": model_document(made)}


@router.get("/registered-models/get")
def get_name(platform: Here, actor: Reader, workspace: str, name: Annotated[Id, Query()]) -> dict[str, Any]:
    """One model."""
    with platform.database.read() as tx:
        return {"registered_model": model_document(registry.get(tx, actor, workspace, name))}


@router.patch("/registered-models/update")
def describe(platform: Here, actor: Writer, workspace: str, said: Description) -> dict[str, Any]:
    """Change the description."""
    with platform.database.write() as tx:
        changed = registry.describe(tx, actor, workspace, said.name, said.description, now=utc_now())
    return {"registered_model": model_document(changed)}


class NewNameOf(Name):
    """``registered-models/rename``."""

    new_name: Id


@router.post("/registered-models/rename")
def rename(platform: Here, actor: Writer, workspace: str, said: NewNameOf) -> dict[str, Any]:
    """Give a model another name."""
    with platform.database.write() as tx:
        renamed = registry.rename(tx, actor, workspace, said.name, said.new_name, now=utc_now())
    return {"registered_model": model_document(renamed)}


@router.delete("/registered-models/delete")
def delete_name(platform: Here, actor: Remover, workspace: str, said: Name) -> dict[str, Any]:
    """Remove a model with all its versions."""
    with platform.database.write() as tx:
        registry.delete(tx, actor, workspace, said.name, now=utc_now())
    return {}


class Latest(Name):
    """``registered-models/get-latest-versions``."""

    stages: list[str] = Field(default_factory=list)


@router.post("/registered-models/get-latest-versions")
def latest_versions(platform: Here, actor: Reader, workspace: str, said: Latest) -> dict[str, Any]:
    """The newest version of each stage."""
    with platform.database.read() as tx:
        found = registry.get(tx, actor, workspace, said.name)
    return {"model_versions": [version_document(one, found.aliases) for one in found.newest_of(said.stages)]}


@router.get("/registered-models/get-latest-versions")
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


@router.post("/registered-models/set-tag")
def set_tag(platform: Here, actor: Writer, workspace: str, said: NameTag) -> dict[str, Any]:
    """Set a tag of a model."""
    refuse_prompt({said.key: said.value})
    with platform.database.write() as tx:
        registry.tag(tx, actor, workspace, said.name, said.key, said.value, now=utc_now())
    return {}


@router.delete("/registered-models/delete-tag")
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


@router.post("/registered-models/alias")
def set_alias(platform: Here, actor: Writer, workspace: str, said: AliasOf) -> dict[str, Any]:
    """Let an alias mean a version."""
    with platform.database.write() as tx:
        registry.set_alias(tx, actor, workspace, said.name, said.alias, said.version, now=utc_now())
    return {}


@router.delete("/registered-models/alias")
def delete_alias(platform: Here, actor: Writer, workspace: str, said: Alias) -> dict[str, Any]:
    """Forget an alias."""
    with platform.database.write() as tx:
        registry.remove_alias(tx, actor, workspace, said.name, said.alias, now=utc_now())
    return {}


@router.get("/registered-models/alias")
def get_by_alias(
    platform: Here, actor: Reader, workspace: str, name: Annotated[Id, Query()], alias: Annotated[Id, Query()]
) -> dict[str, Any]:
    """The version that an alias means."""
    return version_answer(platform, actor, workspace, name, f"@{alias}")
