"""Git repositories of a project: made, changed, removed; the address is Azure Repos', with one organization.

<door>/pratique/PROJECT/_git/REPOSITORY
"""

from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control.actor import Actor
from pratique.control.permissions import is_permitted, permit, project_scope, repository_scope
from pratique.control.scopes import HOME
from pratique.store import deliveries, delivery_permissions, events, principals, projects, repositories
from pratique.store.database import Database, Transaction
from pratique.store.events import Event
from pratique.store.git import Repositories, check_branch
from pratique.store.repositories import Repository
from pratique.store.sealing import Sealer

ORGANIZATION: Final = "pratique"
"""A home is one organization, which stands first in the address of every repository."""
DEFAULT_BRANCH: Final = "refs/heads/main"


def address_of(door: str, project: str, name: str) -> str:
    """Where a repository is cloned from."""
    return f"{door}/{ORGANIZATION}/{project}/_git/{name}"


def create(
    database: Database,
    files: Repositories,
    actor: Actor,
    project: str,
    name: str,
    *,
    source: str = "",
    login: str = "",
    sealer: Sealer | None = None,
    now: datetime,
) -> Repository:
    """Make an empty repository, which follows `source` if that is given: a path of this machine, or a URL.

    `login` is the USER:SECRET that the URL asks for, which `sealer` seals. Raises `AlreadyExists`, and `NotFound` for a
    project that is not there.
    """
    with database.read() as tx:
        check_free(tx, actor, project, name)
    if source or login:
        check_source(actor, source)
        _check_login(source, login)
    made = Repository(
        new_id(), project, name, DEFAULT_BRANCH, False, False, now, now, actor.to_document(),
        source=source, look_at=now if source else None,
    )  # fmt: skip
    made = _with_login(made, login, sealer)
    files.make(made.id, made.default_branch)
    try:
        with database.write() as tx:
            check_free(tx, actor, project, name)
            repositories.add(tx, made)
            tell(tx, actor, "Pratique.RepositoryCreated", made, now=now)
    except BaseException:
        files.remove(made.id)
        raise
    return made


def check_source(actor: Actor, source: str) -> None:
    """Raise unless a repository may follow `source`: whoever lets one read files of this machine is an Owner of it."""
    if source.startswith("/"):
        permit(actor, "principals/write", HOME)
        if not source.isprintable():
            raise InvalidInput(f"{source[:200]!r} is no path")
        return
    try:
        parts = urlsplit(source)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_address = False
    if not is_address or not source.isascii() or not source.isprintable() or " " in source:
        said = f"{source[:200]!r} can be followed by nobody: expected https://… without a user, or a path from the root"
        hint = "pratique repos import create brings what needs a login, with your git"
        raise InvalidInput(said, hint=hint, problems=[Problem(said, key="source")])


def _check_login(source: str, login: str) -> None:
    """Raise `InvalidInput` for a login that can be sent nowhere: to a path, or with a line break in it."""
    if not login:
        return
    user, colon, secret = login.partition(":")
    if source.startswith("/") or not colon or not secret or not login.isprintable() or not user.isascii():
        said = "a login is a user and a secret for the URL of another repository"
        raise InvalidInput(said, hint="--from URL --user-name NAME", problems=[Problem(said, key="login")])


def _with_login(known: Repository, login: str, sealer: Sealer | None) -> Repository:
    if not login or sealer is None:
        return known
    return replace(known, source_login=sealer.seal(login, context=known.login_context))


def check_free(tx: Transaction, actor: Actor, project: str, name: str) -> None:
    """Raise unless `actor` may make a repository of that name, in a project that is there."""
    permit(actor, "repositories/write", repository_scope(project, name))
    check_name("repository", name)
    if projects.get(tx, check_name("delivery project", project)) is None:
        raise NotFound(
            f"there is no project {project!r}", hint=f"make it: pratique devops project create --name {project}"
        )
    known = {one.name.casefold() for one in repositories.every(tx, project)}
    if name.casefold() in known:
        raise AlreadyExists(f"the project {project!r} has a repository {name!r} already", hint="pratique repos list")


def get(tx: Transaction, actor: Actor, project: str, name: str) -> Repository:
    """The repository called `name`, or with that id; raises `NotFound`."""
    permit(actor, "repositories/read", repository_scope(project, name))
    return found(tx, project, name)


def found(tx: Transaction, project: str, name: str) -> Repository:
    """The same without asking who wants it."""
    if (known := repositories.get(tx, project, name)) is None:
        raise NotFound(
            f"there is no repository {name[:64]!r} in the project {project[:64]!r}",
            hint=f"pratique repos list --project {project[:64]}",
        )
    return known


def by_id(tx: Transaction, actor: Actor, id: str) -> Repository:  # noqa: A002 - the column's name.
    """The repository with that id; raises `NotFound`, also for one that the caller may not see."""
    known = repositories.by_id(tx, id)
    if known is None or not is_permitted(actor, "repositories/read", repository_scope(known.project, known.name)):
        raise NotFound(f"there is no repository with the id {id[:36]!r}", hint="pratique repos list")
    return known


def named(tx: Transaction, actor: Actor, project: str, which: str) -> Repository:
    """The repository of a project by name, or of any project by its id; raises `NotFound`."""
    known = repositories.by_id(tx, which)
    return get(tx, actor, project, which) if known is None else by_id(tx, actor, which)


def every(tx: Transaction, actor: Actor, project: str) -> list[Repository]:
    """The repositories of a project that the caller may see, by name."""
    if is_permitted(actor, "repositories/read", project_scope(project)) and projects.get(tx, project) is None:
        raise NotFound(f"there is no project {project[:64]!r}", hint="pratique devops project list")
    return [
        one
        for one in repositories.every(tx, project)
        if is_permitted(actor, "repositories/read", repository_scope(project, one.name))
    ]


def update(
    tx: Transaction,
    actor: Actor,
    known: Repository,
    *,
    default_branch: str | None = None,
    denies_force: bool | None = None,
    denies_deletes: bool | None = None,
    login: str = "",
    sealer: Sealer | None = None,
    now: datetime,
) -> Repository:
    """Change what is given; the caller makes HEAD follow a new default branch, which must be there."""
    permit(actor, "repositories/write", repository_scope(known.project, known.name))
    if login and not known.source:
        raise InvalidInput(f"{known.name} follows nothing, so it needs no login", hint="pratique repos create --from")
    _check_login(known.source, login)
    branch = check_branch(default_branch) if default_branch is not None else known.default_branch
    if branch != known.default_branch and branch not in repositories.refs(tx, known.id):
        raise NotFound(f"there is no branch {branch}", hint="push it first")
    changed = replace(
        known,
        default_branch=branch,
        denies_force=known.denies_force if denies_force is None else denies_force,
        denies_deletes=known.denies_deletes if denies_deletes is None else denies_deletes,
        updated_at=now,
    )
    if login:
        changed = replace(_with_login(changed, login, sealer), look_at=now)
    repositories.change(tx, changed)
    tell(tx, actor, "Pratique.RepositoryUpdated", changed, now=now)
    return changed


def delete(tx: Transaction, actor: Actor, known: Repository, *, now: datetime) -> None:
    """Remove a repository; the caller removes its files afterwards. `Conflict` while pipelines are made of it."""
    permit(actor, "repositories/delete", repository_scope(known.project, known.name))
    users = [one.name for one in deliveries.of_repository(tx, known.project, known.name)]
    if users:
        raise Conflict(
            f"pipelines are made of this repository: {', '.join(users)}",
            hint=f"delete them first: pratique pipelines delete --project {known.project} --id ID --yes",
        )
    repositories.remove(tx, known.id)
    for kind in (delivery_permissions.REPOSITORY, delivery_permissions.PUSH):
        delivery_permissions.forget(tx, kind, known.id)
    # A role must not wait for a repository that somebody makes later under the same name.
    principals.unassign_from(tx, repository_scope(known.project, known.name))
    tell(tx, actor, "Pratique.RepositoryDeleted", known, now=now)


def tell(tx: Transaction, actor: Actor, kind: str, one: Repository, *, now: datetime) -> None:
    """Write what happened to a repository."""
    data = {"id": one.id, "name": one.name, "project": one.project, "default_branch": one.default_branch}
    data |= {"source": one.source} if one.source else {}
    subject, source = f"repositories/{one.name}", project_scope(one.project)
    events.append(tx, Event(kind, subject, source, actor.to_document(), data), now=now)
