"""Signatures of models, and the keys that a workspace trusts."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Depends
from pydantic import Field

from pratique.base.clock import utc_now
from pratique.content.signatures import LARGEST
from pratique.control import assets, signatures
from pratique.control.actor import Actor
from pratique.control.signatures import Vouched
from pratique.store.signatures import TrustedKey
from pratique.web.api.fields import RequestBody, creation_context, present
from pratique.web.auth import allow
from pratique.web.platform import Here

router = APIRouter(prefix="/workspaces/{workspace}", tags=["models"])
Reader = Annotated[Actor, Depends(allow("models/read"))]
Writer = Annotated[Actor, Depends(allow("models/write"))]
KeyReader = Annotated[Actor, Depends(allow("workspaces/read"))]
KeyDecider = Annotated[Actor, Depends(allow("roles/write"))]
_LARGEST_KEY: Final = 10_000


class SignatureBody(RequestBody):
    """A signature that was made elsewhere, and the public half of its key."""

    signature: Annotated[str, Field(min_length=1, max_length=LARGEST)]
    public_key: Annotated[str, Field(min_length=1, max_length=_LARGEST_KEY)]


class KeyBody(RequestBody):
    """A key to be trusted."""

    public_key: Annotated[str, Field(min_length=1, max_length=_LARGEST_KEY)]


def signature_document(vouched: Vouched) -> dict[str, Any]:
    """One signature, and whether the workspace believes it."""
    one = vouched.signature
    return present(
        {
            "key": one.fingerprint,
            "is_trusted": bool(vouched.trusted_as),
            "trusted_as": vouched.trusted_as or None,
            "digest": one.blob,
            "public_key": one.pem,
            "creation_context": creation_context(one.created_at, one.created_by),
        }
    )


@router.post("/models/{name}/versions/{version}/signatures")
def keep(
    platform: Here, actor: Writer, workspace: str, name: str, version: str, body: Annotated[SignatureBody, Body()]
) -> dict[str, Any]:
    """Keep a signature of a version, once it is proven to be of that key and of these files."""
    with platform.database.read() as tx:
        known, manifest = signatures.to_sign(tx, actor, workspace, name, version)
    key = signatures.prove(manifest, body.signature, body.public_key)
    blob, size = platform.blobs.put([body.signature.encode()])
    with platform.database.write() as tx:
        signatures.keep(tx, actor, known, key, blob, size, now=utc_now())
        found = signatures.of_version(tx, known)
    return next(signature_document(one) for one in found if one.signature.fingerprint == key.fingerprint)


@router.get("/models/{name}/versions/{version}/signatures")
def every(platform: Here, actor: Reader, workspace: str, name: str, version: str) -> list[dict[str, Any]]:
    """The signatures of a version."""
    with platform.database.read() as tx:
        known = assets.get(tx, actor, workspace, "models", name, version)
        return [signature_document(one) for one in signatures.of_version(tx, known)]


@router.get("/trusted-keys")
def trusted(platform: Here, actor: KeyReader, workspace: str) -> list[dict[str, Any]]:
    """The keys whose signatures the workspace believes."""
    with platform.database.read() as tx:
        return [_key(one) for one in signatures.trusted(tx, actor, workspace)]


@router.put("/trusted-keys/{key}")
def trust(
    platform: Here, actor: KeyDecider, workspace: str, key: str, body: Annotated[KeyBody, Body()]
) -> dict[str, Any]:
    """Believe a key."""
    with platform.database.write() as tx:
        return _key(signatures.trust(tx, actor, workspace, key, body.public_key, now=utc_now()))


@router.delete("/trusted-keys/{key}")
def distrust(platform: Here, actor: KeyDecider, workspace: str, key: str) -> dict[str, Any]:
    """Believe a key no more."""
    with platform.database.write() as tx:
        signatures.distrust(tx, actor, workspace, key, now=utc_now())
    return {}


def _key(key: TrustedKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "key": key.fingerprint,
        "public_key": key.pem,
        "creation_context": creation_context(key.created_at, key.created_by),
    }
