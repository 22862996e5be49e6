"""Content of projects: working trees that people send, artifacts that runs publish.

A project holds bytes as a workspace does (`control.uploads`). People reach
them by the project, workers by their run.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeAlias

from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.content.manifest import Manifest
from pratique.control import projects
from pratique.control.actor import Actor
from pratique.control.permissions import permit, project_scope
from pratique.store import holdings, reach
from pratique.store.database import Transaction
from pratique.store.projects import holder_of

_SHOWN: Final = 20
"""Wrong sizes told at once."""

Holder: TypeAlias = Callable[[Transaction], str]
"""Asks whether the caller may, and says under which name the content is held."""


def of_project(actor: Actor, project: str, action: str) -> Holder:
    """The content of a project, for whoever may do `action` there."""

    def holder(tx: Transaction) -> str:
        projects.get(tx, actor, project)
        permit(actor, action, project_scope(project))
        return holder_of(project)

    return holder


def add_manifest(tx: Transaction, holder: str, manifest: Manifest, *, now: datetime) -> list[str]:
    """Store `manifest` when all its blobs are held; otherwise store nothing and return those missing."""
    wanted = list(dict.fromkeys(entry.digest for entry in manifest.entries))
    sizes = holdings.sizes(tx, holder, "blob", wanted)
    wrong = [
        Problem(f"is {sizes[entry.digest]} bytes long, not {entry.size}", key=entry.path)
        for entry in manifest.entries
        if sizes.get(entry.digest, entry.size) != entry.size
    ]
    if wrong:
        raise InvalidInput.of(wrong[:_SHOWN], what="manifest")
    lacking = [digest for digest in wanted if digest not in sizes]
    reach.keep(tx, holder, "blob", [*sizes], now=now)
    if not lacking:
        holdings.add_manifest(tx, holder, manifest, now=now)
        reach.keep(tx, holder, "manifest", [manifest.digest], now=now)
    return lacking


def held_manifests(tx: Transaction, holder: str, digests: Sequence[str], *, now: datetime) -> set[str]:
    """Which of `digests` are manifests that are held; these stay for a day although nothing may name them yet."""
    held = holdings.held(tx, holder, "manifest", digests)
    reach.keep(tx, holder, "manifest", [*held], now=now)
    return held


def manifest(tx: Transaction, holder: str, digest: str) -> Manifest:
    """The manifest of that digest; raises `NotFound`."""
    if found := holdings.manifest(tx, holder, digest):
        return found
    raise NotFound(f"there is no manifest {digest} here", hint="upload the files again")


def check_blob(tx: Transaction, holder: str, digest: str) -> None:
    """Raise `NotFound` unless that blob is held."""
    if not holdings.held(tx, holder, "blob", [digest]):
        raise NotFound(f"there is no content {digest} here")
