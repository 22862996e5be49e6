"""Secrets of a vault: set as versions, read, deleted for the time being, recovered, purged.

An access policy decides, and every use of a value is an event that names who,
which vault, which secret and which version, and never the value. The same
refusal comes whether or not there is such a secret.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound, Problem
from pratique.base.ids import new_id
from pratique.base.names import check_name
from pratique.control import vaults as vault_rules
from pratique.control.actor import Actor
from pratique.control.permissions import vault_scope
from pratique.store import events, vaults
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.sealing import Sealer
from pratique.store.vaults import Secret, SecretVersion, Vault

LONGEST: Final = 25_600
"""Bytes of a value, as Azure has it."""

_VERSION: Final = re.compile(r"[0-9a-fA-F]{32}", re.ASCII)


@dataclass(frozen=True)
class NewSecret:
    """What is said of a new version; the value is nowhere shown."""

    value: str = field(repr=False)
    content_type: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    is_enabled: bool = True
    not_before: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Found:
    """A secret with one of its versions."""

    vault: Vault
    secret: Secret
    version: SecretVersion


@dataclass(frozen=True)
class Opened:
    """The same with its value."""

    found: Found
    value: str = field(repr=False)


def put(
    tx: Transaction, actor: Actor, vault: str, name: str, said: NewSecret, *, sealer: Sealer, now: datetime
) -> Found:
    """Write another version of a secret, which is the current one from now on."""
    where = _vault(tx, actor, vault, "set")
    check_name("secret", name)
    _check_value(said.value)
    known = vaults.secret(tx, where.name, name)
    if known and known.deleted_at and not _is_gone(known, now):
        raise Conflict(
            f"the secret {known.name!r} of the vault {where.name!r} is deleted and can be recovered",
            hint=f"pratique keyvault secret recover --vault-name {where.name} --name {known.name}",
        )
    if known and known.deleted_at:
        vaults.remove_secret(tx, known)
        known = None
    secret = known or Secret(where.name, name.lower(), name, None, None)
    if known is None:
        vaults.add_secret(tx, secret)
    before = vaults.version(tx, secret)
    made = _version(secret, (before.ordinal if before else 0) + 1, said, now)
    made = replace(made, value=sealer.seal(said.value, context=made.context))
    vaults.add_version(tx, made)
    _tell(tx, actor, "Pratique.SecretSet", secret, made.version, now=now)
    return Found(where, secret, made)


def get(
    tx: Transaction, actor: Actor, vault: str, name: str, version: str = "", *, sealer: Sealer, now: datetime
) -> Opened:
    """A version of a secret with its value, the current one by default; written down as an event.

    Raises `NotFound`, and `Forbidden` for one that is disabled; dates are told and not enforced, as in Azure.
    """
    where = _vault(tx, actor, vault, "get")
    secret, found = _readable(tx, where, name, version)
    value = sealer.open(found.value, context=found.context)
    _tell_read(tx, actor.to_document(), secret, found.version, actor.run, now)
    return Opened(Found(where, secret, found), value)


@dataclass(frozen=True)
class GroupReader:
    """A variable group that reads for a run."""

    document: Mapping[str, Any]
    """As events show it."""
    holder: str
    """By which vaults know it."""
    run: int
    is_first: Callable[[str, str], bool]
    """Told the name and the version, whether the run reads it for the first time."""


def read_for_group(
    tx: Transaction, reader: GroupReader, vault: str, name: str, *, sealer: Sealer, now: datetime
) -> str:
    """The current value of a secret for a variable group, by its own policy; the first time in a run is an event."""
    where = vaults.get(tx, vault)
    held = vaults.policy(tx, where.name, reader.holder) if where and not where.deleted_at else None
    if where is None or held is None or "get" not in held.permissions:
        raise Forbidden(
            f"the variable group {reader.document.get('name')!r} may not read the vault {vault!r} (any more)",
            hint=f"link it again: pratique pipelines variable-group update "
            f"--group-id {reader.holder.partition(':')[2]} --vault {vault}",
        )
    secret, version = _readable(tx, where, name, "")
    if reader.is_first(secret.name, version.version):
        _tell_read(tx, reader.document, secret, version.version, reader.run, now)
    return sealer.open(version.value, context=version.context)


def every(tx: Transaction, actor: Actor, vault: str, *, deleted: bool = False) -> list[Found]:
    """The secrets with their current versions, or those that are deleted, by name; without values."""
    where = _vault(tx, actor, vault, "list")
    newest = vaults.newest_versions(tx, where.name)
    return [Found(where, one, newest[one.key]) for one in vaults.secrets_of(tx, where.name, deleted=deleted)]


def versions(tx: Transaction, actor: Actor, vault: str, name: str) -> list[Found]:
    """Every version of a secret, the newest first; without values."""
    where = _vault(tx, actor, vault, "list")
    secret = _secret(tx, where, name)
    return [Found(where, secret, one) for one in vaults.versions(tx, secret)]


def change(
    tx: Transaction,
    actor: Actor,
    vault: str,
    name: str,
    version: str = "",
    *,
    changes: Mapping[str, Any],
    now: datetime,
) -> Found:
    """Change what is said about a version: content_type, tags, is_enabled, not_before, expires_at."""
    where = _vault(tx, actor, vault, "set")
    secret = _secret(tx, where, name)
    changed = replace(_version_of(tx, where, secret, version), **changes, updated_at=now)
    vaults.change_version(tx, changed)
    _tell(tx, actor, "Pratique.SecretUpdated", secret, changed.version, now=now, changed=sorted(changes))
    return Found(where, secret, changed)


def delete(tx: Transaction, actor: Actor, vault: str, name: str, *, now: datetime) -> Found:
    """Delete a secret with every version for as long as its vault keeps what is deleted."""
    where = _vault(tx, actor, vault, "delete")
    secret = _secret(tx, where, name)
    purge_at = now + timedelta(days=where.retention_days)
    vaults.change_secret(tx, secret, deleted_at=now, purge_at=purge_at)
    _tell(tx, actor, "Pratique.SecretDeleted", secret, "", now=now)
    return _whole(tx, where, replace(secret, deleted_at=now, purge_at=purge_at))


def recover(tx: Transaction, actor: Actor, vault: str, name: str, *, now: datetime) -> Found:
    """Take a deleted secret back with every version."""
    where = _vault(tx, actor, vault, "recover")
    secret = _deleted(tx, where, name, now)
    vaults.change_secret(tx, secret, deleted_at=None, purge_at=None)
    _tell(tx, actor, "Pratique.SecretRecovered", secret, "", now=now)
    return _whole(tx, where, replace(secret, deleted_at=None, purge_at=None))


def purge(tx: Transaction, actor: Actor, vault: str, name: str, *, now: datetime) -> None:
    """Remove a deleted secret for good."""
    where = _vault(tx, actor, vault, "purge")
    secret = _deleted(tx, where, name, now)
    vaults.remove_secret(tx, secret)
    _tell(tx, actor, "Pratique.SecretPurged", secret, "", now=now)


def _readable(tx: Transaction, where: Vault, name: str, version: str) -> tuple[Secret, SecretVersion]:
    """A secret and a version of it, the current one for none; raises `Forbidden` for one that is disabled."""
    secret = _secret(tx, where, name)
    found = _version_of(tx, where, secret, version)
    if not found.is_enabled:
        raise Forbidden(
            f"the secret {secret.name!r} of the vault {where.name!r} is disabled",
            hint=f"pratique keyvault secret set-attributes --vault-name {where.name} --name {secret.name} "
            "--enabled true",
        )
    return secret, found


def _vault(tx: Transaction, actor: Actor, name: str, permission: str) -> Vault:
    where = vault_rules.get(tx, actor, name)
    vault_rules.permit_secrets(tx, actor, where, permission)
    return where


def _secret(tx: Transaction, where: Vault, name: str) -> Secret:
    found = vaults.secret(tx, where.name, name)
    if found is None or found.deleted_at:
        raise NotFound(
            f"there is no secret {name[:127]!r} in the vault {where.name!r}",
            hint=f"pratique keyvault secret list --vault-name {where.name}",
        )
    return found


def _deleted(tx: Transaction, where: Vault, name: str, now: datetime) -> Secret:
    found = vaults.secret(tx, where.name, name)
    if found is None or not found.deleted_at or _is_gone(found, now):
        raise NotFound(
            f"there is no deleted secret {name[:127]!r} in the vault {where.name!r}",
            hint=f"pratique keyvault secret list-deleted --vault-name {where.name}",
        )
    return found


def _version_of(tx: Transaction, where: Vault, secret: Secret, version: str) -> SecretVersion:
    found = vaults.version(tx, secret, version) if not version or _VERSION.fullmatch(version) else None
    if found is None:
        raise NotFound(
            f"the secret {secret.name!r} of the vault {where.name!r} has no version {version[:64]!r}",
            hint=f"pratique keyvault secret list-versions --vault-name {where.name} --name {secret.name}",
        )
    return found


def _whole(tx: Transaction, where: Vault, secret: Secret) -> Found:
    return Found(where, secret, _version_of(tx, where, secret, ""))


def _is_gone(secret: Secret, now: datetime) -> bool:
    """Whether its time has come, even if nobody has purged it yet."""
    return secret.purge_at is not None and secret.purge_at <= now


def _check_value(value: str) -> None:
    size = len(value.encode("utf-8", "surrogatepass"))
    if size > LONGEST:
        said = f"a value has at most {LONGEST:,} bytes, this one {size:,}"
        raise InvalidInput(said, problems=[Problem(said, key="value")])
    if not value or "\0" in value or not _is_text(value):
        said = "a value is text with at least one character and no NUL"
        raise InvalidInput(said, problems=[Problem(said, key="value", hint="--encoding base64 keeps any bytes")])


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _version(secret: Secret, ordinal: int, said: NewSecret, now: datetime) -> SecretVersion:
    return SecretVersion(
        vault=secret.vault,
        key=secret.key,
        version=new_id().replace("-", ""),
        ordinal=ordinal,
        value="",
        content_type=said.content_type,
        tags=dict(said.tags),
        is_enabled=said.is_enabled,
        not_before=said.not_before,
        expires_at=said.expires_at,
        created_at=now,
        updated_at=now,
    )


def _tell(
    tx: Transaction,
    actor: Actor,
    kind: str,
    secret: Secret,
    version: str,
    *,
    now: datetime,
    changed: list[str] | None = None,
) -> None:
    data: dict[str, Any] = {"vault": secret.vault, "name": secret.name}
    data |= {"version": version} if version else {}
    data |= {"changed": changed} if changed is not None else {}
    subject = f"vaults/{secret.vault}/secrets/{secret.name}"
    events.append(tx, Event(kind, subject, vault_scope(secret.vault), actor.to_document(), data), now=now)


def _tell_read(
    tx: Transaction, reader: Mapping[str, Any], secret: Secret, version: str, run: int | None, now: datetime
) -> None:
    data: dict[str, Any] = {"vault": secret.vault, "name": secret.name, "version": version}
    data |= {"run": run} if run is not None else {}
    subject = f"vaults/{secret.vault}/secrets/{secret.name}"
    event = Event("Pratique.SecretRead", subject, vault_scope(secret.vault), reader, data)
    events.append(tx, event, now=now)
