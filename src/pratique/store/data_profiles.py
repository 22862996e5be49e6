"""What was measured of the content of data, by the digest of its files."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from pratique.store.rows import insert_over, value_of
from pratique.store.schema import data_profiles


@dataclass(frozen=True)
class DataProfile:
    """One profile."""

    workspace: str
    manifest: str
    document: Mapping[str, Any]
    created_at: datetime
    created_by: Mapping[str, Any]


def get(tx: Connection, workspace: str, manifest: str) -> DataProfile | None:
    """The profile of the files of that manifest."""
    table = data_profiles.c
    wanted = select(data_profiles).where(table.workspace == workspace, table.manifest == manifest)
    row = tx.execute(wanted).first()
    return value_of(DataProfile, row) if row else None


def put(tx: Connection, profile: DataProfile) -> None:
    """Write a profile over the one of the same files."""
    insert_over(tx, data_profiles, [vars(profile)], ["workspace", "manifest"])
