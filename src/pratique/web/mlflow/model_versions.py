"""MLflow's routes of model versions."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.control import artifacts, registry
from pratique.control.registry import LoggedModel, Registration, Source
from pratique.control.workspaces import tracking_of
from pratique.tracking.client import RunsClient
from pratique.web.mlflow.errors import MlflowRoute
from pratique.web.mlflow.registry_documents import version_answer, version_document
from pratique.web.mlflow.registry_words import Id, Key, Name, Reader, Remover, Tag, Text, Version, Writer, tags_of
from pratique.web.mlflow.sources import parse_source
from pratique.web.platform import Here, Platform

router = APIRouter(route_class=MlflowRoute)


class NewVersion(Name):
    """``model-versions/create``."""

    source: Annotated[str, Field(max_length=4096)]
    run_id: Id = ""
    run_link: Annotated[str, Field(max_length=1024)] = ""
    model_id: Id = ""
    description: Text = ""
    tags: list[Tag] = Field(default_factory=list)


@router.post("/model-versions/create")
def create_version(platform: Here, actor: Writer, workspace: str, said: NewVersion) -> dict[str, Any]:
    """Register files that the platform keeps as the next version."""
    tags = tags_of(said.tags)
    with platform.database.read() as tx:
        run_id = artifacts.run_called(tx, workspace, said.run_id) if said.run_id else ""
    claimed = said.run_id if said.source.startswith("runs:/") else run_id
    source = parse_source(said.source, run_id=claimed, model_id=said.model_id)
    run_id = run_id or _run_of(platform, workspace, source)
    words = Registration(said.source, run_id, said.model_id, said.run_link, said.description, tags)
    with platform.database.write() as tx:
        made = registry.register(tx, actor, workspace, said.name, source, words, now=utc_now())
    return {"model_version": version_document(made, {})}


@router.get("/model-versions/get")
def get_version(
    platform: Here,
    actor: Reader,
    workspace: str,
    name: Annotated[Id, Query()],
    version: Annotated[Id, Query()],
) -> dict[str, Any]:
    """One version."""
    return version_answer(platform, actor, workspace, name, version)


@router.get("/model-versions/get-download-uri")
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


@router.patch("/model-versions/update")
def describe_version(platform: Here, actor: Writer, workspace: str, said: VersionDescription) -> dict[str, Any]:
    """Change the description of a version."""
    with platform.database.write() as tx:
        registry.change(tx, actor, workspace, said.name, said.version, description=said.description, now=utc_now())
    return version_answer(platform, actor, workspace, said.name, said.version)


class Stage(Version):
    """``model-versions/transition-stage``."""

    stage: Id
    archive_existing_versions: bool = False


@router.post("/model-versions/transition-stage")
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
    return version_answer(platform, actor, workspace, said.name, said.version)


class VersionTag(Version, Tag):
    """``model-versions/set-tag``."""


class VersionKey(Version):
    """``model-versions/delete-tag``."""

    key: Key


@router.post("/model-versions/set-tag")
def set_version_tag(platform: Here, actor: Writer, workspace: str, said: VersionTag) -> dict[str, Any]:
    """Set a tag of a version."""
    with platform.database.write() as tx:
        registry.tag_version(tx, actor, workspace, said.name, said.version, said.key, said.value, now=utc_now())
    return {}


@router.delete("/model-versions/delete-tag")
def delete_version_tag(platform: Here, actor: Writer, workspace: str, said: VersionKey) -> dict[str, Any]:
    """Remove a tag of a version."""
    with platform.database.write() as tx:
        registry.tag_version(tx, actor, workspace, said.name, said.version, said.key, None, now=utc_now())
    return {}


@router.delete("/model-versions/delete")
def delete_version(platform: Here, actor: Remover, workspace: str, said: Version) -> dict[str, Any]:
    """Remove a version."""
    with platform.database.write() as tx:
        registry.delete_version(tx, actor, workspace, said.name, said.version, now=utc_now())
    return {}


def _run_of(platform: Platform, workspace: str, source: Source) -> str:
    """The run that logged a model of MLflow 3, which its clients leave to the server to know."""
    if not isinstance(source, LoggedModel):
        return ""
    runs = RunsClient(platform.tracking_socket, partial(tracking_of, platform.database))
    return runs.run_of_model(workspace, source.model_id)
