"""Content by who holds it: a workspace, or a project for its deliveries.

Whether the caller may is asked before, where it is known what the holder is:
`control.uploads` for workspaces, `control.delivery_content` for projects.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from pratique.base.errors import InvalidInput, NotFound, Problem
from pratique.content.manifest import Manifest
from pratique.store import holdings, reach
from pratique.store.database import Transaction

_SHOWN: Final = 20
"""Wrong sizes told at once."""


def add_manifest(tx: Transaction, holder: str, manifest: Manifest, *, now: datetime) -> list[str]:
    """Store `manifest` when all its blobs are held; otherwise store nothing and return those missing.

    The missing digests come each once, in the order of the manifest. Raises
    `InvalidInput` for a size that is not the one of the blob.
    """
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
    reach.keep(tx, holder, "blob", [*sizes], now=now)  # The client is about to send only what is lacking.
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
