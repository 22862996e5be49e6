"""Online endpoints: a name with two keys and a split of its traffic.

A verb writes what is wished and raises the generation; the gateway follows and
writes down which generation it serves. `provisioning_state` is Azure's word
for the distance between the two.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pratique.base.errors import Conflict, InvalidInput, NotFound, NotYet, Problem
from pratique.base.ids import new_id, new_secret
from pratique.base.names import check_name
from pratique.control import workspaces
from pratique.control.actor import Actor
from pratique.control.changes import check_changeable
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.traffic import check_traffic
from pratique.store import deployments, endpoints, events
from pratique.store.database import Transaction
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.events import Event
from pratique.store.sealing import Sealer

Slot = Literal["primary", "secondary"]
_SPLIT: Final = ("traffic", "mirror_traffic")
_CHANGEABLE: Final = (*_SPLIT, "tags", "description", "properties")


def write(
    tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, sealer: Sealer, now: datetime
) -> OnlineEndpoint:
    """Make the endpoint that `spec` describes, or let the one of its name become what it says.

    An endpoint that exists keeps its keys, and its traffic unless `spec` says
    another: a file that says nothing of traffic must not take an endpoint down.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, "endpoints/write", workspace_scope(workspace))
    name = check_name("endpoint", str(spec["name"]))
    _check_auth_mode(str(spec.get("auth_mode") or "key"))
    traffic, mirror = dict(spec.get("traffic") or {}), dict(spec.get("mirror_traffic") or {})
    if known := endpoints.get(tx, workspace, name):
        split = (traffic or known.traffic, mirror or known.mirror_traffic)
        return _become(tx, actor, known, _without_split(spec), *split, now=now)
    check_traffic(traffic, mirror, ())
    identity = new_id()
    endpoint = OnlineEndpoint(
        id=identity,
        workspace=workspace,
        name=name,
        spec=_without_split(spec),
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
    """Change traffic, mirror traffic, tags, description or properties; each given one whole, empty traffic for none."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/write", workspace_scope(workspace))
    check_changeable(changes, _CHANGEABLE, what=name)
    split = (changes.get("traffic", known.traffic), changes.get("mirror_traffic", known.mirror_traffic))
    return _become(tx, actor, known, _without_split({**known.spec, **changes}), *split, now=now)


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
    check_not_going(known)
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


def _become(
    tx: Transaction,
    actor: Actor,
    known: OnlineEndpoint,
    spec: Mapping[str, Any],
    traffic: Mapping[str, int],
    mirror: Mapping[str, int],
    *,
    now: datetime,
) -> OnlineEndpoint:
    """Wish that an endpoint is so; nothing is written when it is so already."""
    check_not_going(known)
    check_traffic(traffic, mirror, [row.name for row in deployments.of_endpoint(tx, known.id) if not row.is_going])
    if (spec, traffic, mirror) == (known.spec, known.traffic, known.mirror_traffic):
        return known
    endpoints.wish(
        tx,
        known.id,
        now=now,
        spec=dict(spec),
        traffic=dict(traffic),
        mirror_traffic=dict(mirror),
        provisioning_state="Updating",
        error=None,
    )
    data = {"traffic": traffic, "mirror_traffic": mirror, "previous_traffic": known.traffic}
    tell(tx, actor, "Pratique.EndpointUpdated", known, now=now, data=data)
    return get(tx, actor, known.workspace, known.name)


def _without_split(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a spec says besides its traffic, which has columns of its own."""
    return {key: value for key, value in spec.items() if key not in _SPLIT}


def _check_auth_mode(mode: str) -> None:
    if mode not in ("key", "aml_token", "aad_token"):
        said = f"expected key, aml_token or aad_token; got {mode!r}"
        raise InvalidInput(said, problems=[Problem(said, key="auth_mode")])
    if mode != "key":
        said = f"auth_mode {mode!r} is not available yet"
        raise NotYet(said, hint="use auth_mode: key", problems=[Problem(said, key="auth_mode")])


def check_not_going(endpoint: OnlineEndpoint) -> None:
    """Raise `Conflict` for an endpoint that is being deleted: nothing of it can change any more."""
    if endpoint.provisioning_state == "Deleting":
        raise Conflict(
            f"online endpoint {endpoint.name!r} is being deleted",
            hint="wait until it is gone: pratique ml online-endpoint show "
            f"--name {endpoint.name} --workspace-name {endpoint.workspace}",
        )
