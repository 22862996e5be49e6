"""Online deployments: a model version behind an endpoint, by digest from the moment of the wish."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import Conflict, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control import content, demands, endpoints, environments, promotion, workspaces
from pratique.control.actor import Actor
from pratique.control.assets import referenced
from pratique.control.lookups import Lookups
from pratique.control.permissions import endpoint_scope, permit, workspace_scope
from pratique.store import deployments, events
from pratique.store import endpoints as stored_endpoints
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.events import Event

_EXAMPLES: Final = {
    "code_configuration": "code_configuration: {code: ./score, scoring_script: score.py}",
    "environment": "environment: azureml:NAME@latest",
}
_SHOWN: Final = 10
"""Files of a code folder that a hint names."""


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
    """Make the deployment that `spec` describes, or wish that the one of its name becomes so.

    With `all_traffic`, the endpoint sends it everything once it is ready. A change
    of what runs is a new revision; a change of the number of replicas, a limit or
    a tag keeps those which run. Asked for again without any change it starts again:
    that is how replicas are restarted.
    """
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    permit(actor, "deployments/write", endpoint_scope(workspace, endpoint_name))
    name = check_name("deployment", str(spec["name"]))
    endpoints.check_not_going(endpoint)
    resolved = _resolved(tx, actor, workspace, spec, now=now)
    known = deployments.get(tx, endpoint.id, name)
    _check_promotion(tx, actor, known, workspace, f"deployment {endpoint_name}/{name}", resolved, now=now)
    demands.check_deployed(tx, workspace, resolved.get("model") or {}, what=f"deployment {endpoint_name}/{name}")
    wish = _Wish(dict(spec), resolved, all_traffic=all_traffic)
    if known is None:
        return _add(tx, actor, endpoint, name, wish, now=now)
    _change(tx, actor, known, wish, now=now)
    return get(tx, actor, workspace, endpoint_name, name)


@dataclass(frozen=True)
class _Wish:
    """What a deployment should be."""

    spec: Mapping[str, Any]
    resolved: Mapping[str, Any]
    """What its references mean, by digest."""
    all_traffic: bool


def _add(
    tx: Transaction, actor: Actor, endpoint: OnlineEndpoint, name: str, wish: _Wish, *, now: datetime
) -> OnlineDeployment:
    """Wish a deployment that is not there yet."""
    deployment = OnlineDeployment(
        **vars(wish),
        id=new_id(),
        endpoint_id=endpoint.id,
        workspace=endpoint.workspace,
        endpoint=endpoint.name,
        name=name,
        provisioning_state="Creating",
        error=None,
        generation=1,
        revision=1,
        applied=0,
        applied_spec={},
        timings={},
        retire_at=None,
        created_at=now,
        updated_at=now,
        created_by=actor.to_document(),
    )
    deployments.add(tx, deployment)
    tell(tx, actor, "Pratique.DeploymentCreated", deployment, now=now)
    return deployment


def _change(tx: Transaction, actor: Actor, known: OnlineDeployment, wish: _Wish, *, now: datetime) -> None:
    """Wish that `known` becomes another; `Conflict` while it is being deleted."""
    if known.is_going:
        hint = "wait until it is gone, or choose another name"
        raise Conflict(f"deployment {known.name!r} is being deleted", hint=hint)
    changed = dict(
        vars(wish),
        provisioning_state="Updating",
        error=None,
        generation=known.generation + 1,
        revision=known.revision if _runs_on(known, wish) else known.generation + 1,
        retire_at=None,
        updated_at=now,
    )
    deployments.change(tx, known.id, **changed)
    tell(tx, actor, "Pratique.DeploymentUpdated", replace(known, **changed), now=now)


def get(tx: Transaction, actor: Actor, workspace: str, endpoint_name: str, name: str) -> OnlineDeployment:
    """The deployment called `name` of an endpoint; raises `NotFound`."""
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    permit(actor, "deployments/read", endpoint_scope(workspace, endpoint_name))
    if deployment := deployments.get(tx, endpoint.id, name):
        return deployment
    raise NotFound(
        f"online endpoint {endpoint_name!r} has no deployment {name!r}",
        hint=f"pratique ml online-deployment list --endpoint-name {endpoint_name}",
    )


def every(tx: Transaction, actor: Actor, workspace: str, endpoint_name: str) -> list[OnlineDeployment]:
    """The deployments of an endpoint, by name."""
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    permit(actor, "deployments/read", endpoint_scope(workspace, endpoint_name))
    return deployments.of_endpoint(tx, endpoint.id)


def in_workspace(tx: Transaction, actor: Actor, workspace: str) -> list[OnlineDeployment]:
    """The deployments of every endpoint of a workspace."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "deployments/read", workspace_scope(workspace))
    return deployments.in_workspace(tx, workspace)


def delete(
    tx: Transaction, actor: Actor, workspace: str, endpoint_name: str, name: str, *, now: datetime
) -> OnlineDeployment:
    """Let a deployment go; `Conflict` while the endpoint sends it traffic."""
    known = get(tx, actor, workspace, endpoint_name, name)
    permit(actor, "deployments/delete", endpoint_scope(workspace, endpoint_name))
    endpoint = endpoints.get(tx, actor, workspace, endpoint_name)
    _check_without_traffic(endpoint, name)
    _let_go(tx, actor, known, now=now)
    return get(tx, actor, workspace, endpoint_name, name)


def retire(tx: Transaction, actor: Actor, id: str, *, now: datetime) -> None:  # noqa: A002 - the column's name.
    """Let a deployment go whose time is over since another was promoted; one that has traffic again stays."""
    known = deployments.by_id(tx, id)
    if known is None or known.retire_at is None or known.retire_at > now:
        return
    endpoint = stored_endpoints.by_id(tx, known.endpoint_id)
    if endpoint and (endpoint.traffic.get(known.name) or endpoint.mirror_traffic.get(known.name)):
        deployments.change(tx, known.id, retire_at=None, updated_at=now)
        return
    _let_go(tx, actor, known, now=now)


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
    model, code = deployment.resolved.get("model") or {}, deployment.resolved.get("code") or {}
    facts = {"model": f"{model.get('name')}:{model.get('version')}", "digest": model.get("manifest")} if model else {}
    facts |= {"code": code["manifest"]} if code else {}
    subject = f"endpoints/{deployment.endpoint}/deployments/{deployment.name}"
    scope = workspace_scope(deployment.workspace)
    events.append(tx, Event(event, subject, scope, actor.to_document(), {**facts, **(data or {})}), now=now)


def _let_go(tx: Transaction, actor: Actor, known: OnlineDeployment, *, now: datetime) -> None:
    if known.is_going:
        return
    deployments.change(tx, known.id, generation=known.generation + 1, provisioning_state="Deleting", updated_at=now)
    tell(tx, actor, "Pratique.DeploymentDeleteRequested", known, now=now)


def _check_promotion(
    tx: Transaction,
    actor: Actor,
    known: OnlineDeployment | None,
    workspace: str,
    what: str,
    resolved: Mapping[str, Any],
    *,
    now: datetime,
) -> None:
    """Where only what was approved may come in, this is; what is there already may be scaled and restarted."""
    digest = (resolved.get("model") or {}).get("manifest")
    if known is None or (known.resolved.get("model") or {}).get("manifest") != digest:
        promotion.check_deployed(tx, actor, workspace, digest, what=what)
    model = resolved.get("model") or {}
    named = f"{model.get('name') or what}:{model.get('version') or ''}"
    promotion.note(tx, actor, workspace, promotion.MODELS, named, digest, is_made=False, now=now)
    whole = promotion.digest_of(resolved)
    promotion.note(tx, actor, workspace, promotion.DEPLOYMENTS, what.split()[-1], whole, is_made=True, now=now)


def _runs_on(known: OnlineDeployment, wish: _Wish) -> bool:
    """Whether the processes of `known` are those that are wished: only their number, a limit or a tag differs."""
    is_there = known.applied == known.revision or known.is_in_work
    is_same = wish.spec == known.spec and wish.resolved == known.resolved
    return is_there and not is_same and _what_runs(wish.spec, wish.resolved) == _what_runs(known.spec, known.resolved)


def _what_runs(spec: Mapping[str, Any], resolved: Mapping[str, Any]) -> dict[str, Any]:
    """What a process is made of: our own settings in tags as well, and how long a call may take."""
    settings = spec.get("request_settings") or {}
    return {
        **resolved,
        "own": {key: value for key, value in (spec.get("tags") or {}).items() if key.startswith("pratique.")},
        "variables": spec.get("environment_variables") or {},
        "request_timeout_ms": settings.get("request_timeout_ms"),
        "data_collector": spec.get("data_collector"),
        "optimize": (spec.get("tags") or {}).get("pratique.optimize"),
    }


def _check_without_traffic(endpoint: OnlineEndpoint, name: str) -> None:
    """Raise `Conflict` while `endpoint` sends the deployment requests, or copies of them."""
    for flag, split in (("traffic", endpoint.traffic), ("mirror-traffic", endpoint.mirror_traffic)):
        if share := split.get(name):
            others = [other for other in split if other != name and split[other]]
            instead = f"{others[0]}=100" if others else f"{name}=0"
            raise Conflict(
                f"deployment {name!r} takes {share} % of the {flag.replace('-', ' ')} of {endpoint.name!r}",
                hint=f"take it away first: pratique ml online-endpoint update --name {endpoint.name} "
                f'--{flag} "{instead}"',
            )


def frozen(tx: Transaction, actor: Actor, deployment: OnlineDeployment) -> str:
    """That the wish of a run named no version of its model, and which one it got; empty when nothing was frozen."""
    wanted, model = deployment.spec.get("model"), deployment.resolved.get("model") or {}
    if not isinstance(wanted, str) or not model.get("name"):
        return ""
    found = promotion.frozen(tx, actor, deployment.workspace, wanted)
    if found is None or found.manifest != model["manifest"]:
        return ""
    what = f"deployment {deployment.endpoint}/{deployment.name}"
    return promotion.words_of_frozen(actor, what, wanted, found.name, found.version, str(found.manifest))


def _resolved(
    tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, now: datetime
) -> dict[str, Any]:
    """What the references of `spec` mean now, by digest, so that a later version changes nothing."""
    code, environment = spec.get("code_configuration"), spec.get("environment")
    lookups = Lookups()
    model = lookups.tried("model", lambda _: _model(tx, actor, workspace, spec.get("model"), now=now))
    if model is not None and model.get("type") != "mlflow_model" and not (model.get("onnx") and not code):
        _check_brings(lookups, code_configuration=code, environment=environment)
    found = {
        "model": model,
        "code": lookups.tried("code_configuration", lambda _: _code(tx, workspace, code, now=now)) if code else None,
        "environment": lookups.tried("environment", lambda _: environments.resolve(tx, workspace, environment))
        if environment
        else None,
    }
    lookups.check("deployment")
    return found


def _check_brings(lookups: Lookups, **parts: Any) -> None:
    """Say of each part that is not there that only models which say how they are called can do without it."""
    for key, given in parts.items():
        if not given:
            lookups.wrong(key, "is needed unless the model is of type mlflow_model, or one ONNX file", _EXAMPLES[key])


def _model(tx: Transaction, actor: Actor, workspace: str, wanted: Any, *, now: datetime) -> dict[str, Any]:
    """The model of a deployment: registered, or given inline with its path; empty when there is none."""
    if not wanted:
        return {}
    if isinstance(wanted, Mapping):
        held = content.resolve(tx, workspace, str(wanted["path"]), now=now, key="model.path")
        return _resolved_model("", "", wanted.get("type"), held)
    found = promotion.frozen(tx, actor, workspace, str(wanted)) or referenced(
        tx, workspace, ("models",), str(wanted), key="model"
    )
    held = content.resolve(tx, workspace, found.path, now=now, key="model")
    return _resolved_model(found.name, found.version, found.type, held)


def _resolved_model(name: str, version: str, type_: str | None, held: content.Held) -> dict[str, Any]:
    graphs = [entry.path for entry in held.manifest.entries if entry.path.endswith(".onnx")]
    return {
        "name": name,
        "version": version,
        "type": type_ or "custom_model",
        "manifest": held.manifest.digest,
        "path_name": held.name,
        **({"onnx": graphs[0]} if len(graphs) == 1 and type_ != "mlflow_model" else {}),
    }


def _code(tx: Transaction, workspace: str, wanted: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
    held = content.resolve(tx, workspace, str(wanted["code"]), now=now, key="code_configuration.code")
    script = str(wanted.get("scoring_script") or "")
    files = [entry.path for entry in held.manifest.entries]
    if script not in files:
        scripts = ", ".join([path for path in files if path.endswith(".py")][:_SHOWN]) or "no Python file"
        said = f"the code folder has no file {script!r}"
        hint = f"the path is relative to the code folder, which has {scripts}"
        raise InvalidInput(said, problems=[Problem(said, key="code_configuration.scoring_script", hint=hint)])
    return {"manifest": held.manifest.digest, "scoring_script": script}
