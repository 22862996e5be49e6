"""Computes: clusters and workstations of Azure's files, which are all names of this machine here.

A row lets scripts that make a compute, ask for it and delete it go on as they
are. What a job takes of the machine is said by the job (`resources`), never
by the compute. Computes that were there before Azure attached them
(Kubernetes, Spark pools, virtual machines) are somewhere else and refused.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import Conflict, NotFound, NotYet, Problem
from pratique.base.names import check_name
from pratique.control import workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import computes, events
from pratique.store.computes import Compute
from pratique.store.database import Transaction
from pratique.store.events import Event

KINDS: Final = ("amlcompute", "computeinstance")
RESERVED: Final = ("local", "serverless")
"""Names that files use for a machine without asking for one first."""

RUNNING: Final = "Running"
STOPPED: Final = "Stopped"


def write(tx: Transaction, actor: Actor, workspace: str, spec: Mapping[str, Any], *, now: datetime) -> Compute:
    """Keep the compute that `spec` describes, or let the one of its name become what it says.

    Raises `NotYet` for a kind that is somewhere else, and `Conflict` for a reserved name and for another `type`.
    """
    workspaces.get(tx, actor, workspace)
    permit(actor, "computes/write", workspace_scope(workspace))
    name = check_name("compute", str(spec["name"]))
    _check_kind(str(spec["type"]))
    if name in RESERVED:
        raise Conflict(f"{name} is there already and cannot be described", hint="choose another name")
    said = _without_secrets(spec)
    known = computes.get(tx, workspace, name)
    if known is None:
        made = Compute(workspace, name, said, RUNNING, now, now, actor.to_document())
        computes.add(tx, made)
        _tell(tx, actor, "Pratique.ComputeCreated", made, now=now)
        return made
    if known.spec["type"] != said["type"]:
        raise Conflict(
            f"compute {name!r} exists and is of type {known.spec['type']}",
            hint=f"delete it first: pratique ml compute delete --name {name} --workspace-name {workspace} --yes",
        )
    return _become(tx, actor, replace(known, spec=said), known, now=now)


def get(tx: Transaction, actor: Actor, workspace: str, name: str) -> Compute:
    """The compute called `name`; raises `NotFound`."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "computes/read", workspace_scope(workspace))
    if known := computes.get(tx, workspace, name):
        return known
    raise NotFound(
        f"there is no compute {name!r} in workspace {workspace!r}",
        hint=f"pratique ml compute list --workspace-name {workspace}",
    )


def every(tx: Transaction, actor: Actor, workspace: str) -> list[Compute]:
    """The computes of a workspace, by name."""
    workspaces.get(tx, actor, workspace)
    permit(actor, "computes/read", workspace_scope(workspace))
    return computes.every(tx, workspace)


def set_state(tx: Transaction, actor: Actor, workspace: str, name: str, state: str, *, now: datetime) -> Compute:
    """Say of a workstation that it is Running or Stopped; a cluster, which does that by itself, is a `Conflict`."""
    known = get(tx, actor, workspace, name)
    permit(actor, "computes/write", workspace_scope(workspace))
    if known.spec["type"] != "computeinstance":
        raise Conflict(f"compute {name!r} is of type {known.spec['type']}, which is not started or stopped")
    return _become(tx, actor, replace(known, state=state), known, now=now)


def delete(tx: Transaction, actor: Actor, workspace: str, name: str, *, now: datetime) -> None:
    """Forget a compute; the machine stays what it is, and jobs that ran stay as they are."""
    known = get(tx, actor, workspace, name)
    permit(actor, "computes/delete", workspace_scope(workspace))
    computes.remove(tx, workspace, name)
    _tell(tx, actor, "Pratique.ComputeDeleted", known, now=now)


def _become(tx: Transaction, actor: Actor, wanted: Compute, known: Compute, *, now: datetime) -> Compute:
    if wanted == known:
        return known
    changed = replace(wanted, updated_at=now)
    computes.change(tx, changed)
    _tell(tx, actor, "Pratique.ComputeUpdated", changed, now=now)
    return changed


def _check_kind(kind: str) -> None:
    if kind not in KINDS:
        said = f"computes of type {kind} are somewhere else, and this version runs on this machine only"
        hint = f"type: {KINDS[0]} is a name for this machine"
        raise NotYet(said, hint=hint, problems=[Problem(said, key="type", hint=hint)])


def _without_secrets(spec: Mapping[str, Any]) -> dict[str, Any]:
    """`spec` without the password of nodes that nobody logs in to: what is not kept cannot leak."""
    if not isinstance(spec.get("ssh_settings"), Mapping):
        return dict(spec)
    return {**spec, "ssh_settings": {k: v for k, v in spec["ssh_settings"].items() if k != "admin_password"}}


def _tell(tx: Transaction, actor: Actor, kind: str, compute: Compute, *, now: datetime) -> None:
    facts = {"name": compute.name, "type": compute.spec["type"], "state": compute.state}
    scope = workspace_scope(compute.workspace)
    events.append(tx, Event(kind, f"computes/{compute.name}", scope, actor.to_document(), facts), now=now)
