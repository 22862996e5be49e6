"""Online endpoints: a name with two keys and a split of its traffic.

A verb writes what is wished and raises the generation; the gateway follows and
writes down which generation it serves. `provisioning_state` is Azure's word
for the distance between the two.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pratique.base.errors import InvalidInput, NotFound, NotYet, Problem
from pratique.base.ids import new_id, new_secret
from pratique.base.names import check_name
from pratique.control import workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.traffic import check_traffic
from pratique.store import deployments, endpoints, events
from pratique.store.database import Transaction
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.events import Event
from pratique.store.sealing import Sealer

Slot = Literal["primary", "secondary"]


def write(
    tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, sealer: Sealer, now: datetime
) -> OnlineEndpoint:
    """Make the endpoint that `spec` describes, or change the one of its name; keys stay when it exists."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "endpoints/write", workspace_scope(workspace))
    name = check_name("endpoint", str(spec["name"]))
    _check_auth_mode(str(spec.get("auth_mode") or "key"))
    known = endpoints.get(tx, workspace, name)
    if known:
        return update(tx, actor, workspace, name, spec, now=now)
    traffic, mirror = dict(spec.get("traffic") or {}), dict(spec.get("mirror_traffic") or {})
    check_traffic(traffic, mirror, ())
    identity = new_id()
    endpoint = OnlineEndpoint(
        id=identity,
        workspace=workspace,
        name=name,
        spec=dict(spec),
        traffic=traffic,
        mirror_traffic=mirror,
        primary_key=sealer.seal(new_secret(), context=f"{identity}/primary"),
        secondary_key=sealer.seal(new_secret(), context=f"{identity}/secondary"),
        provisioning_state="Creating",
        error=None,
        generation=1,
        applied=0,
        created_at=now,
        updated_at=now,
        created_by=actor.to_document(),
    )
    endpoints.add(tx, endpoint)
    tell(tx, actor, "Pratique.EndpointCreated", endpoint, now=now)
    return endpoint


def update(
    tx: Transaction, actor: Actor, workspace: str, name: str, changes: Mapping[str, Any], *, now: datetime
) -> OnlineEndpoint:
    """Change traffic, mirror traffic, tags, description or properties; other keys must stay what they are."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/write", workspace_scope(workspace))
    _check_not_going(known)
    if "auth_mode" in changes:
        _check_auth_mode(str(changes["auth_mode"]))
    names = [deployment.name for deployment in deployments.of_endpoint(tx, known.id)]
    traffic = dict(changes["traffic"] or {}) if changes.get("traffic") is not None else dict(known.traffic)
    mirror = (
        dict(changes["mirror_traffic"] or {})
        if changes.get("mirror_traffic") is not None
        else dict(known.mirror_traffic)
    )
    check_traffic(traffic, mirror, names)
    spec = {**known.spec, **{key: value for key, value in changes.items() if value is not None}}
    if (spec, traffic, mirror) == (known.spec, known.traffic, known.mirror_traffic):
        return known
    endpoints.wish(
        tx,
        known.id,
        now=now,
        spec=spec,
        traffic=traffic,
        mirror_traffic=mirror,
        provisioning_state="Updating",
        error=None,
    )
    data = {"traffic": traffic, "mirror_traffic": mirror, "previous_traffic": dict(known.traffic)}
    tell(tx, actor, "Pratique.EndpointUpdated", known, now=now, data=data)
    return get(tx, actor, workspace, name)


def get(tx: Transaction, actor: Actor, workspace: str, name: str) -> OnlineEndpoint:
    """The endpoint called `name`; raises `NotFound`."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "endpoints/read", workspace_scope(workspace))
    if endpoint := endpoints.get(tx, workspace, name):
        return endpoint
    raise NotFound(
        f"there is no online endpoint {name!r} in workspace {workspace!r}",
        hint=f"pratique ml online-endpoint list --workspace-name {workspace}",
    )


def every(tx: Transaction, actor: Actor, workspace: str) -> list[OnlineEndpoint]:
    """The endpoints of a workspace, by name."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "endpoints/read", workspace_scope(workspace))
    return endpoints.in_workspace(tx, workspace)


def delete(tx: Transaction, actor: Actor, workspace: str, name: str, *, now: datetime) -> OnlineEndpoint:
    """Let an endpoint go with its deployments; it is gone when the engine has stopped them."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/delete", workspace_scope(workspace))
    if known.provisioning_state == "Deleting":
        return known
    endpoints.wish(tx, known.id, now=now, provisioning_state="Deleting")
    for deployment in deployments.of_endpoint(tx, known.id):
        deployments.change(
            tx,
            deployment.id,
            generation=deployment.generation + 1,
            provisioning_state="Deleting",
            updated_at=now,
        )
    tell(tx, actor, "Pratique.EndpointDeleteRequested", known, now=now)
    return get(tx, actor, workspace, name)


def keys(tx: Transaction, actor: Actor, workspace: str, name: str, *, sealer: Sealer, now: datetime) -> dict[str, str]:
    """Both keys of an endpoint, {"primaryKey", "secondaryKey"}; that they were read is an event."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/keys", workspace_scope(workspace))
    tell(tx, actor, "Pratique.EndpointKeysRead", known, now=now)
    primary, secondary = opened_keys(known, sealer)
    return {"primaryKey": primary, "secondaryKey": secondary}


def opened_keys(endpoint: OnlineEndpoint, sealer: Sealer) -> tuple[str, str]:
    """Primary and secondary key in clear, for the gateway."""
    primary = sealer.open(endpoint.primary_key, context=f"{endpoint.id}/primary")
    return primary, sealer.open(endpoint.secondary_key, context=f"{endpoint.id}/secondary")


def regenerate_key(
    tx: Transaction, actor: Actor, workspace: str, name: str, slot: Slot, *, sealer: Sealer, now: datetime
) -> OnlineEndpoint:
    """Replace one of the two keys; the other stays valid, so that callers can move."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/keys", workspace_scope(workspace))
    _check_not_going(known)
    sealed = sealer.seal(new_secret(), context=f"{known.id}/{slot}")
    endpoints.wish(tx, known.id, now=now, provisioning_state="Updating", **{f"{slot}_key": sealed})
    tell(tx, actor, "Pratique.EndpointKeyRegenerated", known, now=now, data={"key_type": slot})
    return get(tx, actor, workspace, name)


def tell(
    tx: Transaction,
    actor: Actor,
    event: str,
    endpoint: OnlineEndpoint,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write an event about `endpoint`."""
    scope = workspace_scope(endpoint.workspace)
    subject = f"endpoints/{endpoint.name}"
    events.append(
        tx,
        Event(event, subject, scope, actor.to_document(), {"name": endpoint.name, **(data or {})}),
        now=now,
    )


def _check_auth_mode(mode: str) -> None:
    if mode not in ("key", "aml_token", "aad_token"):
        said = f"expected key, aml_token or aad_token; got {mode!r}"
        raise InvalidInput(said, problems=[Problem(said, key="auth_mode")])
    if mode != "key":
        raise NotYet(f"auth_mode {mode!r} is not available yet", hint="use auth_mode: key")


def _check_not_going(endpoint: OnlineEndpoint) -> None:
    if endpoint.provisioning_state == "Deleting":
        raise NotFound(f"online endpoint {endpoint.name!r} is being deleted")
