"""Permission per delivery: which may use a variable group, a service connection, a repository.

A group or a connection is open to every delivery of its project only when it
was made so; otherwise each delivery is let in by name. The repositories of its
own project a delivery may read; those of another one it reads, and to any it
pushes, only when somebody who may write there has let it in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pratique.base.errors import NotFound
from pratique.control.actor import Actor
from pratique.control.permissions import permit, project_scope
from pratique.store import deliveries, delivery_permissions, events
from pratique.store.database import Transaction
from pratique.store.deliveries import Delivery
from pratique.store.delivery_permissions import DeliveryPermission
from pratique.store.events import Event

WORDS: Final[Mapping[str, str]] = {
    delivery_permissions.GROUP: "variable group",
    delivery_permissions.CONNECTION: "service connection",
    delivery_permissions.REPOSITORY: "repository",
    delivery_permissions.PUSH: "repository to push to",
}
_WRITES: Final[Mapping[str, str]] = {
    delivery_permissions.GROUP: "variable_groups/write",
    delivery_permissions.CONNECTION: "service_connections/write",
    delivery_permissions.REPOSITORY: "repositories/write",
    delivery_permissions.PUSH: "repositories/write",
}


@dataclass(frozen=True)
class Resource:
    """A thing that deliveries may be let use."""

    kind: str
    """One of `WORDS`."""
    id: str
    name: str
    project: str
    is_for_all: bool


def allow(
    tx: Transaction, actor: Actor, resource: Resource, delivery: str, *, project: str = "", now: datetime
) -> None:
    """Let a delivery (name or id) use it; it is of `project`, or else of the resource's own."""
    permit(actor, _WRITES[resource.kind], project_scope(resource.project))
    found = find_delivery(tx, project or resource.project, delivery)
    row = DeliveryPermission(resource.kind, resource.id, found.id, now, actor.to_document())
    delivery_permissions.put(tx, row)
    _tell(tx, actor, "Pratique.DeliveryAllowed", resource, found, now=now)


def revoke(
    tx: Transaction, actor: Actor, resource: Resource, delivery: str, *, project: str = "", now: datetime
) -> None:
    """Let a delivery use it no more; runs that have begun a stage with it go on."""
    permit(actor, _WRITES[resource.kind], project_scope(resource.project))
    found = find_delivery(tx, project or resource.project, delivery)
    delivery_permissions.remove(tx, resource.kind, resource.id, found.id)
    _tell(tx, actor, "Pratique.DeliveryRevoked", resource, found, now=now)


def allowed(tx: Transaction, resource: Resource) -> Sequence[Delivery]:
    """The deliveries that were let in by name."""
    rows = delivery_permissions.of(tx, resource.kind, resource.id)
    return [found for row in rows if (found := deliveries.by_id(tx, row.delivery))]


def repository_resource(kind: str, id: str, name: str, project: str) -> Resource:  # noqa: A002 - the column's name.
    """A repository as `kind` has it: one of another project to read, or one to push to."""
    return Resource(kind, id, name, project, is_for_all=False)


def may_use(tx: Transaction, resource: Resource, delivery: int) -> bool:
    """Whether a delivery may use it."""
    return resource.is_for_all or delivery_permissions.is_given(tx, resource.kind, resource.id, delivery)


def refusal(resource: Resource, delivery: str) -> str:
    """Why a delivery may not use it, with what to do."""
    return (
        f"the pipeline {delivery!r} may not use the {WORDS[resource.kind]} {resource.name!r}: "
        f"pratique pipelines permission add --kind {resource.kind.replace('_', '-')} --name {resource.name!r} "
        f"--pipeline {delivery!r} --project {resource.project}"
    )


def find_delivery(tx: Transaction, project: str, who: str) -> Delivery:
    """The delivery of a project by name or id; raises `NotFound`."""
    found = deliveries.get(tx, project, who)
    if found is None and who.isdecimal() and len(who) < 10:
        by_id = deliveries.by_id(tx, int(who))
        found = by_id if by_id and by_id.project == project else None
    if found is None:
        raise NotFound(
            f"there is no pipeline {who[:255]!r} in project {project!r}",
            hint=f"pratique pipelines list --project {project}",
        )
    return found


def _tell(tx: Transaction, actor: Actor, kind: str, resource: Resource, delivery: Delivery, *, now: datetime) -> None:
    subject = f"{resource.kind.replace('_', '-')}s/{resource.id}"
    data = {"kind": resource.kind, "name": resource.name, "delivery": delivery.name}
    event = Event(kind, subject, project_scope(resource.project), actor.to_document(), data)
    events.append(tx, event, now=now)
