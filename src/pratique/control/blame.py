"""What answered at an endpoint at a moment, and who made it so: read from the journal, also when it is long gone.

EndpointCreated, EndpointUpdated    the split that was in force, who changed it, why
ModelDeployed                       the model that each deployment of the split had
DeploymentCreated, …Updated         who wished that, in which run of a delivery
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pratique.base.clock import iso
from pratique.base.errors import NotFound
from pratique.control.actor import Actor
from pratique.control.lineage import (
    MODELS,
    LockOf,
    Story,
    Telling,
    at_time,
    because,
    event_name,
    of_run,
    short,
    tell_model,
    tell_run,
)
from pratique.control.permissions import permit, workspace_scope
from pratique.store import assets, deployments, endpoints, events
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction
from pratique.store.events import StoredEvent

_DEPLOYED: Final = "Microsoft.MachineLearningServices.ModelDeployed"
_WISHED: Final = ("Pratique.DeploymentCreated", "Pratique.DeploymentUpdated")
_GONE: Final = "Pratique.DeploymentDeleted"


def blame(
    tx: Transaction, actor: Actor, workspace: str, endpoint: str, *, at: datetime, lock_of: LockOf | None = None
) -> dict[str, Any]:
    """What answered at `at`, and everything behind it; raises `NotFound` for an endpoint that never was."""
    for action in ("endpoints/read", "models/read", "jobs/read", "events/read"):
        permit(actor, action, workspace_scope(workspace))
    telling = Telling(tx, actor, Story(), lock_of or (lambda _: ""))
    told = events.about(tx, workspace_scope(workspace), f"endpoints/{endpoint}")
    if not told and endpoints.get(tx, workspace, endpoint) is None:
        hint = f"pratique ml online-endpoint list --workspace-name {workspace}"
        raise NotFound(f"there is and was no online endpoint {endpoint!r} in workspace {workspace!r}", hint=hint)
    node = telling.story.add("endpoint", f"{workspace}/{endpoint}")
    _tell_split(telling, workspace, endpoint, node, [one for one in told if one.time <= at], at)
    return {"endpoint": endpoint, "at": iso(at), **telling.story.to_document()}


def tell_deployment(telling: Telling, workspace: str, endpoint: str, name: str, *, at: datetime) -> str:
    """Tell which model a deployment had at `at`, who wished that, and what the model comes from; its node."""
    story, subject = telling.story, f"endpoints/{endpoint}/deployments/{name}"
    node = story.add("deployment", f"{workspace}/{endpoint}/{name}")
    told = events.about(telling.tx, workspace_scope(workspace), subject, until=at)
    deployed = next((one for one in told if one.type in (_DEPLOYED, _GONE)), None)
    if deployed is None or deployed.type == _GONE:
        story.say(f"The deployment {name} was not ready then, so it answered nothing.", event_name(deployed))
        return node
    model, digest = str(deployed.data.get("model") or ""), str(deployed.data.get("digest") or "")
    wished = next((one for one in told if one.type in _WISHED and one.sequence < deployed.sequence), None)
    story.say(
        f"The deployment {name} had {_named(model, digest)} since {at_time(deployed.time)[3:]}"
        f"{_wished_by(wished)}.",
        event_name(deployed), event_name(wished),
    )  # fmt: skip
    if wished and wished.actor.get("run"):
        story.link(node, "wished in", tell_run(telling, int(wished.actor["run"])))
    if code := deployed.data.get("code"):
        story.link(node, "runs code", story.add("code", str(code)))
    _tell_environment(telling, node, workspace, endpoint, name, digest)
    if version := _version(telling.tx, workspace, model, digest):
        story.link(node, "serves", tell_model(telling, version))
    elif digest:
        story.link(node, "serves", story.add("content", digest))
        story.say(f"No version of that content is registered in workspace {workspace} any more.")
    return node


def _tell_split(
    telling: Telling, workspace: str, endpoint: str, node: str, told: list[StoredEvent], at: datetime
) -> None:
    story = telling.story
    newest = told[0] if told else None
    if newest is None or newest.type == "Pratique.EndpointDeleted":
        story.say(f"There was no endpoint {endpoint} {at_time(at)}, so nothing answered.", event_name(newest))
        return
    changed = next((one for one in told if "traffic" in one.data), None)
    split = _shares(changed.data.get("traffic")) if changed else {}
    mirror = _shares(changed.data.get("mirror_traffic")) if changed else {}
    if not split or changed is None:
        story.say(f"The endpoint {endpoint} sent its requests to no deployment {at_time(at)}.", event_name(changed))
        return
    shown = ", ".join(f"{share} % to {name}" for name, share in split.items())
    story.say(
        f"{at_time(at)[:1].upper()}{at_time(at)[1:]} the endpoint {endpoint} sent {shown}: "
        f"{_changed_by(changed)} had changed it {at_time(changed.time)}{because(changed)}.",
        event_name(changed),
    )
    _tell_identities(telling, node, told)
    if run := changed.actor.get("run"):
        story.link(node, "changed in", tell_run(telling, int(run)))
    for name, share in split.items():
        story.link(node, f"sent {share} % to", tell_deployment(telling, workspace, endpoint, name, at=at))
    for name, share in mirror.items():
        story.say(f"{share} % were copied to {name}, whose answers nobody got.", event_name(changed))
        story.link(node, f"copied {share} % to", tell_deployment(telling, workspace, endpoint, name, at=at))


def _tell_identities(telling: Telling, node: str, told: list[StoredEvent]) -> None:
    """As whom its deployments acted, where somebody had assigned that: newest event first."""
    written = next((one for one in told if "traffic" in one.data and "by" not in one.data), None)
    for name in (written.data.get("identities") or ()) if written else ():
        telling.story.link(node, "acted as", telling.story.add("identity", str(name)))
        telling.story.say(f"Its deployments acted as {name}.", event_name(written))


def _changed_by(event: StoredEvent) -> str:
    if by := event.data.get("by"):
        return f"the deployment {by}, which was created with all traffic,"
    return f"{event.actor.get('name')}{of_run(event.actor)}"


def _wished_by(wished: StoredEvent | None) -> str:
    if wished is None:
        return ""
    return (
        f"; {wished.actor.get('name')}{of_run(wished.actor)} had asked for it {at_time(wished.time)}{because(wished)}"
    )


def _named(model: str, digest: str) -> str:
    name = model if model.strip(":") not in ("", "None") else "a model of its own file"
    return f"{name}, the content {short(digest)}," if digest else "no model"


def _tell_environment(telling: Telling, node: str, workspace: str, endpoint: str, name: str, digest: str) -> None:
    """The environment is known as long as the deployment is the one that it was."""
    found = endpoints.get(telling.tx, workspace, endpoint)
    row = deployments.get(telling.tx, found.id, name) if found else None
    environment = row.resolved.get("environment") if row else None
    if row is None or not environment or (row.resolved.get("model") or {}).get("manifest") != digest:
        return
    named = ":".join(part for part in (environment.get("name"), environment.get("version")) if part) or "of its file"
    lock = telling.lock_of(environment.get("spec") or {})
    settled = f", locked as {short(lock)}" if lock else ""
    telling.story.link(node, "runs in", telling.story.add("environment", f"{workspace}/{named}", lock=lock))
    telling.story.say(f"The deployment {name} runs in the environment {named}{settled}.", node)


def _version(tx: Transaction, workspace: str, model: str, digest: str) -> AssetVersion | None:
    """The version that an event names, unless it was deleted and registered anew with another content."""
    name, _, version = model.rpartition(":")
    found = assets.version(tx, workspace, MODELS, name, version) if name else None
    return found if found and found.manifest == digest else None


def _shares(split: Mapping[str, Any] | None) -> dict[str, int]:
    return {name: int(share) for name, share in (split or {}).items() if share}
