"""Vaults and secrets, in the shapes of ``az keyvault``.

A value is in the answer of one route, the one that reads a secret, and in no
error: a body that cannot be taken is refused without being shown.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import AwareDatetime, Field

from pratique.base.clock import utc_now
from pratique.control import master_key, secrets, vaults
from pratique.control.actor import Actor
from pratique.control.secrets import Found, NewSecret
from pratique.specs.key_types import Text
from pratique.store.backups import housekeeping
from pratique.store.database import Transaction
from pratique.store.vaults import SecretVersion, Vault
from pratique.web.api.fields import NOT_KEPT, RequestBody
from pratique.web.auth import KNOWN, allow, allow_somewhere
from pratique.web.platform import Here, Platform

router = APIRouter(tags=["vaults"])

# A policy lets somebody in who has no role at all, so the verbs ask; they say the same whether or not it is there.
Somebody = Annotated[Actor, Depends(KNOWN)]
Writer = Annotated[Actor, Depends(allow_somewhere("vaults/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("vaults/delete"))]
Governor = Annotated[Actor, Depends(allow_somewhere("vaults/policies"))]
Rotator = Annotated[Actor, Depends(allow("vaults/rotate"))]
Name = Annotated[Text, Field(max_length=127)]

_RECOVERY: Final = "Recoverable+Purgeable"


class VaultBody(RequestBody):
    """A new vault."""

    resource_group: Text
    location: Text = ""
    tags: dict[Text, Text] = Field(default_factory=dict)
    retention_days: int = vaults.RETENTION_DAYS


class PolicyBody(RequestBody):
    """What one principal may do with the secrets; nothing takes all away."""

    permissions: list[Text]


class AttributesBody(RequestBody):
    """What is said of a version beside its value."""

    content_type: Annotated[Text, Field(max_length=255)] = ""
    tags: dict[Text, Text] = Field(default_factory=dict)
    enabled: bool = True
    not_before: AwareDatetime | None = None
    expires: AwareDatetime | None = None


class SecretBody(AttributesBody):
    """Another version of a secret."""

    value: str


@router.get("/vaults")
def every(platform: Here, actor: Somebody) -> list[dict[str, Any]]:
    """The vaults that the caller may see."""
    with platform.database.read() as tx:
        return [_summary(one, platform) for one in vaults.every(tx, actor)]


@router.get("/deleted-vaults")
def deleted(platform: Here, actor: Somebody) -> list[dict[str, Any]]:
    """The deleted vaults that the caller may see."""
    with platform.database.read() as tx:
        return [_deleted_vault(one, platform) for one in vaults.every(tx, actor, deleted=True)]


@router.post("/vaults/{vault}", status_code=201)
def create(platform: Here, actor: Writer, vault: str, body: VaultBody) -> dict[str, Any]:
    """Make a vault."""
    with platform.database.write() as tx:
        made = vaults.create(
            tx, actor, vault, group=body.resource_group, location=body.location, tags=body.tags,
            retention_days=body.retention_days, now=utc_now(),
        )  # fmt: skip
        return _document(tx, made, platform)


@router.get("/vaults/{vault}")
def get(platform: Here, actor: Somebody, vault: str) -> dict[str, Any]:
    """One vault with its access policies."""
    with platform.database.read() as tx:
        return _document(tx, vaults.get(tx, actor, vault), platform)


@router.delete("/vaults/{vault}")
def delete(platform: Here, actor: Deleter, vault: str) -> dict[str, Any]:
    """Delete a vault for the time being."""
    with platform.database.write() as tx:
        return _deleted_vault(vaults.delete(tx, actor, vault, now=utc_now()), platform)


@router.post("/deleted-vaults/{vault}/recover")
def recover(platform: Here, actor: Writer, vault: str) -> dict[str, Any]:
    """Take a deleted vault back."""
    with platform.database.write() as tx:
        return _document(tx, vaults.recover(tx, actor, vault, now=utc_now()), platform)


@router.delete("/deleted-vaults/{vault}", status_code=204)
def purge(platform: Here, actor: Deleter, vault: str) -> None:
    """Remove a deleted vault for good."""
    with platform.database.write() as tx:
        vaults.purge(tx, actor, vault, now=utc_now())


@router.put("/vaults/{vault}/policies/{who}")
def set_policy(platform: Here, actor: Governor, vault: str, who: str, body: PolicyBody) -> dict[str, Any]:
    """Let a principal do exactly this with the secrets."""
    with platform.database.write() as tx:
        changed = vaults.set_policy(tx, actor, vault, who, body.permissions, now=utc_now())
        return _document(tx, changed, platform)


@router.delete("/vaults/{vault}/policies/{who}")
def delete_policy(platform: Here, actor: Governor, vault: str, who: str) -> dict[str, Any]:
    """Let a principal do nothing with the secrets any more."""
    with platform.database.write() as tx:
        return _document(tx, vaults.delete_policy(tx, actor, vault, who, now=utc_now()), platform)


@router.get("/vaults/{vault}/secrets")
def list_secrets(platform: Here, actor: Somebody, vault: str) -> list[dict[str, Any]]:
    """The secrets with what is said of their current versions."""
    with platform.database.read() as tx:
        return [_item(one, platform) for one in secrets.every(tx, actor, vault)]


@router.put("/vaults/{vault}/secrets/{name}")
def put(platform: Here, actor: Somebody, vault: str, name: str, body: SecretBody) -> dict[str, Any]:
    """Write another version of a secret; the answer has all but its value."""
    said = NewSecret(body.value, body.content_type, body.tags, body.enabled, body.not_before, body.expires)
    with platform.database.write() as tx:
        return _bundle(secrets.put(tx, actor, vault, name, said, sealer=platform.sealer, now=utc_now()), platform)


@router.get("/vaults/{vault}/secrets/{name}")
def show(
    platform: Here,
    actor: Somebody,
    response: Response,
    vault: str,
    name: str,
    version: Annotated[str, Query(max_length=64)] = "",
) -> dict[str, Any]:
    """A secret with its value; that it was read is written down."""
    response.headers.update(NOT_KEPT)
    with platform.database.write() as tx:
        opened = secrets.get(tx, actor, vault, name, version, sealer=platform.sealer, now=utc_now())
    return _bundle(opened.found, platform) | {"value": opened.value}


@router.patch("/vaults/{vault}/secrets/{name}")
def change(
    platform: Here,
    actor: Somebody,
    vault: str,
    name: str,
    body: AttributesBody,
    version: Annotated[str, Query(max_length=64)] = "",
) -> dict[str, Any]:
    """Change what is said about a version; what the body leaves out stays."""
    ours = {"enabled": "is_enabled", "expires": "expires_at"}
    changes = {ours.get(key, key): getattr(body, key) for key in body.model_fields_set}
    with platform.database.write() as tx:
        changed = secrets.change(tx, actor, vault, name, version, changes=changes, now=utc_now())
    return _bundle(changed, platform)


@router.delete("/vaults/{vault}/secrets/{name}")
def delete_secret(platform: Here, actor: Somebody, vault: str, name: str) -> dict[str, Any]:
    """Delete a secret for the time being."""
    with platform.database.write() as tx:
        return _deleted(secrets.delete(tx, actor, vault, name, now=utc_now()), platform)


@router.get("/vaults/{vault}/secrets/{name}/versions")
def versions(platform: Here, actor: Somebody, vault: str, name: str) -> list[dict[str, Any]]:
    """What is said of every version, the newest first."""
    with platform.database.read() as tx:
        return [_item(one, platform, versioned=True) for one in secrets.versions(tx, actor, vault, name)]


@router.get("/vaults/{vault}/deleted-secrets")
def deleted_secrets(platform: Here, actor: Somebody, vault: str) -> list[dict[str, Any]]:
    """The deleted secrets."""
    with platform.database.read() as tx:
        return [_deleted(one, platform) for one in secrets.every(tx, actor, vault, deleted=True)]


@router.post("/vaults/{vault}/deleted-secrets/{name}/recover")
def recover_secret(platform: Here, actor: Somebody, vault: str, name: str) -> dict[str, Any]:
    """Take a deleted secret back."""
    with platform.database.write() as tx:
        return _bundle(secrets.recover(tx, actor, vault, name, now=utc_now()), platform)


@router.delete("/vaults/{vault}/deleted-secrets/{name}", status_code=204)
def purge_secret(platform: Here, actor: Somebody, vault: str, name: str) -> None:
    """Remove a deleted secret for good."""
    with platform.database.write() as tx:
        secrets.purge(tx, actor, vault, name, now=utc_now())


@router.post("/master-key")
def rotate(platform: Here, actor: Rotator) -> dict[str, Any]:
    """Replace the master key and seal everything again."""
    with housekeeping(platform.home):  # A backup would hold secrets of one key, and the other key.
        sealed = master_key.replace(platform.database, actor, platform.sealer, now=utc_now())
    return {"sealed": sealed, "key": platform.sealer.key_name}


def _uri(vault: str, platform: Platform, *words: str) -> str:
    return "/".join((f"{platform.door}/vaults/{vault}", *words))


def _moment(moment: datetime | None) -> str | None:
    """As ``az`` prints the times of a vault."""
    return moment.replace(microsecond=0).isoformat() if moment else None


def _summary(vault: Vault, platform: Platform) -> dict[str, Any]:
    group = platform.ids.of_group(vault.resource_group)
    return {
        "id": f"{group}/providers/Microsoft.KeyVault/vaults/{vault.name}",
        "location": vault.location,
        "name": vault.name,
        "resourceGroup": vault.resource_group,
        "tags": dict(vault.tags),
        "type": "Microsoft.KeyVault/vaults",
    }


def _document(tx: Transaction, vault: Vault, platform: Platform) -> dict[str, Any]:
    rows = vaults.policies(tx, vault)
    properties = {
        "accessPolicies": [
            {
                "objectId": policy.holder,
                "name": name,
                "permissions": {"secrets": list(policy.permissions), "keys": [], "certificates": [], "storage": []},
            }
            for policy, name in rows
        ],
        "enableRbacAuthorization": False,
        "enableSoftDelete": True,
        "provisioningState": "Succeeded",
        "softDeleteRetentionInDays": vault.retention_days,
        "vaultUri": _uri(vault.name, platform, ""),
    }
    return _summary(vault, platform) | {"properties": properties}


def _deleted_vault(vault: Vault, platform: Platform) -> dict[str, Any]:
    found = _summary(vault, platform)
    properties = {
        "vaultId": found["id"],
        "location": vault.location,
        "deletionDate": _moment(vault.deleted_at),
        "scheduledPurgeDate": _moment(vaults.scheduled_purge(vault)),
        "tags": dict(vault.tags),
    }
    return {"id": found["id"], "name": vault.name, "type": found["type"], "properties": properties}


def _attributes(version: SecretVersion, vault: Vault) -> dict[str, Any]:
    return {
        "created": _moment(version.created_at),
        "enabled": version.is_enabled,
        "expires": _moment(version.expires_at),
        "notBefore": _moment(version.not_before),
        "recoverableDays": vault.retention_days,
        "recoveryLevel": _RECOVERY,
        "updated": _moment(version.updated_at),
    }


def _bundle(found: Found, platform: Platform) -> dict[str, Any]:
    """A secret as ``az keyvault secret show`` has it, without its value."""
    name, version = found.secret.name, found.version
    return {
        "attributes": _attributes(version, found.vault),
        "contentType": version.content_type or None,
        "id": _uri(found.vault.name, platform, "secrets", name, version.version),
        "kid": None,
        "managed": None,
        "name": name,
        "tags": dict(version.tags),
        "value": None,
    }


def _item(found: Found, platform: Platform, *, versioned: bool = False) -> dict[str, Any]:
    """A secret as the lists have it; only that of versions names them in the id."""
    bundle = _bundle(found, platform)
    identity = bundle["id"] if versioned else _uri(found.vault.name, platform, "secrets", found.secret.name)
    kept: tuple[Literal["attributes", "contentType", "managed", "name", "tags"], ...]
    kept = ("attributes", "contentType", "managed", "name", "tags")
    return {"id": identity} | {key: bundle[key] for key in kept}


def _deleted(found: Found, platform: Platform) -> dict[str, Any]:
    secret = found.secret
    return _bundle(found, platform) | {
        "deletedDate": _moment(secret.deleted_at),
        "recoveryId": _uri(found.vault.name, platform, "deletedsecrets", secret.name),
        "scheduledPurgeDate": _moment(secret.purge_at),
    }
