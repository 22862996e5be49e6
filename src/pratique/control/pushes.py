"""What pushes did to a repository, written once: refs, the push, its event.

Git moves the refs and we write it down afterwards, so a server that is killed
between the two has moved refs that nobody knows of. `recover` finds them by
comparing, when no push goes on any more; who pushed is known from the row that
was written before git began.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Final

from pratique.base.clock import iso
from pratique.base.ids import new_id
from pratique.control.actor import PLATFORM, Actor
from pratique.control.permissions import permit, project_scope, repository_scope
from pratique.store import events, repositories
from pratique.store.database import Database, Transaction
from pratique.store.events import Event
from pratique.store.git import NOTHING, Repositories
from pratique.store.repositories import Push, RefUpdate, Repository

PUSHED: Final = "git.push"
"""The type of the event, which is Azure DevOps'."""

_TOLD: Final = 100
"""Refs that an event names; a push of ten thousand tags tells their number."""


def begin(tx: Transaction, actor: Actor, repository: Repository, wished: Sequence[RefUpdate], *, now: datetime) -> Push:
    """Write that somebody begins to push."""
    permit(actor, "repositories/write", repository_scope(repository.project, repository.name))
    rows = [asdict(one) for one in wished]
    push = Push(new_id(), repository.id, "Receiving", rows, (), (), now, None, actor.to_document())
    repositories.add_push(tx, push)
    return push


def finish(
    tx: Transaction, push: Push, took: Sequence[RefUpdate], present: Mapping[str, str], *, now: datetime
) -> Repository | None:
    """Write what came of a push: `took` moved, and `present` says where those refs are by now.

    Answers the repository when its default branch was decided by this push, for HEAD to follow.
    """
    known = repositories.by_id(tx, push.repository)
    if known is None or not took:
        repositories.change_push(tx, push.id, state="Void")
        return None
    repositories.change_push(tx, push.id, state="Received", updates=[asdict(one) for one in took], received_at=now)
    repositories.write_refs(tx, known.id, {one.name: present.get(one.name, NOTHING) for one in took})
    _tell(tx, push, known, took, now=now)
    return _first_branch(tx, known, took, now=now)


def _first_branch(tx: Transaction, known: Repository, took: Sequence[RefUpdate], *, now: datetime) -> Repository | None:
    """The repository with the first branch that it ever got as its default; None when nothing has to change."""
    there = repositories.refs(tx, known.id)
    branches = [one.name for one in took if one.name.startswith("refs/heads/") and one.name in there]
    others = [name for name in there if name.startswith("refs/heads/") and name not in branches]
    if known.default_branch in there or others or not branches:
        return None
    changed = replace(known, default_branch=branches[0], updated_at=now)
    repositories.change(tx, changed)
    return changed


def recover(database: Database, files: Repositories, repository: Repository, *, now: datetime) -> bool:
    """Write what pushes did to a repository and nobody wrote; False while a push goes on."""
    with files.undisturbed(repository.id) as is_alone:
        if not is_alone:
            return False
        bare = files.get(repository.id)
        present = bare.refs()
        with database.read() as tx:
            if not repositories.unfinished(tx, repository.id) and repositories.refs(tx, repository.id) == present:
                return True
        with database.write() as tx:
            head = _recover(tx, repository, present, now=now)
        if head:
            bare.set_head(head.default_branch)
        return True


def _recover(
    tx: Transaction, repository: Repository, present: Mapping[str, str], *, now: datetime
) -> Repository | None:
    head = None
    for push in repositories.unfinished(tx, repository.id):
        known = repositories.refs(tx, repository.id)
        took = [
            one
            for one in push.wanted
            if present.get(one.name, NOTHING) == one.new and known.get(one.name, NOTHING) != one.new
        ]
        head = finish(tx, push, took, present, now=now) or head
    known = repositories.refs(tx, repository.id)
    left = [
        RefUpdate(name, known.get(name, NOTHING), present.get(name, NOTHING))
        for name in sorted({*known, *present})
        if known.get(name) != present.get(name)
    ]
    if left:
        push = begin(tx, PLATFORM, repository, left, now=now)
        head = finish(tx, push, left, present, now=now) or head
    return head


def _tell(tx: Transaction, push: Push, known: Repository, took: Sequence[RefUpdate], *, now: datetime) -> None:
    data = {
        "pushId": push.id,
        "date": iso(now),
        "pushedBy": dict(push.created_by),
        "repository": {"id": known.id, "name": known.name, "project": {"name": known.project}},
        "refUpdates": [{"name": one.name, "oldObjectId": one.old, "newObjectId": one.new} for one in took[:_TOLD]],
        "refUpdateCount": len(took),
    }
    told = Event(PUSHED, f"repositories/{known.name}", project_scope(known.project), push.created_by, data)
    events.append(tx, told, now=now)
