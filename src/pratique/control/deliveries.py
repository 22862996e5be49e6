"""Deliveries: a YAML file of a repository under a name, from which runs are queued."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Problem
from pratique.content.paths import check_relative
from pratique.control import projects
from pratique.control.actor import Actor
from pratique.control.permissions import permit, project_scope
from pratique.store import counters, deliveries, delivery_runs, events
from pratique.store.database import Transaction
from pratique.store.deliveries import Delivery
from pratique.store.events import Event

_LONGEST: Final = 255
_FORBIDDEN: Final = frozenset('\\/:*?"<>|')
_HEADS: Final = "refs/heads/"


def create(tx: Transaction, actor: Actor, project: str, wished: Mapping[str, str], *, now: datetime) -> Delivery:
    """Register what `wished` describes: name, description, folder, repository, repository_type, branch, path.

    Raises `AlreadyExists` for a name that is taken and `InvalidInput` for a
    name or a path that cannot be.
    """
    projects.get(tx, actor, project)
    permit(actor, "deliveries/write", project_scope(project))
    name = _checked_name(wished["name"])
    if deliveries.get(tx, project, name):
        raise AlreadyExists(
            f"there is a pipeline {name!r} already in project {project!r}", hint="choose another name with --name"
        )
    check_relative(wished["path"])
    delivery = Delivery(
        id=counters.next_number(tx, counters.DELIVERIES),
        project=project,
        name=name,
        description=wished.get("description", ""),
        folder=wished.get("folder") or "\\",
        repository=wished["repository"],
        repository_type=wished["repository_type"],
        branch=ref_of(wished.get("branch") or "main"),
        path=wished["path"],
        variables={},
        queue_status="enabled",
        created_at=now,
        updated_at=now,
        created_by=actor.to_document(),
    )
    deliveries.add(tx, delivery)
    _tell(tx, actor, "Pratique.DeliveryCreated", delivery, now=now)
    return delivery


def ensure(tx: Transaction, actor: Actor, project: str, wished: Mapping[str, str], *, now: datetime) -> Delivery:
    """The delivery of the name that `wished` has, registered when there is none."""
    projects.get(tx, actor, project)
    permit(actor, "deliveries/read", project_scope(project))
    return deliveries.get(tx, project, wished["name"]) or create(tx, actor, project, wished, now=now)


def get(tx: Transaction, actor: Actor, project: str, wanted: str) -> Delivery:
    """The delivery of that name, or of that number; raises `NotFound`."""
    projects.get(tx, actor, project)
    permit(actor, "deliveries/read", project_scope(project))
    found = deliveries.get(tx, project, wanted)
    if found is None and wanted.isascii() and wanted.isdigit() and len(wanted) < 10:
        found = deliveries.by_id(tx, int(wanted))
    if found is None or found.project != project:
        raise NotFound(
            f"there is no pipeline {wanted!r} in project {project!r}",
            hint=f"pratique pipelines list --project {project}",
        )
    return found


def every(tx: Transaction, actor: Actor, project: str) -> list[Delivery]:
    """The deliveries of a project, by name."""
    projects.get(tx, actor, project)
    permit(actor, "deliveries/read", project_scope(project))
    return deliveries.in_project(tx, project)


def update(
    tx: Transaction, actor: Actor, project: str, wanted: str, changes: Mapping[str, Any], *, now: datetime
) -> Delivery:
    """Change name, description, folder, branch or path; nothing is written when nothing changes."""
    known = get(tx, actor, project, wanted)
    permit(actor, "deliveries/write", project_scope(project))
    values = dict(changes)
    if "name" in values and _checked_name(values["name"]) != known.name and deliveries.get(tx, project, values["name"]):
        raise AlreadyExists(f"there is a pipeline {values['name']!r} already in project {project!r}")
    if "branch" in values:
        values["branch"] = ref_of(values["branch"])
    if "path" in values:
        check_relative(values["path"])
    changed = replace(known, **values)
    if changed == known:
        return known
    deliveries.change(tx, known.id, **values, updated_at=now)
    _tell(tx, actor, "Pratique.DeliveryUpdated", changed, now=now)
    return replace(changed, updated_at=now)


def delete(tx: Transaction, actor: Actor, project: str, wanted: str, *, now: datetime) -> Delivery:
    """Remove a delivery with its runs; `Conflict` while one of them has not ended."""
    known = get(tx, actor, project, wanted)
    permit(actor, "deliveries/delete", project_scope(project))
    if running := delivery_runs.unfinished_of(tx, known.id):
        raise Conflict(
            f"run {running[0]} of the pipeline {known.name!r} has not ended",
            hint=f"pratique pipelines runs cancel --run-id {running[0]}",
        )
    deliveries.remove(tx, known.id)
    _tell(tx, actor, "Pratique.DeliveryDeleted", known, now=now)
    return known


def ref_of(branch: str) -> str:
    """`branch` as a ref: main is refs/heads/main."""
    return branch if branch.startswith("refs/") else f"{_HEADS}{branch}"


def _checked_name(name: str) -> str:
    """`name`, unchanged; raises `InvalidInput` for one that a pipeline of Azure DevOps cannot have."""
    is_plain = name == name.strip() and name.isprintable() and not _FORBIDDEN & set(name)
    if not name or len(name) > _LONGEST or not is_plain or name.isdigit():
        expected = f"1 to 255 characters, none of {' '.join(sorted(_FORBIDDEN))}"
        said = f"{name[:80]!r} cannot name a pipeline: expected {expected}"
        raise InvalidInput(said, hint="a name cannot be a number either", problems=[Problem(said, key="name")])
    return name


def _tell(tx: Transaction, actor: Actor, kind: str, delivery: Delivery, *, now: datetime) -> None:
    data = {"id": delivery.id, "name": delivery.name, "repository": delivery.repository, "path": delivery.path}
    subject = f"deliveries/{delivery.id}"
    events.append(tx, Event(kind, subject, project_scope(delivery.project), actor.to_document(), data), now=now)
