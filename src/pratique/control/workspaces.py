"""Workspaces: made idempotently, removed only when nothing in them is served."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from pratique.base.names import check_name
from pratique.control import demands, groups, managed_identities
from pratique.control.actor import Actor
from pratique.control.changes import check_changeable
from pratique.control.permissions import group_scope, is_permitted, is_permitted_within, permit, workspace_scope
from pratique.store import deployments, events, jobs, principals, workspaces
from pratique.store.database import Database, Transaction
from pratique.store.events import Event
from pratique.store.workspaces import (
    APPROVED_ONLY,
    PROMOTION,
    REQUIRE_REASON,
    Workspace,
    asks_for_reasons,
    is_approved_only,
)


def create(tx: Transaction, actor: Actor, spec: Mapping[str, Any], *, group: str, now: datetime) -> Workspace:
    """Make the workspace that `spec` describes in resource group `group`, or change the one of its name.

    What `spec` does not say of a workspace that exists stays; tags are added to those that it has.
    Whoever may make workspaces in the group may make a new one.
    """
    name = check_name("workspace", str(spec["name"]))
    known = workspaces.get(tx, name)
    group = group or (known.resource_group if known else "")
    if known or not is_permitted(actor, "workspaces/write", group_scope(group)):
        permit(actor, "workspaces/write", workspace_scope(name))
    _check_group(known, group)
    if known is None:
        groups.get(tx, actor, group)
    before = known or Workspace(
        name, group, groups.DEFAULT_LOCATION, name, "", {}, now, actor.to_document(), workspaces.new_tracking(name)
    )
    given = {key: spec[key] for key in ("location", "display_name", "description") if spec.get(key)}
    wanted = replace(before, **given, tags={**before.tags, **(spec.get("tags") or {})})
    if known == wanted:
        return wanted
    _check_promotion(wanted)
    demands.demands_of(wanted.tags)
    if known:
        _check_stays_guarded(actor, known, wanted)
        _check_keeps_asking(actor, known, wanted)
    # Told first: whether a reason is asked for is what the workspace says until now.
    _tell(tx, actor, "Pratique.WorkspaceUpdated" if known else "Pratique.WorkspaceCreated", name, now=now)
    managed_identities.ensure(tx, managed_identities.of_workspace(name), now=now)
    (workspaces.change if known else workspaces.add)(tx, wanted)
    return wanted


def update(tx: Transaction, actor: Actor, name: str, changes: Mapping[str, Any], *, now: datetime) -> Workspace:
    """Change description, display name or tags, each whole; nothing is written when nothing changes."""
    known = get(tx, actor, name)
    permit(actor, "workspaces/write", workspace_scope(name))
    check_changeable(changes, ("description", "display_name", "tags"), what=name)
    wanted = replace(known, **changes)
    if wanted != known:
        _check_promotion(wanted)
        demands.demands_of(wanted.tags)
        _check_stays_guarded(actor, known, wanted)
        _check_keeps_asking(actor, known, wanted)
        _tell(tx, actor, "Pratique.WorkspaceUpdated", name, now=now)
        workspaces.change(tx, wanted)
    return wanted


def _check_promotion(wanted: Workspace) -> None:
    """A word that means nothing must not look like a guard."""
    if PROMOTION in wanted.tags and not is_approved_only(wanted.tags):
        said = f"expected {APPROVED_ONLY}; got {str(wanted.tags[PROMOTION])[:64]!r}"
        raise InvalidInput(f"tags.{PROMOTION}: {said}", problems=[Problem(said, key=f"tags.{PROMOTION}")])
    if (asks := str(wanted.tags.get(REQUIRE_REASON, "false")).strip().lower()) not in ("true", "false"):
        said = f"expected true or false; got {asks[:64]!r}"
        raise InvalidInput(f"tags.{REQUIRE_REASON}: {said}", problems=[Problem(said, key=f"tags.{REQUIRE_REASON}")])


def _check_keeps_asking(actor: Actor, known: Workspace, wanted: Workspace | None) -> None:
    """Only whoever gives roles lets a workspace ask for no reasons any more."""
    if asks_for_reasons(known.tags) and (wanted is None or not asks_for_reasons(wanted.tags)):
        permit(actor, "roles/write", workspace_scope(known.name))


def _check_stays_guarded(actor: Actor, known: Workspace, wanted: Workspace | None) -> None:
    """Only whoever gives roles takes a guard away, and no task of a run: promotion, signatures, pickles."""
    stays = wanted is not None and is_approved_only(wanted.tags)
    if is_approved_only(known.tags) and not stays:
        permit(actor, "roles/write", workspace_scope(known.name))
        if actor.run is not None:
            raise Forbidden(
                f"a task of a run does not open workspace {known.name!r}, which takes only what was approved"
            )
    now = demands.demands_of(wanted.tags) if wanted is not None else demands.Demands()
    if now.is_below(demands.demanded(known.tags)):
        permit(actor, "roles/write", workspace_scope(known.name))
        if actor.run is not None:
            raise Forbidden(f"a task of a run does not take back what workspace {known.name!r} demands of models")


def get(tx: Transaction, actor: Actor, name: str) -> Workspace:
    """The workspace called `name`; raises `NotFound`, also for one that the caller may not see.

    Whoever has a role at something in it, such as an endpoint, sees the workspace around it.
    """
    found = workspaces.get(tx, name)
    if found is None or not is_permitted_within(actor, "workspaces/read", workspace_scope(name)):
        raise NotFound(
            f"there is no workspace {name!r}",
            hint=f"pratique ml workspace list, or make it: pratique ml workspace create --name {name}",
        )
    return found


def every(tx: Transaction, actor: Actor) -> list[Workspace]:
    """The workspaces that the caller may see, by name."""
    return [
        workspace
        for workspace in workspaces.every(tx)
        if is_permitted_within(actor, "workspaces/read", workspace_scope(workspace.name))
    ]


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Remove a workspace with all that it holds; `Conflict` while a job runs or a deployment exists in it."""
    known = get(tx, actor, name)
    permit(actor, "workspaces/delete", workspace_scope(name))
    _check_stays_guarded(actor, known, None)
    _check_keeps_asking(actor, known, None)
    if served := deployments.in_workspace(tx, name):
        raise Conflict(
            f"workspace {name!r} still serves {served[0].endpoint}/{served[0].name}",
            hint=f"pratique ml online-endpoint delete --name {served[0].endpoint} --workspace-name {name} --yes",
        )
    if running := [job for job in jobs.unfinished(tx) if job.workspace == name]:
        raise Conflict(
            f"workspace {name!r} still runs job {running[0].name}",
            hint=f"pratique ml job cancel --name {running[0].name} --workspace-name {name}",
        )
    _tell(tx, actor, "Pratique.WorkspaceDeleted", name, now=now)
    workspaces.remove(tx, name)
    principals.unassign_from(tx, workspace_scope(name))
    managed_identities.forget(tx, managed_identities.of_workspace(name))


def tracking_of(database: Database, name: str) -> str:
    """What MLflow knows the workspace called `name` by; raises `NotFound`. Asked by the platform for itself."""
    with database.read() as tx:
        found = workspaces.tracking_of(tx, name)
    if found is None:
        raise NotFound(f"there is no workspace {name!r}")
    return found


def _check_group(known: Workspace | None, group: str) -> None:
    """Raise unless `group` can be the group of a new workspace, or is the one of the workspace `known`."""
    if not group:
        said = "a workspace needs a resource group"
        raise InvalidInput(said, hint="--resource-group NAME", problems=[Problem(said, key="resource_group")])
    check_name("resource group", group)
    if known and known.resource_group != group:
        raise Conflict(
            f"workspace {known.name!r} belongs to resource group {known.resource_group!r}",
            hint=f"use --resource-group {known.resource_group}, or choose another name",
        )


def _tell(tx: Transaction, actor: Actor, kind: str, name: str, *, now: datetime) -> None:
    events.append(tx, Event(kind, f"workspaces/{name}", workspace_scope(name), actor.to_document()), now=now)
