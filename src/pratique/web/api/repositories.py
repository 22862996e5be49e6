"""Git repositories of a project; git itself comes to `pratique.web.git`."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.control import repositories
from pratique.control.actor import Actor
from pratique.store import projects
from pratique.store import repositories as rows
from pratique.store.database import Transaction
from pratique.store.repositories import Push, Repository
from pratique.web.api.fields import RequestBody
from pratique.web.auth import allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(prefix="/delivery/projects/{project}/repositories", tags=["delivery"])
# A role may be given at one repository, and the verbs ask there.
Reader = Annotated[Actor, Depends(allow_somewhere("repositories/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("repositories/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("repositories/delete"))]


class NewBody(RequestBody):
    """A new repository."""

    source: Annotated[str, Field(max_length=2000)] = ""
    login: Annotated[str, Field(max_length=8000)] = ""
    """USER:SECRET for the source; never shown."""


class ChangesBody(RequestBody):
    """What may change of a repository."""

    default_branch: Annotated[str, Field(max_length=1000)] | None = None
    denies_force: bool | None = None
    denies_deletes: bool | None = None
    login: Annotated[str, Field(max_length=8000)] = ""
    """USER:SECRET for the source; never shown."""


def document(tx: Transaction, one: Repository, platform: Platform) -> dict[str, Any]:
    """A repository as Azure DevOps prints it; one without a commit has no default branch."""
    project = projects.get(tx, one.project)
    address = repositories.address_of(platform.door, one.project, one.name)
    is_empty = one.default_branch not in rows.refs(tx, one.id)
    return {
        "id": one.id,
        "name": one.name,
        "defaultBranch": None if is_empty else one.default_branch,
        "project": {"id": project.id if project else "", "name": one.project, "state": "wellFormed"},
        "remoteUrl": address,
        "sshUrl": None,
        "webUrl": address,
        "url": f"{platform.door}/api/v1/delivery/projects/{one.project}/repositories/{one.name}",
        "isDisabled": False,
        "isFork": None,
        "deniesForcePush": one.denies_force,
        "deniesDeletes": one.denies_deletes,
        "source": one.source or None,
        "sourceProblem": one.problem or None,
        "sourceNeedsLogin": bool(one.source_login),
    }


def push_document(push: Push) -> dict[str, Any]:
    """A push, with what it moved and what each pipeline made of it."""
    return {
        "pushId": push.id,
        "state": push.state,
        "date": iso(push.received_at or push.created_at),
        "pushedBy": dict(push.created_by),
        "refUpdates": [{"name": one.name, "oldObjectId": one.old, "newObjectId": one.new} for one in push.moved],
        "decisions": [dict(one) for one in push.decisions],
    }


@router.get("")
def every(platform: Here, actor: Reader, project: str) -> list[dict[str, Any]]:
    """The repositories of a project that the caller may see."""
    with platform.database.read() as tx:
        return [document(tx, one, platform) for one in repositories.every(tx, actor, project)]


@router.put("/{repository}", status_code=201)
def create(
    platform: Here, actor: Writer, project: str, repository: str, body: Annotated[NewBody, Body()]
) -> dict[str, Any]:
    """Make an empty repository, or one that follows another."""
    made = repositories.create(
        platform.database, platform.repositories, actor, project, repository,
        source=body.source, login=body.login, sealer=platform.sealer, now=utc_now(),
    )  # fmt: skip
    with platform.database.read() as tx:
        return document(tx, made, platform)


@router.get("/{repository}")
def get(platform: Here, actor: Reader, project: str, repository: str) -> dict[str, Any]:
    """One repository."""
    with platform.database.read() as tx:
        return document(tx, repositories.get(tx, actor, project, repository), platform)


@router.patch("/{repository}")
def update(
    platform: Here, actor: Writer, project: str, repository: str, body: Annotated[ChangesBody, Body()]
) -> dict[str, Any]:
    """Change the default branch, or what may be pushed."""
    with platform.database.write() as tx:
        known = repositories.get(tx, actor, project, repository)
        changed = repositories.update(tx, actor, known, **body.model_dump(), sealer=platform.sealer, now=utc_now())
        told = document(tx, changed, platform)
    if changed.default_branch != known.default_branch:
        platform.repositories.get(changed.id).set_head(changed.default_branch)
    return told


@router.delete("/{repository}")
def delete(platform: Here, actor: Deleter, project: str, repository: str) -> dict[str, Any]:
    """Remove a repository with all that was pushed to it."""
    with platform.database.write() as tx:
        known = repositories.get(tx, actor, project, repository)
        repositories.delete(tx, actor, known, now=utc_now())
    platform.repositories.remove(known.id)
    return {}


@router.get("/{repository}/refs")
def refs(platform: Here, actor: Reader, project: str, repository: str) -> list[dict[str, Any]]:
    """Branches, tags and the like, with where they are."""
    with platform.database.read() as tx:
        known = repositories.get(tx, actor, project, repository)
        found = rows.refs(tx, known.id)
    return [{"name": name, "objectId": found[name]} for name in sorted(found)]


@router.get("/{repository}/pushes")
def pushes(
    platform: Here, actor: Reader, project: str, repository: str, top: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[dict[str, Any]]:
    """The newest pushes, newest first."""
    with platform.database.read() as tx:
        known = repositories.get(tx, actor, project, repository)
        return [push_document(one) for one in rows.pushes_of(tx, known.id, limit=top)]
