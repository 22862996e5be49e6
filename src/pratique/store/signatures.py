"""Signatures of models by the digest of their files, and the keys that a workspace trusts.

A signature stays when its key is no longer trusted, and counts again when it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import model_signatures, trusted_keys


@dataclass(frozen=True)
class TrustedKey:
    """A public key whose signatures a workspace believes."""

    workspace: str
    fingerprint: str
    name: str
    pem: str
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class ModelSignature:
    """That a key has signed the files of a manifest."""

    workspace: str
    manifest: str
    fingerprint: str
    pem: str
    blob: str
    """The digest of the document."""
    created_at: datetime
    created_by: Mapping[str, Any]


def put(tx: Connection, signature: ModelSignature) -> None:
    """Write a signature over the one of the same key of the same files."""
    insert_over(tx, model_signatures, [vars(signature)], ["workspace", "manifest", "fingerprint"])


def of_manifest(tx: Connection, workspace: str, manifest: str) -> list[ModelSignature]:
    """The signatures of these files, the oldest first."""
    table = model_signatures.c
    wanted = select(model_signatures).where(table.workspace == workspace, table.manifest == manifest)
    return values_of(ModelSignature, tx.execute(wanted.order_by(table.created_at, table.fingerprint)))


def trust(tx: Connection, key: TrustedKey) -> None:
    """Write a new trusted key."""
    tx.execute(insert(trusted_keys).values(**vars(key)))


def trusted(tx: Connection, workspace: str) -> list[TrustedKey]:
    """The keys that a workspace trusts, by name."""
    wanted = select(trusted_keys).where(trusted_keys.c.workspace == workspace).order_by(trusted_keys.c.name)
    return values_of(TrustedKey, tx.execute(wanted))


def trusted_key(tx: Connection, workspace: str, name: str) -> TrustedKey | None:
    """The trusted key of that name."""
    table = trusted_keys.c
    row = tx.execute(select(trusted_keys).where(table.workspace == workspace, table.name == name)).first()
    return value_of(TrustedKey, row) if row else None


def distrust(tx: Connection, key: TrustedKey) -> None:
    """Remove a trusted key."""
    table = trusted_keys.c
    tx.execute(delete(trusted_keys).where(table.workspace == key.workspace, table.fingerprint == key.fingerprint))
