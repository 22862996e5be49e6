"""Logs of the platform's parts are bounded, and whoever writes them notices nothing."""

import stat
from pathlib import Path

import pytest

from pratique.base.home import Home
from pratique.engine.rotation import Rotation, rotate


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "services" / "envoy" / "3"
    folder.mkdir(parents=True)
    return folder / "console.log"


def test_a_writer_goes_on_in_the_same_file(log: Path) -> None:
    with log.open("ab", buffering=0) as writer:
        writer.write(b"first\n")
        rotate(log)
        writer.write(b"second\n")
    assert log.read_bytes() == b"second\n"
    assert log.with_name("console.log.1").read_bytes() == b"first\n"


def test_only_the_newest_pieces_stay(log: Path) -> None:
    for number in range(5):
        log.write_bytes(b"%d\n" % number)
        rotate(log)
    assert sorted(path.name for path in log.parent.iterdir()) == ["console.log", "console.log.1", "console.log.2"]
    assert log.with_name("console.log.1").read_bytes() == b"4\n"
    assert log.with_name("console.log.2").read_bytes() == b"3\n"


def test_a_small_log_is_left_alone_and_a_large_one_is_not(tmp_path: Path, log: Path) -> None:
    log.write_bytes(b"0123456789")
    rotation = Rotation(Home(tmp_path), limit=10)
    rotation.step()
    assert log.read_bytes() == b"0123456789"
    with log.open("ab") as writer:
        writer.write(b"!")
    rotation.step()
    assert log.read_bytes() == b""
    assert log.with_name("console.log.1").read_bytes() == b"0123456789!"
    assert stat.S_IMODE(log.with_name("console.log.1").stat().st_mode) == 0o600


def test_a_model_that_prints_does_not_fill_the_disk(tmp_path: Path) -> None:
    log = tmp_path / "replicas" / "id" / "1-0-0" / "console.log"
    log.parent.mkdir(parents=True)
    with log.open("ab", buffering=0) as writer:
        for number in range(100):
            writer.write(b"%08d\n" % number)
            Rotation(Home(tmp_path), limit=50).step()
    assert sum(path.stat().st_size for path in log.parent.iterdir()) <= 3 * (50 + 9)
    assert b"00000099" in b"".join(path.read_bytes() for path in log.parent.iterdir())


def test_what_a_crash_left_half_copied_is_made_anew(log: Path) -> None:
    log.write_bytes(b"said\n")
    log.with_name("console.log.part").write_bytes(b"sa")
    rotate(log)
    assert sorted(path.name for path in log.parent.iterdir()) == ["console.log", "console.log.1"]
    assert log.with_name("console.log.1").read_bytes() == b"said\n"
