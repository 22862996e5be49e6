"""Runs of files that lie in hosted repositories: which commits, which other repositories, what they mean.

Other repositories are those of the same project, and PROJECT/NAME of another one that
somebody there lets the delivery read. `resources.repositories` says them by name; one
without a `ref` is taken at its default branch, and all of a run stay at the commits that were there when it was made.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.control import delivery_sources, repositories
from pratique.control.actor import PLATFORM, Actor, Kind
from pratique.control.delivery_runs import Request, known_variables
from pratique.control.delivery_sources import Source
from pratique.delivery.compile import Compiled, compiled
from pratique.delivery.message import GIT, RepositorySource
from pratique.delivery.nodes import SELF
from pratique.delivery.pipeline import Pipeline
from pratique.delivery.pipeline import Repository as Named
from pratique.delivery.refusals import refusals
from pratique.delivery.starting import Starting, starting
from pratique.delivery.templates.files import ReadFile
from pratique.specs.reader import MAX_BYTES
from pratique.store import delivery_permissions
from pratique.store import repositories as rows
from pratique.store.database import Database
from pratique.store.deliveries import Delivery
from pratique.store.git import Bare, Repositories, is_commit
from pratique.store.repositories import Repository

_HEADS: Final = "refs/heads/"


@dataclass(frozen=True)
class Wish:
    """A run of a hosted file that somebody or something wants."""

    delivery: Delivery
    branch: str
    """As a ref."""
    commit: str = ""
    """Empty: where the branch is."""
    reason: str = "Manual"
    parameters: Mapping[str, str] | None = None
    variables: Mapping[str, str] | None = None
    left_out: tuple[str, ...] = ()
    system: Mapping[str, str] | None = None
    """Variables that only this way of starting has, such as System.PullRequest.*."""


@dataclass(frozen=True)
class Prepared:
    """A run that only has to be written: see `delivery_runs.queue`."""

    request: Request
    compiled: Compiled
    known: Mapping[str, str]
    actor: Actor
    """Who asked for it."""


def on_behalf(document: Mapping[str, Any]) -> Actor:
    """Whoever an event was caused by, as the one who asked for the run; the platform itself may start it."""
    kinds: Mapping[str, Kind] = {"user": "user", "service_principal": "service_principal", "job": "job"}
    kind = kinds.get(str(document.get("type")), "platform")
    return Actor(str(document.get("id")), str(document.get("name")), kind, PLATFORM.grants)


def prepare(database: Database, files: Repositories, actor: Actor, wish: Wish, *, door: str) -> Prepared:
    """Find out what a run would be; raises with every problem of its files."""
    delivery = wish.delivery
    with database.read() as tx:
        own = repositories.found(tx, delivery.project, delivery.repository)
        others = {one.name.lower(): one for one in rows.every(tx, delivery.project)}
    bare = files.get(own.id)
    commit = wish.commit if is_commit(wish.commit) else bare.commit_of(wish.branch)
    said = bare.commits(_before(bare, commit), commit, limit=1)
    message, author = (said[0].message, said[0].author) if said else ("", "")
    request = Request(
        delivery, delivery.path, wish.branch, commit, [_document(SELF, own, wish.branch, commit, door)],
        reason=wish.reason, message=message, author=author, parameters=dict(wish.parameters or {}),
        variables=dict(wish.variables or {}), left_out=wish.left_out,
    )  # fmt: skip
    known = {**known_variables(request, actor, door=door), **(wish.system or {})}
    elsewhere = partial(_elsewhere, database, delivery)
    with _Reading(files, own, commit, delivery.path, others, elsewhere) as reading:
        found = compiled(
            reading.read, delivery.path, parameters=request.parameters, variables={**known, **request.variables}
        )
        # Units run on this machine, with the PATH of this process.
        refusals(found.pipeline, has_pwsh=shutil.which("pwsh") is not None).raise_if_any(delivery.path)
        documents = [_document(alias, one, ref, at, door) for alias, one, ref, at in reading.used(found.pipeline)]
    return Prepared(replace(request, sources=[*request.sources, *documents]), found, known, actor)


def _elsewhere(database: Database, delivery: Delivery, project: str, name: str) -> Repository:
    """A repository of another project, which the delivery was let read; raises `NotFound` for any other."""
    with database.read() as tx:
        known = rows.get(tx, project, name)
        if known is not None and delivery_permissions.is_given(
            tx, delivery_permissions.REPOSITORY, known.id, delivery.id
        ):
            return known
    raise NotFound(
        f"there is no repository {project}/{name} that the pipeline {delivery.name!r} may read",
        hint="somebody who may write there lets it in: pratique pipelines permission add --kind repository "
        f"--name {project}/{name} --pipeline {delivery.name} --project {delivery.project}",
    )


def starting_at(files: Repositories, own: Repository, commit: str, path: str) -> Starting | None:
    """When the pipeline in the file at `path` of `commit` runs; None when there is no such file."""
    with files.get(own.id).reader(commit) as at:
        try:
            body = at.read(path, limit=MAX_BYTES + 1)
        except NotFound:
            return None
    try:
        return starting(body.decode("utf-8-sig"), path)
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text") from error


def _before(bare: Bare, commit: str) -> str:
    try:
        return bare.commit_of(f"{commit}^1")
    except NotFound:
        return "0" * 40


def _document(alias: str, one: Repository, ref: str, commit: str, door: str) -> dict[str, Any]:
    address = repositories.address_of(door, one.project, one.name)
    source = RepositorySource(
        alias=alias, name=one.name, type=GIT, url=address, ref=ref, commit=commit, project=one.project
    )
    return {key: value for key, value in vars(source).items() if key != "token"}


class _Reading:
    """The files of one expansion: each repository is opened when somebody first reads from it."""

    def __init__(
        self,
        files: Repositories,
        own: Repository,
        commit: str,
        path: str,
        others: Mapping[str, Repository],
        elsewhere: Callable[[str, str], Repository],
    ) -> None:
        self._files = files
        self._path = path
        self._own = own
        self._commit = commit
        self._others = others
        self._elsewhere = elsewhere
        self._open = ExitStack()
        self._sources: dict[str, Source] = {}
        self._at: dict[str, tuple[Repository, str, str]] = {}

    def __enter__(self) -> "_Reading":
        self._sources[SELF] = self._open.enter_context(self._files.get(self._own.id).reader(self._commit))
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    @property
    def read(self) -> ReadFile:
        """What the compiler reads through."""

        def read(alias: str, path: str) -> str:
            key = (alias or SELF).lower()
            if key not in self._sources and key != SELF:
                self._sources[key] = self._opened(alias)
            return delivery_sources.reader(self._sources)(alias, path)

        return read

    def used(self, pipeline: Pipeline) -> Iterator[tuple[str, Repository, str, str]]:
        """Alias, repository, ref and commit of every other hosted repository that steps may check out."""
        named = [one for one in pipeline.resources.repositories if one.type == "git" and one.alias != SELF]
        for one in named:
            yield one.alias, *self._place(one)
        for reference in sorted(_inline(pipeline)):
            name, _, ref = reference.removeprefix("git://").partition("@")
            yield reference, *self._place(Named(reference, "git", name, pipeline.place, ref))

    def _opened(self, alias: str) -> Source:
        text = delivery_sources.reader(self._sources)(SELF, self._path)
        named = starting(text, self._path).resources.repositories
        found = next((one for one in named if one.alias.lower() == alias.lower()), None)
        if found is None:
            raise NotFound(f"there is no repository {alias} under resources.repositories")
        known, _, commit = self._place(found)
        return self._open.enter_context(self._files.get(known.id).reader(commit))

    def _place(self, named: Named) -> tuple[Repository, str, str]:
        """The repository, ref and commit that a resource means; the same each time."""
        key = f"{named.name}@{named.ref}".lower()
        if key not in self._at:
            project, slash, name = named.name.rpartition("/")
            is_elsewhere = slash and project.lower() != self._own.project.lower()
            known = self._elsewhere(project, name) if is_elsewhere else self._others.get(name.lower())
            if known is None:
                raise NotFound(
                    f"there is no repository {named.name} in the project {self._own.project}",
                    hint=f"pratique repos create --name {name} --project {self._own.project}, then push to it",
                )
            ref = named.ref if named.ref.startswith("refs/") else f"{_HEADS}{named.ref}" if named.ref else ""
            ref = ref or known.default_branch
            self._at[key] = known, ref, self._files.get(known.id).commit_of(ref)
        return self._at[key]


def _inline(pipeline: Pipeline) -> set[str]:
    """Repositories that steps name themselves, as git://PROJECT/NAME."""
    steps = (step for stage in pipeline.stages for job in stage.jobs for step in job.all_steps())
    found = (str(step.inputs.get("repository", "")) for step in steps if step.kind == "checkout")
    return {one for one in found if one.startswith("git://") and "$(" not in one}
