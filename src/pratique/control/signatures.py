"""Who vouches for models: signatures of their files, and the keys that a workspace trusts.

A signature is made where the key is, on the client. What comes here is proven
before it is kept: it must be of the key that came with it, and of exactly the
files of the version. Whether that key is to be believed is another question,
which each workspace answers for itself, and its Owner alone.
"""

from dataclasses import dataclass
from datetime import datetime

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound, Problem
from pratique.base.names import problem_with_name
from pratique.content.manifest import Manifest
from pratique.content.signatures import PublicKey, Signature, differences_in_words
from pratique.control import assets, workspaces
from pratique.control.actor import Actor
from pratique.control.permissions import permit, workspace_scope
from pratique.store import events, holdings
from pratique.store import signatures as rows
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.signatures import ModelSignature, TrustedKey


@dataclass(frozen=True)
class Vouched:
    """One signature of a version, and what its workspace calls the key; empty when it does not trust it."""

    signature: ModelSignature
    trusted_as: str


def to_sign(tx: Transaction, actor: Actor, workspace: str, name: str, version: str) -> tuple[AssetVersion, Manifest]:
    """The version that somebody may sign, and its files; raises `NotFound` when it has none."""
    known = assets.get(tx, actor, workspace, "models", name, version)
    permit(actor, "models/write", workspace_scope(workspace))
    return known, assets.manifest_of(tx, known)


def prove(manifest: Manifest, document: str, pem: str) -> PublicKey:
    """The key that signed just these files, by its own signature; raises `InvalidInput` with what is wrong."""
    key = PublicKey.read(pem)
    signed = Signature.read(document).verify(key)
    if differences := signed.differences(manifest):
        raise InvalidInput(
            f"the signature is of other files: {differences_in_words(differences)}",
            hint="sign the version as it is: pratique ml model sign",
        )
    return key


def keep(
    tx: Transaction, actor: Actor, version: AssetVersion, key: PublicKey, blob: str, size: int, *, now: datetime
) -> ModelSignature:
    """Keep a signature that was proven, whose document is stored as `blob`; a second one of a key takes its place."""
    permit(actor, "models/write", workspace_scope(version.workspace))
    made = ModelSignature(
        version.workspace, version.manifest or "", key.fingerprint, key.pem, blob, now, actor.to_document()
    )
    holdings.hold(tx, version.workspace, "blob", [(blob, size)], now=now)
    rows.put(tx, made)
    assets.tell(tx, actor, "Pratique.ModelSigned", version, now=now, data={"key": key.fingerprint, "signature": blob})
    return made


def of_version(tx: Transaction, version: AssetVersion) -> list[Vouched]:
    """The signatures of what `version` consists of, the oldest first."""
    if not version.manifest:
        return []
    names = {key.fingerprint: key.name for key in rows.trusted(tx, version.workspace)}
    found = rows.of_manifest(tx, version.workspace, version.manifest)
    return [Vouched(one, names.get(one.fingerprint, "")) for one in found]


def trusted(tx: Transaction, actor: Actor, workspace: str) -> list[TrustedKey]:
    """The keys that a workspace trusts, by name."""
    workspaces.get(tx, actor, workspace)
    return rows.trusted(tx, workspace)


def trust(tx: Transaction, actor: Actor, workspace: str, name: str, pem: str, *, now: datetime) -> TrustedKey:
    """Let a workspace believe what a key signs, under `name`; only whoever gives roles there may.

    The same key under the same name again changes nothing. Raises `AlreadyExists`
    for a name or a key that is taken.
    """
    _may_decide(tx, actor, workspace)
    if said := problem_with_name("asset", name):
        raise InvalidInput.of([Problem(said, key="name")], what="trusted key")
    key = PublicKey.read(pem)
    for known in rows.trusted(tx, workspace):
        if (known.name, known.fingerprint) == (name, key.fingerprint):
            return known
        if known.name == name or known.fingerprint == key.fingerprint:
            raise AlreadyExists(
                f"workspace {workspace!r} trusts key {known.fingerprint[:12]} as {known.name!r}",
                hint=f"pratique ml workspace trusted-key remove --key-name {known.name} --workspace-name {workspace}",
            )
    made = TrustedKey(workspace, key.fingerprint, name, key.pem, now, actor.to_document())
    rows.trust(tx, made)
    _tell(tx, actor, "Pratique.KeyTrusted", made, now=now)
    return made


def distrust(tx: Transaction, actor: Actor, workspace: str, name: str, *, now: datetime) -> None:
    """Believe a key no more: what it signed is refused from its next load on; raises `NotFound`."""
    _may_decide(tx, actor, workspace)
    known = rows.trusted_key(tx, workspace, name)
    if known is None:
        raise NotFound(
            f"workspace {workspace!r} trusts no key called {name!r}",
            hint=f"pratique ml workspace trusted-key list --workspace-name {workspace}",
        )
    rows.distrust(tx, known)
    _tell(tx, actor, "Pratique.KeyDistrusted", known, now=now)


def _may_decide(tx: Transaction, actor: Actor, workspace: str) -> None:
    workspaces.get(tx, actor, workspace)
    permit(actor, "roles/write", workspace_scope(workspace))


def _tell(tx: Transaction, actor: Actor, kind: str, key: TrustedKey, *, now: datetime) -> None:
    data = {"name": key.name, "key": key.fingerprint}
    scope = workspace_scope(key.workspace)
    events.append(tx, Event(kind, f"trusted-keys/{key.name}", scope, actor.to_document(), data), now=now)
