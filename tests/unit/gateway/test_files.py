"""Files that Envoy watches are private and never half written."""

import os
import stat
from pathlib import Path

import pytest

from pratique.base.errors import StorageFailed
from pratique.gateway.files import prepare_folder, write_private


def test_a_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_private(tmp_path / "rds.json", "{}")
        prepare_folder(tmp_path / "gateway")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "rds.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "gateway").stat().st_mode) == 0o700


def test_a_file_is_replaced_by_a_new_one(tmp_path: Path) -> None:
    file = tmp_path / "rds.json"
    write_private(file, "old")
    with file.open() as reader:
        write_private(file, "new")
        assert reader.read() == "old", "whoever reads the old file reads all of it"
    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]


def test_a_home_that_cannot_be_written_is_said_clearly(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot be written"):
        write_private(tmp_path / "missing" / "rds.json", "{}")
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageFailed):
        prepare_folder(tmp_path / "taken" / "gateway")
