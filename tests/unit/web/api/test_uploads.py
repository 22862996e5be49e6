"""Files come and go by their digest, and by what the workspace holds."""

import hashlib
import json
from typing import Any

import pytest

from pratique.content.manifest import Entry, Manifest
from pratique.content.packs import record
from pratique.web.platform import Platform

ROOT = "/workspaces/dev"

DATA = b"hello"
DIGEST = hashlib.sha256(DATA).hexdigest()
BLOB = f"/workspaces/dev/blobs/{DIGEST}"
MANIFEST = {"entries": [{"path": "a.txt", "digest": DIGEST, "size": 5}]}


def stored(platform: Platform) -> list[str]:
    """Everything below the folder of blobs, half-written files included."""
    return [path.name for path in platform.home.blobs.rglob("*") if path.is_file()]


def test_an_upload_sends_what_is_missing_and_then_the_manifest(api: Any) -> None:
    asked = api.ok("POST", "/workspaces/dev/manifests", json=MANIFEST)
    assert asked["missing"] == [DIGEST]
    api.refused(404, "GET", f"/workspaces/dev/manifests/{asked['digest']}")
    assert api.ok("PUT", BLOB, content=DATA) == {"digest": DIGEST, "size": 5}
    assert api.ok("POST", "/workspaces/dev/manifests", json=MANIFEST) == {"digest": asked["digest"], "missing": []}
    assert api.ok("GET", f"/workspaces/dev/manifests/{asked['digest']}") == MANIFEST
    assert api("GET", BLOB).content == DATA


def test_bytes_with_another_digest_leave_nothing(api: Any, platform: Platform) -> None:
    error = api.refused(400, "PUT", BLOB, content=b"other")
    assert DIGEST in error["message"]
    assert stored(platform) == []
    api.refused(404, "GET", BLOB)


@pytest.mark.parametrize("digest", ["x", DIGEST.upper(), DIGEST[:-1], DIGEST + "0", "%2e%2e", "a" * 5000])
def test_what_is_no_digest_is_refused_before_a_byte_is_kept(api: Any, platform: Platform, digest: str) -> None:
    path = f"/workspaces/dev/blobs/{digest}"
    assert api("PUT", path, content=DATA).status_code in (400, 404, 405)
    assert api("GET", path).status_code in (404, 405)
    assert stored(platform) == []


def test_a_blob_past_the_limit_leaves_nothing(api: Any, platform: Platform) -> None:
    headers = {**api.headers, "content-length": str(10**15)}
    api.refused(413, "PUT", BLOB, content=DATA, headers=headers)
    assert stored(platform) == []


def test_a_blob_of_another_workspace_is_not_there(api: Any) -> None:
    api.ok("PUT", BLOB.replace("dev", "qa-1"), content=DATA)
    api.refused(404, "GET", BLOB)
    assert api.ok("POST", "/workspaces/dev/manifests", json=MANIFEST)["missing"] == [DIGEST]


def test_a_workspace_that_is_not_there_takes_no_bytes(api: Any, platform: Platform) -> None:
    api.refused(404, "PUT", f"/workspaces/nothing/blobs/{DIGEST}", content=DATA)
    assert stored(platform) == []


def test_a_reader_brings_nothing(api: Any, reader: Any, platform: Platform) -> None:
    reader.refused(403, "PUT", BLOB, content=DATA)
    reader.refused(403, "POST", "/workspaces/dev/manifests", json=MANIFEST)
    assert stored(platform) == []
    api.ok("PUT", BLOB, content=DATA)
    assert reader("GET", BLOB).content == DATA


def test_a_browser_does_not_show_a_blob_as_a_page_of_the_door(api: Any) -> None:
    api.ok("PUT", BLOB, content=DATA)
    headers = api("GET", BLOB).headers
    assert (headers["content-type"], headers["x-content-type-options"]) == ("application/octet-stream", "nosniff")
    assert headers["content-security-policy"] == "sandbox"


@pytest.mark.parametrize(
    "body",
    [
        {}, {"entries": {}}, {"entries": [], "more": 1}, {"entries": [{"path": "../a", "digest": DIGEST, "size": 5}]},
        {"entries": [{"path": "a", "digest": "x", "size": 5}]},
        {"entries": [{"path": "a", "digest": DIGEST, "size": -1}]},
        {"entries": [{"path": "a", "digest": DIGEST, "size": 1e400}]},
        {"entries": [MANIFEST["entries"][0], MANIFEST["entries"][0]]},
    ],
    ids=repr,
)  # fmt: skip
def test_a_crooked_manifest_is_refused(api: Any, body: Any) -> None:
    headers = {**api.headers, "content-type": "application/json"}
    api.refused(400, "POST", "/workspaces/dev/manifests", content=json.dumps(body), headers=headers)


def test_the_size_in_a_manifest_is_that_of_the_blob(api: Any) -> None:
    api.ok("PUT", BLOB, content=DATA)
    body = {"entries": [{"path": "a.txt", "digest": DIGEST, "size": 6}]}
    assert api.keys("POST", "/workspaces/dev/manifests", json=body) == ["a.txt"]


def pack_of(*blobs: bytes) -> bytes:
    return b"".join(record(hashlib.sha256(blob).hexdigest(), blob) for blob in blobs)


def test_many_small_blobs_arrive_in_one_pack(api: Any, platform: Any) -> None:
    blobs = [str(number).encode() for number in range(300)]
    assert api.ok("POST", f"{ROOT}/blobs", content=pack_of(*blobs, blobs[0])) == {"count": 300}
    manifest = Manifest(Entry(f"f/{blob.decode()}", hashlib.sha256(blob).hexdigest(), len(blob)) for blob in blobs)
    assert api.ok("POST", f"{ROOT}/manifests/held", json={"digests": [manifest.digest]}) == {"held": []}
    assert api.ok("POST", f"{ROOT}/manifests", json=manifest.to_document())["missing"] == []
    assert api.ok("POST", f"{ROOT}/manifests/held", json={"digests": [manifest.digest]}) == {"held": [manifest.digest]}
    assert api("GET", f"{ROOT}/blobs/{hashlib.sha256(b'7').hexdigest()}").content == b"7"
    assert not [*(platform.home.blobs / "incoming").iterdir()]


@pytest.mark.parametrize("wrong", ["digest", "cut", "length"])
def test_of_a_pack_with_anything_wrong_nothing_is_kept(api: Any, platform: Any, wrong: str) -> None:
    good, digest = pack_of(b"good"), hashlib.sha256(b"good").hexdigest()
    bad = {
        "digest": record("0" * 64, b"bad"),
        "cut": pack_of(b"bad")[:-1],
        "length": bytes(32) + b"\xff\xff\xff\xff",
    }[wrong]
    api.refused(413 if wrong == "length" else 400, "POST", f"{ROOT}/blobs", content=good + bad)
    assert not platform.blobs.has(digest)
    assert not [*(platform.home.blobs / "incoming").iterdir()]
    document = {"entries": [{"path": "a", "digest": digest, "size": 4}]}
    assert api.ok("POST", f"{ROOT}/manifests", json=document)["missing"] == [digest]


def test_a_pack_that_another_workspace_sent_is_held_only_there(api: Any) -> None:
    api.ok("POST", "/workspaces/qa-1/blobs", content=pack_of(b"x"))
    digest = hashlib.sha256(b"x").hexdigest()
    api.refused(404, "GET", f"{ROOT}/blobs/{digest}")
