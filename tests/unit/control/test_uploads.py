"""Uploads: blobs first, then the manifest that names them."""

from typing import Any

import pytest

from pratique.base.errors import Forbidden, InvalidInput, NotFound
from pratique.content.manifest import Entry, Manifest
from pratique.control import uploads

ONE, TWO = "11" * 32, "22" * 32
BOTH = Manifest([Entry("a", ONE, 1), Entry("b", TWO, 2), Entry("c", ONE, 1)])


def add_manifest(world: Any, manifest: Manifest = BOTH, *, workspace: str = "dev") -> list[str]:
    with world.database.write() as tx:
        return uploads.add_manifest(tx, world.owner, workspace, manifest, now=world.now)


def add_blob(world: Any, digest: str, size: int, *, workspace: str = "dev") -> None:
    with world.database.write() as tx:
        uploads.add_blob(tx, world.owner, workspace, digest, size, now=world.now)


def test_a_manifest_is_kept_when_all_its_blobs_are_there_and_not_before(world: Any) -> None:
    assert add_manifest(world) == [ONE, TWO]
    add_blob(world, ONE, 1)
    assert add_manifest(world) == [TWO]
    with world.database.read() as tx, pytest.raises(NotFound):
        uploads.manifest(tx, world.owner, "dev", BOTH.digest)
    add_blob(world, TWO, 2)
    assert add_manifest(world) == []
    with world.database.read() as tx:
        assert uploads.manifest(tx, world.owner, "dev", BOTH.digest) == BOTH
    assert world.told() == []


def test_bytes_that_another_workspace_holds_are_missing_here(world: Any) -> None:
    add_blob(world, ONE, 1, workspace="qa-1")
    add_blob(world, TWO, 2, workspace="qa-1")
    assert add_manifest(world, workspace="qa-1") == []
    assert add_manifest(world) == [ONE, TWO]
    with world.database.read() as tx:
        with pytest.raises(NotFound):
            uploads.manifest(tx, world.owner, "dev", BOTH.digest)
        with pytest.raises(NotFound):
            uploads.check_blob(tx, world.owner, "dev", ONE)


def test_a_size_that_is_not_the_blobs_is_refused(world: Any) -> None:
    add_blob(world, ONE, 1)
    with pytest.raises(InvalidInput) as caught:
        add_manifest(world, Manifest([Entry("a", ONE, 1), Entry("b", ONE, 7), Entry("c", TWO, 2)]))
    assert [str(problem) for problem in caught.value.problems] == ["b: is 1 bytes long, not 7"]


def test_nothing_is_brought_into_a_workspace_that_is_not_there_or_not_ones_own(world: Any) -> None:
    with world.database.write() as tx:
        for actor, workspace, error in (
            (world.owner, "nothing", NotFound),
            (world.reader, "qa-1", NotFound),
            (world.reader, "dev", Forbidden),
        ):
            with pytest.raises(error):
                uploads.check_writable(tx, actor, workspace)
            with pytest.raises(error):
                uploads.add_blob(tx, actor, workspace, ONE, 1, now=world.now)
            with pytest.raises(error):
                uploads.add_manifest(tx, actor, workspace, BOTH, now=world.now)


def test_an_empty_folder_is_a_manifest_too(world: Any) -> None:
    assert add_manifest(world, Manifest([])) == []
