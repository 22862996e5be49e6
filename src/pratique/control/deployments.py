"""Online deployments: a model version behind an endpoint, by digest from the moment of the wish."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pratique.base.errors import Conflict, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control import content, endpoints, environments
from pratique.control.actor import Actor
from pratique.control.assets import version_of
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.references import Asset, parse_reference
from pratique.store import deployments, events
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.events import Event


def write(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    endpoint_name: str,
    spec: Mapping[str, Any],
    *,
    all_traffic: bool,
    now: datetime,
) -> OnlineDeployment:
    """Make the deployment that `spec` describes, or wish a new generation of the one of its name."""
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    permit(actor, "deployments/write", workspace_scope(workspace))
    name = check_name("deployment", str(spec["name"]))
    if endpoint.provisioning_state == "Deleting":
        raise NotFound(f"online endpoint {endpoint_name!r} is being deleted")
    resolved = _resolved(tx, workspace, spec, now=now)
    known = deployments.get(tx, endpoint.id, name)
    if known is None:
        deployment = OnlineDeployment(
            id=new_id(),
            endpoint_id=endpoint.id,
            workspace=workspace,
            endpoint=endpoint_name,
            name=name,
            spec=dict(spec),
            resolved=resolved,
            all_traffic=all_traffic,
            provisioning_state="Creating",
            error=None,
            generation=1,
            applied=0,
            restarts=0,
            timings={},
            created_at=now,
            updated_at=now,
            created_by=actor.to_document(),
        )
        deployments.add(tx, deployment)
        tell(tx, actor, "Pratique.DeploymentCreated", deployment, now=now)
        return deployment
    if known.provisioning_state == "Deleting":
        raise Conflict(f"deployment {name!r} is being deleted", hint="wait until it is gone, or choose another name")
    deployments.change(
        tx,
        known.id,
        spec=dict(spec),
        resolved=resolved,
        all_traffic=all_traffic,
        provisioning_state="Updating",
        error=None,
        generation=known.generation + 1,
        updated_at=now,
    )
    tell(tx, actor, "Pratique.DeploymentUpdated", known, now=now)
    return get(tx, actor, workspace, endpoint_name, name)


def get(tx: Transaction, actor: Actor, workspace: str, endpoint_name: str, name: str) -> OnlineDeployment:
    """The deployment called `name` of an endpoint; raises `NotFound`."""
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    permit(actor, "deployments/read", workspace_scope(workspace))
    if deployment := deployments.get(tx, endpoint.id, name):
        return deployment
    raise NotFound(
        f"online endpoint {endpoint_name!r} has no deployment {name!r}",
        hint=f"pratique ml online-deployment list --endpoint-name {endpoint_name}",
    )


def every(tx: Transaction, actor: Actor, workspace: str, endpoint_name: str) -> list[OnlineDeployment]:
    """The deployments of an endpoint, by name."""
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    permit(actor, "deployments/read", workspace_scope(workspace))
    return deployments.of_endpoint(tx, endpoint.id)


def delete(
    tx: Transaction, actor: Actor, workspace: str, endpoint_name: str, name: str, *, now: datetime
) -> OnlineDeployment:
    """Let a deployment go; `Conflict` while the endpoint sends it traffic."""
    known = get(tx, actor, workspace, endpoint_name, name)
    permit(actor, "deployments/delete", workspace_scope(workspace))
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    share = endpoint.traffic.get(name, 0) or endpoint.mirror_traffic.get(name, 0)
    if share:
        raise Conflict(
            f"deployment {name!r} takes {share} % of the traffic of {endpoint_name!r}",
            hint=f'take it away first: pratique ml online-endpoint update --name {endpoint_name} --traffic "{name}=0"',
        )
    if known.provisioning_state != "Deleting":
        deployments.change(tx, known.id, generation=known.generation + 1, provisioning_state="Deleting", updated_at=now)
        tell(tx, actor, "Pratique.DeploymentDeleteRequested", known, now=now)
    return get(tx, actor, workspace, endpoint_name, name)


def tell(
    tx: Transaction,
    actor: Actor,
    event: str,
    deployment: OnlineDeployment,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about `deployment`."""
    model = deployment.resolved.get("model") or {}
    facts = {"model": f"{model.get('name')}:{model.get('version')}", "digest": model.get("manifest")} if model else {}
    subject = f"endpoints/{deployment.endpoint}/deployments/{deployment.name}"
    scope = workspace_scope(deployment.workspace)
    events.append(tx, Event(event, subject, scope, actor.to_document(), {**facts, **(data or {})}), now=now)


def _resolved(tx: Transaction, workspace: str, spec: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    model = _model(tx, workspace, spec.get("model"), now=now)
    code = _code(tx, workspace, spec.get("code_configuration"), now=now)
    is_mlflow = bool(model) and model["type"] == "mlflow_model"
    if code is None and not is_mlflow:
        said = "a deployment needs a scoring script unless its model is of type mlflow_model"
        hint = "add code_configuration: {code: ./score, scoring_script: score.py}"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key="code_configuration", hint=hint)])
    if not spec.get("environment") and not is_mlflow:
        said = "a deployment needs an environment unless its model is of type mlflow_model"
        raise InvalidInput(said, problems=[Problem(said, key="environment", hint="azureml:NAME@latest")])
    wanted = spec.get("environment")
    environment = environments.resolve(tx, workspace, wanted) if wanted else None
    return {"model": model, "code": code, "environment": environment}


def _model(tx: Transaction, workspace: str, wanted: Any, *, now: datetime) -> dict[str, Any]:
    """The model of a deployment: registered, or given inline with its path; empty when there is none."""
    if not wanted:
        return {}
    if isinstance(wanted, Mapping):
        held = content.resolve(tx, workspace, str(wanted["path"]), now=now, key="model.path")
        kind = str(wanted.get("type") or "custom_model")
        return {
            "name": "",
            "version": "",
            "type": kind,
            "manifest": held.manifest.digest,
            "path_name": held.name,
        }
    reference = parse_reference(str(wanted))
    if not isinstance(reference, Asset):
        said = f"{wanted!r} does not name a model"
        hint = "azureml:NAME:VERSION or azureml:NAME@latest"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key="model", hint=hint)])
    found = version_of(tx, workspace, "models", reference)
    if found is None:
        raise NotFound(
            f"model: there is no model {wanted!r} in workspace {workspace!r}",
            hint=f"pratique ml model list --workspace-name {workspace}",
        )
    held = content.resolve(tx, workspace, found.path, now=now, key="model")
    return {
        "name": found.name,
        "version": found.version,
        "type": found.type or "custom_model",
        "manifest": held.manifest.digest,
        "path_name": held.name,
    }


def _code(tx: Transaction, workspace: str, wanted: Any, *, now: datetime) -> dict[str, Any] | None:
    if not wanted:
        return None
    held = content.resolve(tx, workspace, str(wanted["code"]), now=now, key="code_configuration.code")
    script = str(wanted.get("scoring_script") or "")
    if script not in {entry.path for entry in held.manifest.entries}:
        said = f"the code folder has no file {script!r}"
        raise InvalidInput(said, problems=[Problem(said, key="code_configuration.scoring_script")])
    return {"manifest": held.manifest.digest, "scoring_script": script}
