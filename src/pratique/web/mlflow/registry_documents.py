"""Registered models and their versions as MLflow's JSON."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pratique.control import artifacts, registry
from pratique.control.actor import Actor
from pratique.control.registry import NamedModel
from pratique.store.assets import AssetVersion
from pratique.web.platform import Platform


def model_document(model: NamedModel) -> dict[str, Any]:
    """A model as MLflow's JSON."""
    asset = model.asset
    return {
        "name": asset.name,
        "creation_timestamp": millis(asset.created_at),
        "last_updated_timestamp": millis(touched(model)),
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
        "creation_timestamp": millis(version.created_at),
        "last_updated_timestamp": millis(version.updated_at),
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


def version_answer(platform: Platform, actor: Actor, workspace: str, name: str, text: str) -> dict[str, Any]:
    """The answer about one version, by its text or ``@alias``."""
    with platform.database.read() as tx:
        model = registry.get(tx, actor, workspace, name)
        found = registry.version(tx, actor, workspace, name, text)
    return {"model_version": version_document(found, model.aliases)}


def touched(model: NamedModel) -> datetime:
    """When a model or a version of it was last changed."""
    return max([model.asset.updated_at, *(one.updated_at for one in model.versions)])


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def millis(moment: datetime) -> int:
    """A moment as MLflow writes it."""
    return int(moment.timestamp() * 1000)
