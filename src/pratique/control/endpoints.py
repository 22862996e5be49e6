"""Online endpoints: a name with two keys and a split of its traffic.

A verb writes what is wished and raises the generation; the gateway follows and
writes down which generation it serves. `provisioning_state` is Azure's word
for the distance between the two.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pratique.base.errors import Conflict, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id, new_secret
from pratique.base.names import check_name
from pratique.control import assigned_identities, managed_identities, workspaces
from pratique.control.actor import Actor
from pratique.control.changes import check_changeable
from pratique.control.permissions import endpoint_scope, permit, workspace_scope
from pratique.control.tokens import Issuer
from pratique.specs.traffic import check_traffic
from pratique.store import deployments, endpoints, events, principals, replicas
from pratique.store.database import Transaction
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.events import Event
from pratique.store.sealing import Sealer

Slot = Literal["primary", "secondary"]
_SPLIT: Final = ("traffic", "mirror_traffic")
_CHANGEABLE: Final = (*_SPLIT, "tags", "description", "properties", "public_network_access")
AUTH_MODES: Final = ("key", "aml_token", "aad_token")
TOKEN_LASTS: Final = timedelta(hours=1)
"""How long a token of an endpoint with `auth_mode: aml_token` opens it."""


def write(
    tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, sealer: Sealer, now: datetime
) -> OnlineEndpoint:
    """Make the endpoint that `spec` describes, or let the one of its name become what it says.

    An endpoint that exists keeps its keys, and its traffic unless `spec` says
    another: a file that says nothing of traffic must not take an endpoint down.
    """
    workspaces.get(tx, actor, workspace)
    name = check_name("endpoint", str(spec["name"]))
    permit(actor, "endpoints/write", endpoint_scope(workspace, name))
    _check_auth_mode(str(spec.get("auth_mode") or "key"))
    traffic, mirror = dict(spec.get("traffic") or {}), dict(spec.get("mirror_traffic") or {})
    known = endpoints.get(tx, workspace, name)
    spec = _with_identities(tx, actor, spec, known)
    if known:
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
    own = managed_identities.ensure(tx, managed_identities.of_endpoint(workspace, name), now=now)
    data = {"traffic": traffic, "mirror_traffic": mirror, "identity": own.id, **_assigned(endpoint.spec)}
    tell(tx, actor, "Pratique.EndpointCreated", endpoint, now=now, data=data)
    return endpoint


def update(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    changes: Mapping[str, Any],
    *,
    seen: int | None = None,
    now: datetime,
) -> OnlineEndpoint:
    """Change traffic, mirror traffic, tags, description, properties or public network access.

    Each given one is the whole new value; empty traffic is none.

    `Conflict` when the endpoint is not at the generation that was `seen`.
    """
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/write", endpoint_scope(workspace, name))
    _check_seen(known, seen)
    check_changeable(changes, _CHANGEABLE, what=name)
    split = (changes.get("traffic", known.traffic), changes.get("mirror_traffic", known.mirror_traffic))
    return _become(tx, actor, known, _without_split({**known.spec, **changes}), *split, now=now)


def promote(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    to: str,
    *,
    keep_old: timedelta | None = None,
    seen: int | None = None,
    now: datetime,
) -> OnlineEndpoint:
    """Send all traffic to the deployment `to`, in one step, if the endpoint is still as it was `seen`.

    What had traffic before stays as it is; with `keep_old` it stays warm for that
    long, and is deleted then unless it was given traffic again. `Conflict` when
    the endpoint has changed, or when `to` is not ready to answer.
    """
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/write", endpoint_scope(workspace, name))
    _check_seen(known, seen)
    behind = {row.name: row for row in deployments.of_endpoint(tx, known.id)}
    if to not in behind:
        raise NotFound(
            f"online endpoint {name!r} has no deployment {to!r}",
            hint=f"pratique ml online-deployment list --endpoint-name {name}",
        )
    _check_ready(tx, behind[to])
    mirror = {other: share for other, share in known.mirror_traffic.items() if other != to}
    promoted = _become(tx, actor, known, known.spec, {to: 100}, mirror, now=now)
    if promoted.generation != known.generation:
        tell(tx, actor, "Pratique.EndpointPromoted", known, now=now, data={"to": to, "previous_traffic": known.traffic})
    if keep_old is not None:
        for other, share in known.traffic.items():
            if share and other != to and other in behind and other not in mirror:
                deployments.change(tx, behind[other].id, retire_at=now + keep_old, updated_at=now)
    return promoted


def get(tx: Transaction, actor: Actor, workspace: str, name: str) -> OnlineEndpoint:
    """The endpoint called `name`; raises `NotFound`."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "endpoints/read", endpoint_scope(workspace, name))
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
    permit(actor, "endpoints/delete", endpoint_scope(workspace, name))
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


def gone(tx: Transaction, actor: Actor, endpoint: OnlineEndpoint, *, now: datetime) -> None:
    """Forget an endpoint that nothing is behind any more, with the roles that were given at it."""
    endpoints.remove(tx, endpoint.id)
    principals.unassign_from(tx, endpoint_scope(endpoint.workspace, endpoint.name))
    managed_identities.forget(tx, managed_identities.of_endpoint(endpoint.workspace, endpoint.name))
    tell(tx, actor, "Pratique.EndpointDeleted", endpoint, now=now)


def keys(tx: Transaction, actor: Actor, workspace: str, name: str, *, sealer: Sealer, now: datetime) -> dict[str, str]:
    """Both keys of an endpoint, {"primaryKey", "secondaryKey"}; that they were read is an event."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/keys", endpoint_scope(workspace, name))
    tell(tx, actor, "Pratique.EndpointKeysRead", known, now=now)
    primary, secondary = opened_keys(known, sealer)
    return {"primaryKey": primary, "secondaryKey": secondary}


def auth_mode(endpoint: OnlineEndpoint) -> str:
    """How callers prove themselves: ``key``, ``aml_token`` or ``aad_token``."""
    return str(endpoint.spec.get("auth_mode") or "key")


def token_audience(endpoint: OnlineEndpoint) -> str:
    """Whom a token is meant for that opens just this endpoint; one of the same name, made later, is another."""
    return f"endpoint:{endpoint.id}"


def token(
    tx: Transaction, actor: Actor, workspace: str, name: str, *, issuer: Issuer, now: datetime
) -> tuple[str, datetime]:
    """A token that opens an endpoint with `auth_mode: aml_token`, and its end; that it was made is an event."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/score", endpoint_scope(workspace, name))
    if (mode := auth_mode(known)) != "aml_token":
        hint = (
            f"pratique ml online-endpoint get-credentials --name {name}"
            if mode == "key"
            else "pratique account get-access-token --resource https://ml.azure.com"
        )
        raise Conflict(f"online endpoint {name!r} has auth_mode {mode}: no token is made for it alone", hint=hint)
    made = issuer.issue(
        actor.id, kind=actor.kind, name=actor.name, lasting=TOKEN_LASTS, now=now, audience=token_audience(known)
    )
    tell(tx, actor, "Pratique.EndpointTokenIssued", known, now=now)
    return made, now + TOKEN_LASTS


def opened_keys(endpoint: OnlineEndpoint, sealer: Sealer) -> tuple[str, str]:
    """Primary and secondary key in clear, for the gateway."""
    primary = sealer.open(endpoint.primary_key, context=f"{endpoint.id}/primary")
    return primary, sealer.open(endpoint.secondary_key, context=f"{endpoint.id}/secondary")


def regenerate_key(
    tx: Transaction, actor: Actor, workspace: str, name: str, slot: Slot, *, sealer: Sealer, now: datetime
) -> OnlineEndpoint:
    """Replace one of the two keys; the other stays valid, so that callers can move."""
    known = get(tx, actor, workspace, name)
    permit(actor, "endpoints/keys", endpoint_scope(workspace, name))
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
    for row in deployments.of_endpoint(tx, known.id):
        if row.retire_at and (traffic.get(row.name) or mirror.get(row.name)):
            deployments.change(tx, row.id, retire_at=None, updated_at=now)
    data = {"traffic": traffic, "mirror_traffic": mirror, "previous_traffic": known.traffic, **_assigned(spec)}
    tell(tx, actor, "Pratique.EndpointUpdated", known, now=now, data=data)
    return get(tx, actor, known.workspace, known.name)


def _check_seen(endpoint: OnlineEndpoint, seen: int | None) -> None:
    """Raise `Conflict` when somebody has changed `endpoint` since it was seen."""
    if seen is not None and seen != endpoint.generation:
        split = " ".join(f"{name}={share}" for name, share in endpoint.traffic.items()) or "none"
        raise Conflict(
            f"online endpoint {endpoint.name!r} was changed meanwhile: it was seen at generation {seen} and is at "
            f"{endpoint.generation}, with the traffic {split}; nothing was done",
            hint=f"look at it and decide again: pratique ml online-endpoint show --name {endpoint.name} "
            f"--workspace-name {endpoint.workspace}",
        )


def _check_ready(tx: Transaction, deployment: OnlineDeployment) -> None:
    """Raise `Conflict` for a deployment that could not answer what it would be sent."""
    hint = f"pratique ml online-deployment show -e {deployment.endpoint} -n {deployment.name}"
    if deployment.provisioning_state != "Succeeded":
        said = f"deployment {deployment.name!r} is {deployment.provisioning_state}, so nothing is sent to it"
        raise Conflict(said, hint=hint)
    processes = replicas.of_deployment(tx, deployment.id)
    if not any(row.revision == deployment.applied and row.state == "Ready" for row in processes):
        raise Conflict(f"no replica of deployment {deployment.name!r} is ready, so nothing is sent to it", hint=hint)


def _with_identities(
    tx: Transaction, actor: Actor, spec: Mapping[str, Any], known: OnlineEndpoint | None
) -> Mapping[str, Any]:
    """`spec` with every identity that it names looked up, which the caller may assign."""
    if not spec.get("identity"):
        return spec
    had = known.spec.get("identity") if known else None
    return {**spec, "identity": assigned_identities.of_endpoint(tx, actor, spec["identity"], had)}


def _assigned(spec: Mapping[str, Any]) -> dict[str, Any]:
    """For an event: the identities that somebody assigned."""
    given = (spec.get("identity") or {}).get("user_assigned_identities")
    return {"identities": [one["resource_id"].removeprefix("/") for one in given]} if given else {}


def _without_split(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What a spec says besides its traffic, which has columns of its own."""
    return {key: value for key, value in spec.items() if key not in _SPLIT}


def _check_auth_mode(mode: str) -> None:
    if mode not in AUTH_MODES:
        said = f"expected key, aml_token or aad_token; got {mode!r}"
        raise InvalidInput(said, problems=[Problem(said, key="auth_mode")])


def check_not_going(endpoint: OnlineEndpoint) -> None:
    """Raise `Conflict` for an endpoint that is being deleted: nothing of it can change any more."""
    if endpoint.provisioning_state == "Deleting":
        raise Conflict(
            f"online endpoint {endpoint.name!r} is being deleted",
            hint="wait until it is gone: pratique ml online-endpoint show "
            f"--name {endpoint.name} --workspace-name {endpoint.workspace}",
        )
