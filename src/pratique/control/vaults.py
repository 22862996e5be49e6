"""Vaults: made, shown, deleted for the time being, recovered, purged; and who may do what with their secrets.

A role decides about the vault, and an access policy or a role of secrets (Key
Vault Secrets User, Key Vault Secrets Officer, or one that names data actions)
about the secrets in it. No other role reads a secret, not even Owner: whoever
makes a vault is given all permissions by a policy, and every other policy or
role is given by an Owner, with its event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from pratique.base.errors import AlreadyExists, Conflict, Forbidden, InvalidInput, NotFound, Problem
from pratique.base.names import check_name
from pratique.control import groups
from pratique.control.actor import Actor
from pratique.control.permissions import is_permitted, permit, vault_scope
from pratique.control.roles import find_principal
from pratique.store import events, principals, variable_groups, vaults
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.vaults import Policy, Vault

PERMISSIONS: Final = ("get", "list", "set", "delete", "recover", "purge")
"""What a policy can allow; Azure's `all` means every one, and its backup and restore are not here."""

RETENTION_DAYS: Final = 90

GROUP: Final = "variable-group:"
"""Begins the holder that is a variable group."""


def create(
    tx: Transaction,
    actor: Actor,
    name: str,
    *,
    group: str,
    location: str = "",
    tags: Mapping[str, str] | None = None,
    retention_days: int = RETENTION_DAYS,
    now: datetime,
) -> Vault:
    """Make a vault, whose maker may do everything with its secrets; raises `AlreadyExists`."""
    check_name("vault", name)
    permit(actor, "vaults/write", vault_scope(name))
    if not 7 <= retention_days <= 90:
        said = f"expected 7 to 90 days, got {retention_days}"
        raise InvalidInput(f"retention-days: {said}", problems=[Problem(said, key="retention_days")])
    if known := vaults.get(tx, name):
        if known.deleted_at:
            raise Conflict(
                f"the vault {known.name!r} is deleted and can be recovered",
                hint=f"pratique keyvault recover --name {name}, or pratique keyvault purge --name {name}",
            )
        raise AlreadyExists(f"there is a vault {known.name!r} already", hint="choose another name")
    where = groups.get(tx, actor, group).location
    made = Vault(name, group, location or where, tags or {}, retention_days, None, now, actor.to_document())
    vaults.add(tx, made)
    vaults.put_policy(tx, Policy(name, actor.id, PERMISSIONS))
    _tell(tx, actor, "Pratique.VaultCreated", made, now=now)
    return made


def get(tx: Transaction, actor: Actor, name: str) -> Vault:
    """The vault called `name`; raises `NotFound`, also for one that the caller may not see."""
    found = vaults.get(tx, name)
    if found is None or found.deleted_at or not _may_see(tx, actor, found):
        raise _unknown(name)
    return found


def every(tx: Transaction, actor: Actor, *, deleted: bool = False) -> list[Vault]:
    """The vaults that the caller may see, or those of them that are deleted, by name."""
    return [one for one in vaults.every(tx) if bool(one.deleted_at) is deleted and _may_see(tx, actor, one)]


def delete(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> Vault:
    """Delete a vault with its secrets for the time being; `Conflict` while a variable group reads it."""
    known = get(tx, actor, name)
    permit(actor, "vaults/delete", vault_scope(known.name))
    if readers := [group for group in variable_groups.every(tx) if group.vault == known.name]:
        raise Conflict(
            f"the variable group {readers[0].name!r} of project {readers[0].project!r} reads the vault {known.name!r}",
            hint=f"pratique pipelines variable-group delete --group-id {readers[0].id} "
            f"--project {readers[0].project} --yes",
        )
    gone = replace(known, deleted_at=now)
    vaults.change(tx, gone)
    _tell(tx, actor, "Pratique.VaultDeleted", gone, now=now)
    return gone


def recover(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> Vault:
    """Take a deleted vault back as it was."""
    known = _deleted(tx, actor, name)
    permit(actor, "vaults/write", vault_scope(known.name))
    found = replace(known, deleted_at=None)
    vaults.change(tx, found)
    _tell(tx, actor, "Pratique.VaultRecovered", found, now=now)
    return found


def purge(tx: Transaction, actor: Actor, name: str, *, now: datetime) -> None:
    """Remove a deleted vault and its secrets for good."""
    known = _deleted(tx, actor, name)
    permit(actor, "vaults/delete", vault_scope(known.name))
    _gone(tx, actor, known, now=now)


def purge_due(tx: Transaction, actor: Actor, *, now: datetime) -> int:
    """Remove the vaults and secrets that were deleted as long ago as their vault keeps them; how many."""
    count = 0
    for vault in vaults.every(tx):
        if vault.deleted_at and scheduled_purge(vault) <= now:
            _gone(tx, actor, vault, now=now)
            count += 1
    for secret in vaults.purge_due(tx, now=now):
        subject = f"vaults/{secret.vault}/secrets/{secret.name}"
        data = {"vault": secret.vault, "name": secret.name}
        event = Event("Pratique.SecretPurged", subject, vault_scope(secret.vault), actor.to_document(), data)
        events.append(tx, event, now=now)
        count += 1
    return count


def scheduled_purge(vault: Vault) -> datetime:
    """When a deleted vault goes for good."""
    return (vault.deleted_at or vault.created_at) + timedelta(days=vault.retention_days)


def set_policy(
    tx: Transaction, actor: Actor, name: str, who: str, permissions: Sequence[str], *, now: datetime
) -> Vault:
    """Let `who` (id or name of a principal) do exactly `permissions` with the secrets; none takes all away."""
    known = get(tx, actor, name)
    permit(actor, "vaults/policies", vault_scope(known.name))
    wanted = _checked(permissions)
    holder = find_principal(tx, who)
    _put(tx, actor, known, holder.id, holder.name, wanted, now=now)
    return known


def delete_policy(tx: Transaction, actor: Actor, name: str, who: str, *, now: datetime) -> Vault:
    """Let `who`, a principal or the holder as it is shown, do nothing with the secrets any more."""
    known = get(tx, actor, name)
    permit(actor, "vaults/policies", vault_scope(known.name))
    holder = who if who.startswith(GROUP) else find_principal(tx, who).id
    if vaults.policy(tx, known.name, holder) is None:
        raise NotFound(f"{who!r} has no access policy in the vault {known.name!r}")
    _put(tx, actor, known, holder, who, (), now=now)
    return known


def let_group_read(tx: Transaction, actor: Actor, name: str, group_id: int, group_name: str, *, now: datetime) -> Vault:
    """Let a variable group read the secrets; only who may read them may hand that on."""
    known = get(tx, actor, name)
    if not is_permitted(actor, "vaults/policies", vault_scope(known.name)):
        for one in ("get", "list"):
            permit_secrets(tx, actor, known, one)
    _put(tx, actor, known, f"{GROUP}{group_id}", group_name, ("get", "list"), now=now)
    return known


def permit_secrets(tx: Transaction, actor: Actor, vault: Vault, permission: str) -> None:
    """Raise unless a policy or a role lets `actor` do that; the same words whether or not the secret is there."""
    if not is_let(tx, actor, vault, permission):
        raise _refused(actor, vault, permission)


def is_let(tx: Transaction, actor: Actor, vault: Vault, permission: str) -> bool:
    """Whether a policy or a role lets `actor` do that with the secrets."""
    held = vaults.policy(tx, vault.name, actor.id)
    if held is not None and permission in held.permissions:
        return True
    return is_permitted(actor, f"secrets/{permission}", vault_scope(vault.name))


def policies(tx: Transaction, vault: Vault) -> list[tuple[Policy, str]]:
    """Every policy with the name of its holder."""
    return [(one, _holder_name(tx, one.holder)) for one in vaults.policies(tx, vault.name)]


def _holder_name(tx: Transaction, holder: str) -> str:
    if holder.startswith(GROUP):
        group = variable_groups.get(tx, int(holder.removeprefix(GROUP)))
        return f"{group.project}/{group.name}" if group else ""
    found = principals.get(tx, holder)
    return found.name if found else ""


def _put(
    tx: Transaction, actor: Actor, vault: Vault, holder: str, name: str, wanted: Sequence[str], *, now: datetime
) -> None:
    if wanted:
        vaults.put_policy(tx, Policy(vault.name, holder, wanted))
    else:
        vaults.remove_policy(tx, vault.name, holder)
    data = {"holder": holder, "holder_name": name, "permissions": list(wanted)}
    _tell(tx, actor, "Pratique.VaultPolicySet", vault, now=now, data=data)


def _checked(permissions: Sequence[str]) -> tuple[str, ...]:
    asked = {one.lower() for one in permissions}
    if asked == {"all"}:
        return PERMISSIONS
    if strange := sorted(asked - {*PERMISSIONS}):
        said = f"{strange[0]!r} is not a permission of secrets here: expected {', '.join(PERMISSIONS)} or all"
        raise InvalidInput(said, problems=[Problem(said, key="secret_permissions")])
    return tuple(one for one in PERMISSIONS if one in asked)


def _may_see(tx: Transaction, actor: Actor, vault: Vault) -> bool:
    """Whoever may do something with the secrets sees the vault as well."""
    if vaults.policy(tx, vault.name, actor.id) is not None:
        return True
    asked = ("vaults/read", *(f"secrets/{one}" for one in PERMISSIONS))
    return any(is_permitted(actor, one, vault_scope(vault.name)) for one in asked)


def _deleted(tx: Transaction, actor: Actor, name: str) -> Vault:
    found = vaults.get(tx, name)
    if found is None or not found.deleted_at or not _may_see(tx, actor, found):
        raise NotFound(f"there is no deleted vault {name!r}", hint="pratique keyvault list-deleted")
    return found


def _gone(tx: Transaction, actor: Actor, vault: Vault, *, now: datetime) -> None:
    vaults.remove(tx, vault.name)
    principals.unassign_from(tx, vault_scope(vault.name))
    _tell(tx, actor, "Pratique.VaultPurged", vault, now=now)


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no vault {name[:64]!r}", hint="pratique keyvault list")


def _refused(actor: Actor, vault: Vault, permission: str) -> Forbidden:
    return Forbidden(
        f"{actor.name} may not {permission} secrets of the vault {vault.name!r}",
        hint=f"an Owner can grant it: pratique keyvault set-policy --name {vault.name} "
        f"--object-id {actor.name} --secret-permissions {permission}",
    )


def _tell(
    tx: Transaction,
    actor: Actor,
    kind: str,
    vault: Vault,
    *,
    now: datetime,
    data: Mapping[str, object] | None = None,
) -> None:
    facts = {"name": vault.name, **(data or {})}
    scope = vault_scope(vault.name)
    events.append(tx, Event(kind, f"vaults/{vault.name}", scope, actor.to_document(), facts), now=now)
