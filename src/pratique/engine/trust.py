"""Whether a model may be loaded: asked whenever a process is about to, of the files as they are then.

    signatures     read from the content store, proven with the keys that the workspace trusts now
    pickles        scanned, or refused, as the workspace says

That the bytes are those of the manifest is for whoever writes them out to see:
a signature is over digests.
"""

from typing import Final

from pratique.base.errors import ComputeFailed, InvalidInput, NotFound
from pratique.content.hashing import hash_stream
from pratique.content.manifest import Manifest
from pratique.content.signatures import PublicKey, Signature, differences_in_words
from pratique.control import demands
from pratique.control.demands import Demands
from pratique.engine import pickles
from pratique.engine.workbench import Workbench
from pratique.store import assets, signatures
from pratique.store.signatures import ModelSignature, TrustedKey

_NOTHING: Final = "nothing was started"


def demanded(bench: Workbench, workspace: str) -> Demands:
    """What the workspace demands now."""
    with bench.database.read() as tx:
        return demands.of_workspace(tx, workspace)


def check(bench: Workbench, workspace: str, manifest: Manifest, *, what: str) -> None:
    """Raise `ComputeFailed` unless the workspace lets the files of `manifest` be loaded."""
    wanted = demanded(bench, workspace)
    if wanted.signed:
        _check_signed(bench, workspace, manifest, what)
    if wanted.pickles != "allow":
        _check_pickles(bench, workspace, manifest, wanted, what)


def _check_signed(bench: Workbench, workspace: str, manifest: Manifest, what: str) -> None:
    with bench.database.read() as tx:
        keys = {key.fingerprint: key for key in signatures.trusted(tx, workspace)}
        found = signatures.of_manifest(tx, workspace, manifest.digest)
    reasons = []
    for one in found:
        if (key := keys.get(one.fingerprint)) is None:
            reasons.append(f"key {one.fingerprint[:12]} is not trusted")
        elif said := _flaw(bench, one, key, manifest):
            reasons.append(f"the signature by {key.name}: {said}")
        else:
            return
    raise ComputeFailed(
        f"{what} ({manifest.digest[:12]}) is not signed by a key that workspace {workspace!r} trusts: "
        f"{'; '.join(reasons) or 'nobody has signed it'}",
        hint=f"{_NOTHING}; sign it: pratique ml model sign NAME:VERSION --key KEY.pem --workspace-name {workspace}; "
        f"trusted keys: pratique ml workspace trusted-key list --workspace-name {workspace}",
    )


def _flaw(bench: Workbench, one: ModelSignature, key: TrustedKey, manifest: Manifest) -> str:
    """Why a signature does not hold for these files; empty when it does."""
    try:
        with bench.blobs.open(one.blob) as stream:
            if hash_stream(stream)[0] != one.blob:
                return f"its document was changed; bring {bench.blobs.path(one.blob)} back from a backup, or sign again"
            stream.seek(0)
            signature = Signature.read(stream.read().decode())
        differences = signature.verify(PublicKey.read(key.pem)).differences(manifest)
    except (InvalidInput, NotFound, UnicodeDecodeError) as error:
        return str(error)
    return differences_in_words(differences)


def _check_pickles(bench: Workbench, workspace: str, manifest: Manifest, wanted: Demands, what: str) -> None:
    found = pickles.scan(bench, manifest)
    for version in _versions(bench, workspace, manifest.digest):
        pickles.keep(bench, version, found)
    if wanted.pickles == "refuse" and found.holds_pickles:
        raise ComputeFailed(
            f"{what}: workspace {workspace!r} loads no pickles, and this model has some: {found.sentence}",
            hint=f"{_NOTHING}; save it without them, as ONNX, skops or safetensors; report: "
            f"{found.place / 'scan.json'}",
        )
    if not found.is_harmless:
        raise ComputeFailed(
            f"{what}: workspace {workspace!r} loads no pickles that could run code: {found.sentence}",
            hint=f"{_NOTHING}; save it without them, as ONNX, skops or safetensors; report: "
            f"{found.place / 'scan.json'}",
        )


def _versions(bench: Workbench, workspace: str, digest: str) -> list[assets.AssetVersion]:
    with bench.database.read() as tx:
        return [one for one in assets.all_versions(tx, workspace, "models") if one.manifest == digest]
