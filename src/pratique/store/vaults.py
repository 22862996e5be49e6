"""Vaults, who may do what with their secrets, and the versions of each secret, sealed.

    a secret   there ──delete──► deleted ──purge, or its time──► gone
                 └──────◄──recover──┘

Names differ by more than case: rows are found by the name in lower case (`key`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, func, insert, select, update

from pratique.store.rows import insert_over, value_of, values_of
from pratique.store.schema import secret_versions, secrets, vault_policies, vaults

VALUE: Final = "vaults/{vault}/{key}/{version}"
"""What the value of a version is bound to."""


@dataclass(frozen=True)
class Vault:
    """One vault; with a `deleted_at` it waits to be recovered or purged."""

    name: str
    resource_group: str
    location: str
    tags: Mapping[str, str]
    retention_days: int
    deleted_at: datetime | None
    created_at: datetime
    created_by: Mapping[str, Any]


@dataclass(frozen=True)
class Policy:
    """What one holder may do with the secrets of one vault."""

    vault: str
    holder: str
    """The id of a principal, or ``variable-group:ID``."""
    permissions: Sequence[str]


@dataclass(frozen=True)
class Secret:
    """The name of a secret; what it says is in its versions."""

    vault: str
    key: str
    name: str
    deleted_at: datetime | None
    purge_at: datetime | None


@dataclass(frozen=True)
class SecretVersion:
    """One value that a secret had or has."""

    vault: str
    key: str
    version: str
    ordinal: int
    value: str
    """Sealed."""
    content_type: str
    tags: Mapping[str, str]
    is_enabled: bool
    not_before: datetime | None
    expires_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def __repr__(self) -> str:
        return f"SecretVersion({self.vault}/{self.key}/{self.version})"

    @property
    def context(self) -> str:
        """What its value is bound to."""
        return VALUE.format(vault=self.vault, key=self.key, version=self.version)


# --- vaults -------------------------------------------------------------------------------------------------------


def add(tx: Connection, vault: Vault) -> None:
    """Write a new vault."""
    tx.execute(insert(vaults).values(**vars(vault)))


def change(tx: Connection, vault: Vault) -> None:
    """Write a vault over the one of its name."""
    tx.execute(update(vaults).where(vaults.c.name == vault.name).values(**vars(vault)))


def get(tx: Connection, name: str) -> Vault | None:
    """The vault called `name`, in any case, deleted or not."""
    row = tx.execute(select(vaults).where(func.lower(vaults.c.name) == name.lower())).first()
    return value_of(Vault, row) if row else None


def every(tx: Connection) -> list[Vault]:
    """All vaults, deleted ones included, by name."""
    return values_of(Vault, tx.execute(select(vaults).order_by(vaults.c.name)))


def in_group(tx: Connection, group: str) -> list[Vault]:
    """The vaults of a resource group, deleted ones included."""
    return values_of(Vault, tx.execute(select(vaults).where(vaults.c.resource_group == group)))


def remove(tx: Connection, name: str) -> None:
    """Remove a vault with everything in it."""
    tx.execute(delete(vaults).where(vaults.c.name == name))


# --- policies -----------------------------------------------------------------------------------------------------


def put_policy(tx: Connection, policy: Policy) -> None:
    """Let the holder have these permissions and no others."""
    row = {**vars(policy), "permissions": list(policy.permissions)}
    insert_over(tx, vault_policies, [row], ["vault", "holder"])


def policy(tx: Connection, vault: str, holder: str) -> Policy | None:
    """What `holder` may do there; None when nothing was said."""
    table = vault_policies.c
    row = tx.execute(select(vault_policies).where(table.vault == vault, table.holder == holder)).first()
    return value_of(Policy, row) if row else None


def policies(tx: Connection, vault: str) -> list[Policy]:
    """Everybody who may do something there, by holder."""
    wanted = select(vault_policies).where(vault_policies.c.vault == vault).order_by(vault_policies.c.holder)
    return values_of(Policy, tx.execute(wanted))


def lets(tx: Connection, holder: str) -> bool:
    """Whether some vault lets `holder` do something."""
    wanted = select(vault_policies.c.vault).where(vault_policies.c.holder == holder).limit(1)
    return tx.execute(wanted).first() is not None


def remove_policy(tx: Connection, vault: str, holder: str) -> None:
    """Let `holder` do nothing there any more."""
    table = vault_policies.c
    tx.execute(delete(vault_policies).where(table.vault == vault, table.holder == holder))


def remove_policies_of(tx: Connection, holder: str) -> None:
    """Let `holder` do nothing anywhere any more."""
    tx.execute(delete(vault_policies).where(vault_policies.c.holder == holder))


# --- secrets ------------------------------------------------------------------------------------------------------


def add_secret(tx: Connection, secret: Secret) -> None:
    """Write a new name."""
    tx.execute(insert(secrets).values(**vars(secret)))


def change_secret(tx: Connection, secret: Secret, *, deleted_at: datetime | None, purge_at: datetime | None) -> None:
    """Delete a secret for the time being, or take it back."""
    table = secrets.c
    here = (table.vault == secret.vault, table.key == secret.key)
    tx.execute(update(secrets).where(*here).values(deleted_at=deleted_at, purge_at=purge_at))


def secret(tx: Connection, vault: str, name: str) -> Secret | None:
    """The secret called `name`, in any case, deleted or not."""
    table = secrets.c
    row = tx.execute(select(secrets).where(table.vault == vault, table.key == name.lower())).first()
    return value_of(Secret, row) if row else None


def secrets_of(tx: Connection, vault: str, *, deleted: bool = False) -> list[Secret]:
    """The secrets that are there, or those that are deleted, by name."""
    table = secrets.c
    state = table.deleted_at.is_not(None) if deleted else table.deleted_at.is_(None)
    return values_of(Secret, tx.execute(select(secrets).where(table.vault == vault, state).order_by(table.key)))


def remove_secret(tx: Connection, secret: Secret) -> None:
    """Remove a secret with every version."""
    tx.execute(delete(secrets).where(secrets.c.vault == secret.vault, secrets.c.key == secret.key))


def purge_due(tx: Connection, *, now: datetime) -> list[Secret]:
    """Remove the deleted secrets whose time has come; which they were."""
    table = secrets.c
    due = values_of(Secret, tx.execute(select(secrets).where(table.purge_at <= now)))
    for one in due:
        remove_secret(tx, one)
    return due


def add_version(tx: Connection, version: SecretVersion) -> None:
    """Write a new version."""
    tx.execute(insert(secret_versions).values(**vars(version)))


def change_version(tx: Connection, version: SecretVersion) -> None:
    """Write a version over the one of its name."""
    table = secret_versions.c
    here = (table.vault == version.vault, table.key == version.key, table.version == version.version)
    tx.execute(update(secret_versions).where(*here).values(**vars(version)))


def version(tx: Connection, secret: Secret, version: str = "") -> SecretVersion | None:
    """A version by its name, or the newest."""
    table = secret_versions.c
    wanted = select(secret_versions).where(table.vault == secret.vault, table.key == secret.key)
    if version:
        wanted = wanted.where(table.version == version.lower())
    row = tx.execute(wanted.order_by(table.ordinal.desc()).limit(1)).first()
    return value_of(SecretVersion, row) if row else None


def versions(tx: Connection, secret: Secret) -> list[SecretVersion]:
    """Every version of a secret, the newest first."""
    table = secret_versions.c
    wanted = select(secret_versions).where(table.vault == secret.vault, table.key == secret.key)
    return values_of(SecretVersion, tx.execute(wanted.order_by(table.ordinal.desc())))


def newest_versions(tx: Connection, vault: str) -> dict[str, SecretVersion]:
    """The newest version of every secret, by key."""
    rows = select(secret_versions).where(secret_versions.c.vault == vault).order_by(secret_versions.c.ordinal)
    return {one.key: one for one in values_of(SecretVersion, tx.execute(rows))}
