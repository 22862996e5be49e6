"""Profiles of data: measured where the files are read, kept with the content that they describe.

The platform parses no table: whoever asks for a profile measures it, and it is
kept for all who ask about the same files. So it is a word about a version,
like a description, and says whose it is.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pratique.base.errors import NotFound
from pratique.control import assets, collections
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import data_profiles
from pratique.store.assets import AssetVersion
from pratique.store.data_profiles import DataProfile
from pratique.store.database import Transaction


def get(tx: Transaction, actor: Actor, workspace: str, name: str, version: str) -> DataProfile:
    """The profile of a version of data; raises `NotFound` when nobody has made one."""
    known = assets.get(tx, actor, workspace, "data", name, version)
    if found := of_version(tx, known):
        return found
    raise NotFound(
        f"there is no profile of data {name}:{known.version} yet",
        hint=f"pratique ml data profile --name {name} --version {known.version} --workspace-name {workspace}",
    )


def of_version(tx: Transaction, version: AssetVersion) -> DataProfile | None:
    """The profile of what `version` consists of, whichever version it was made for."""
    files = collections.files_of(tx, version).digest if collections.is_growing(version) else version.manifest
    return data_profiles.get(tx, version.workspace, files) if files else None


def keep(
    tx: Transaction,
    actor: Actor,
    workspace: str,
    name: str,
    version: str,
    document: Mapping[str, Any],
    *,
    now: datetime,
) -> DataProfile:
    """Keep what was measured of a version's files; raises `NotFound` for a version without files."""
    known = assets.get(tx, actor, workspace, "data", name, version)
    permit(actor, "data/write", workspace_scope(workspace))
    files = collections.pinned(tx, known, now=now) if collections.is_growing(known) else known.manifest
    if not files:
        raise NotFound(f"data {name}:{known.version} has no files")
    made = DataProfile(workspace, files, document, now, actor.to_document())
    data_profiles.put(tx, made)
    assets.tell(tx, actor, "Pratique.DataProfiled", known, now=now)
    return made
