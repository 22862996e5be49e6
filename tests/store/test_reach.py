"""What any row names stays, and so does what has just come; the rest goes."""

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from pratique.content.manifest import Entry, Manifest
from pratique.store import artifacts, assets, holdings, jobs, reach
from pratique.store.artifacts import Artifact
from pratique.store.assets import Asset, AssetVersion
from pratique.store.blobs import BlobStore
from pratique.store.database import Database
from pratique.store.jobs import Job


def digest_of(number: int) -> str:
    return sha256(str(number).encode()).hexdigest()


def manifest_of(*numbers: int) -> Manifest:
    return Manifest([Entry(f"{number}.txt", digest_of(number), 1) for number in numbers])


@pytest.fixture
def before(now: datetime) -> datetime:
    return now + timedelta(hours=1)


def hold(database: Database, manifest: Manifest, now: datetime) -> None:
    with database.write() as tx:
        holdings.hold(tx, "dev", "blob", [(entry.digest, 1) for entry in manifest.entries], now=now)
        holdings.add_manifest(tx, "dev", manifest, now=now)


def test_what_nothing_names_goes_when_it_is_old(database: Database, now: datetime, before: datetime) -> None:
    manifest = manifest_of(1, 2)
    hold(database, manifest, now)
    with database.write() as tx:
        found = reach.forget(tx, before=before)
    assert found.manifests == (manifest.digest,)
    assert found.holdings == 3
    with database.read() as tx:
        assert holdings.manifest(tx, "dev", manifest.digest) is None
        assert holdings.held(tx, "dev", "blob", [digest_of(1), digest_of(2)]) == set()


def test_what_is_young_stays_with_all_that_it_names(database: Database, now: datetime) -> None:
    manifest = manifest_of(1, 2)
    hold(database, manifest, now)
    with database.write() as tx:
        found = reach.forget(tx, before=now)
    assert (found.manifests, found.holdings) == ((), 0)
    assert {digest_of(1), digest_of(2), manifest.digest} <= found.living


def test_a_version_keeps_its_manifest_and_its_blobs(
    database: Database, now: datetime, before: datetime, new_version: Callable[..., AssetVersion]
) -> None:
    kept, gone = manifest_of(1, 2), manifest_of(2, 3)
    for manifest in (kept, gone):
        hold(database, manifest, now)
    with database.write() as tx:
        assets.add(tx, Asset("dev", "models", "credit", 2, "", {}, False, now, now))
        assets.add_version(tx, new_version("1", manifest=kept.digest))
        found = reach.forget(tx, before=before)
    assert found.manifests == (gone.digest,)
    assert {digest_of(1), digest_of(2)} <= found.living
    assert digest_of(3) not in found.living
    with database.read() as tx:
        assert holdings.manifest(tx, "dev", kept.digest) == kept
        assert holdings.held(tx, "dev", "blob", [digest_of(1), digest_of(3)]) == {digest_of(1)}


def test_a_digest_deep_in_a_document_keeps_what_it_names(
    database: Database, now: datetime, before: datetime, new_job: Callable[..., Job]
) -> None:
    manifest = manifest_of(1)
    hold(database, manifest, now)
    resolved = {"inputs": {"rows": {"manifest": manifest.digest}}}
    with database.write() as tx:
        jobs.add(tx, new_job(resolved=resolved))
        assert reach.forget(tx, before=before).manifests == ()


def test_the_file_of_a_run_keeps_its_blob(database: Database, now: datetime, before: datetime) -> None:
    with database.write() as tx:
        artifacts.put(tx, [Artifact("dev", "1/run/artifacts/a.txt", digest_of(7), 1, now)])
        assert digest_of(7) in reach.forget(tx, before=before).living


def test_what_a_client_was_told_is_here_is_young_again(database: Database, now: datetime) -> None:
    manifest = manifest_of(1)
    hold(database, manifest, now)
    later = now + timedelta(days=30)
    with database.read() as tx:
        assert reach.any_stale(tx, "dev", "manifest", [manifest.digest], now=later)
    with database.write() as tx:
        reach.keep(tx, "dev", "manifest", [manifest.digest], now=later)
        assert not reach.any_stale(tx, "dev", "manifest", [manifest.digest], now=later)
        assert reach.forget(tx, before=later - reach.SAFE_AGE).manifests == ()
        assert holdings.held(tx, "dev", "blob", [digest_of(1)]) == {digest_of(1)}, "through its manifest"
    with database.read() as tx:
        assert holdings.manifest(tx, "dev", manifest.digest) == manifest


def test_looking_changes_nothing(database: Database, now: datetime, before: datetime) -> None:
    manifest = manifest_of(1)
    hold(database, manifest, now)
    with database.read() as tx:
        assert reach.unreached(tx, before=before).manifests == (manifest.digest,)
        assert holdings.manifest(tx, "dev", manifest.digest) == manifest


def test_a_blob_that_was_claimed_is_not_discarded(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    digest, _ = blobs.put([b"content"])
    moment = datetime.fromtimestamp(blobs.path(digest).stat().st_mtime).astimezone()
    assert not blobs.discard(digest, before=moment - timedelta(seconds=1))
    assert blobs.old(digest, before=moment + timedelta(days=1)) == len(b"content")
    assert blobs.claim(digest)
    assert blobs.discard(digest, before=moment + timedelta(days=1))
    assert not blobs.has(digest)
    assert not blobs.claim(digest)
    assert [*blobs.every()] == []


def test_a_batch_takes_a_blob_that_is_here_as_new(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "blobs")
    digest, _ = blobs.put([b"content"])
    os.utime(blobs.path(digest), (1, 1))
    with blobs.batch() as batch:
        batch.add(digest, b"content")
        assert not blobs.discard(digest, before=datetime.fromtimestamp(100).astimezone())
        batch.keep()
    assert blobs.has(digest)
