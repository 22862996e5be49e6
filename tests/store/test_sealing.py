"""Secrets at rest: opened only with the key, and only where they belong."""

import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from pratique.base.errors import InternalError, StorageFailed
from pratique.store.sealing import Sealer


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "sealing.key"


def test_a_sealed_text_opens_in_its_context(key_file: Path) -> None:
    sealer = Sealer(key_file)
    sealed = sealer.seal("pässword", context="endpoints/1/primary")
    assert "ssword" not in sealed
    assert sealed.isascii()
    assert sealer.open(sealed, context="endpoints/1/primary") == "pässword"


def test_a_sealed_text_does_not_open_where_it_was_copied_to(key_file: Path) -> None:
    sealer = Sealer(key_file)
    sealed = sealer.seal("secret", context="endpoints/1/primary")
    with pytest.raises(InternalError, match="endpoints/2/primary"):
        sealer.open(sealed, context="endpoints/2/primary")


def test_the_same_text_is_sealed_differently_each_time(key_file: Path) -> None:
    sealer = Sealer(key_file)
    assert sealer.seal("secret", context="a") != sealer.seal("secret", context="a")


def test_another_key_opens_nothing(key_file: Path, tmp_path: Path) -> None:
    sealed = Sealer(key_file).seal("secret", context="a")
    with pytest.raises(InternalError, match="key file"):
        Sealer(tmp_path / "other.key").open(sealed, context="a")


@pytest.mark.parametrize("sealed", ["", "AAAA", "not base64!", "ü", "A" * 100, "=" * 8])
def test_what_was_never_sealed_is_an_error_of_ours(key_file: Path, sealed: str) -> None:
    with pytest.raises(InternalError):
        Sealer(key_file).open(sealed, context="a")


def test_a_flipped_bit_is_noticed(key_file: Path) -> None:
    sealer = Sealer(key_file)
    sealed = sealer.seal("secret", context="a")
    flipped = ("B" if sealed[20] != "B" else "C").join((sealed[:20], sealed[21:]))
    with pytest.raises(InternalError):
        sealer.open(flipped, context="a")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_the_key_file_is_for_its_owner_only_under_any_umask(key_file: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        Sealer(key_file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert os.listdir(key_file.parent) == [key_file.name]


def test_the_next_start_finds_the_same_key(key_file: Path) -> None:
    sealed = Sealer(key_file).seal("secret", context="a")
    assert Sealer(key_file).open(sealed, context="a") == "secret"


def test_processes_that_start_together_get_the_same_key(
    key_file: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    script = """
        import sys
        from pathlib import Path
        from pratique.store.sealing import Sealer
        print("ready", flush=True)
        input()
        print(Sealer(Path(sys.argv[1])).seal("secret", context="a"))
    """
    processes = [start_python(script, key_file) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    sealer = Sealer(key_file)
    for process in processes:
        printed, complaints = process.communicate(timeout=60)
        assert process.returncode == 0, complaints
        assert sealer.open(printed.strip(), context="a") == "secret"


def test_a_damaged_key_file_is_said(key_file: Path) -> None:
    key_file.write_bytes(b"")
    with pytest.raises(StorageFailed, match="damaged"):
        Sealer(key_file)


def test_a_flipped_bit_of_the_key_file_seals_and_opens_nothing(
    key_file: Path, attack: Callable[[str, str], None]
) -> None:
    attack("flipped bytes", "key file of the vault")
    sealed = Sealer(key_file).seal("secret", context="a")
    sound = key_file.read_bytes()
    for place in range(len(sound)):
        key_file.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        with pytest.raises(StorageFailed, match="damaged") as refused:
            Sealer(key_file)
        assert "restore keys/" in refused.value.hint
    key_file.write_bytes(sound)
    assert Sealer(key_file).open(sealed, context="a") == "secret"


def test_a_key_file_of_an_earlier_version_is_taken(key_file: Path) -> None:
    key_file.write_bytes(b"k" * 32)
    sealed = Sealer(key_file).seal("secret", context="a")
    assert Sealer(key_file).open(sealed, context="a") == "secret"


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot be read or made"):
        Sealer(tmp_path / "absent" / "sealing.key")
