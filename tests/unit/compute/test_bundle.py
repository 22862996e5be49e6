"""What comes out of a bundle is what was put in, or an error names what is not."""

import json
import platform
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Conflict, InvalidInput
from pratique.compute.bundle import FACTS, adopt, open_bundle, pack, seal

LOCK = f"locks/{'0' * 64}.json"
FILES = {"wheels/one-1.0-py3-none-any.whl": b"a wheel", LOCK: b"{}", "README.md": b"read me"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bundle"
    for name, content in FILES.items():
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_bytes(content)
    seal(made, made_by="a test")
    return made


@pytest.fixture(params=["folder", "zip"])
def bundle(request: pytest.FixtureRequest, folder: Path) -> Callable[[], Path]:
    """Makes the bundle of what is in the folder by then."""

    def make() -> Path:
        if request.param == "folder":
            return folder
        pack(folder, folder.with_suffix(".zip"))
        return folder.with_suffix(".zip")

    return make


def change(folder: Path, **facts: Any) -> None:
    path = folder / FACTS
    path.write_text(json.dumps({**json.loads(path.read_text()), **facts}))


def test_it_says_what_it_is_for(bundle: Callable[[], Path]) -> None:
    opened = open_bundle(bundle())
    assert (opened.python, opened.machine) == (f"3.{sys.version_info.minor}", platform.machine())
    assert set(opened.files) == set(FILES)
    assert opened.size == sum(map(len, FILES.values()))
    opened.verify()


def test_the_digest_is_the_same_for_the_same_content_however_it_is_kept(folder: Path) -> None:
    pack(folder, folder.with_suffix(".zip"))
    assert open_bundle(folder).digest == open_bundle(folder.with_suffix(".zip")).digest


def test_a_home_takes_wheels_and_locks_and_nothing_twice(bundle: Callable[[], Path], tmp_path: Path) -> None:
    home = tmp_path / "environments"
    assert adopt(open_bundle(bundle()), home) == 2
    taken = {path.relative_to(home).as_posix(): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert taken == {name: content for name, content in FILES.items() if name != "README.md"}
    assert adopt(open_bundle(bundle()), home) == 0


def test_a_wheel_that_somebody_changed_is_taken_again_and_a_lock_stays(folder: Path, tmp_path: Path) -> None:
    home = tmp_path / "environments"
    adopt(open_bundle(folder), home)
    (home / "wheels" / "one-1.0-py3-none-any.whl").write_bytes(b"another")
    (home / LOCK).write_bytes(b"older")
    assert adopt(open_bundle(folder), home) == 1
    assert (home / "wheels" / "one-1.0-py3-none-any.whl").read_bytes() == b"a wheel"
    assert (home / LOCK).read_bytes() == b"older"


@pytest.mark.parametrize("content", [b"A wheel", b"a whee", b"a wheel and more"])
def test_a_file_that_is_not_what_was_sealed_is_refused_and_not_left(
    bundle: Callable[[], Path], folder: Path, tmp_path: Path, content: bytes
) -> None:
    (folder / "wheels" / "one-1.0-py3-none-any.whl").write_bytes(content)
    opened, home = open_bundle(bundle()), tmp_path / "environments"
    with pytest.raises(InvalidInput, match="one-1"):
        opened.verify()
    with pytest.raises(InvalidInput, match="one-1"):
        adopt(opened, home)
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_file_that_is_missing_is_named(folder: Path) -> None:
    (folder / LOCK).unlink()
    with pytest.raises(InvalidInput, match="locks/"):
        open_bundle(folder).verify()


@pytest.mark.parametrize(
    "name", ["../evil.whl", "/etc/passwd", "wheels/../../evil.whl", "wheels/a/b.whl", "locks/a.json"]
)
def test_a_file_of_another_name_is_refused(bundle: Callable[[], Path], folder: Path, name: str) -> None:
    change(folder, files={name: {"sha256": "0" * 64, "size": 1}})
    with pytest.raises(InvalidInput, match="called"):
        open_bundle(bundle())


@pytest.mark.parametrize("facts", [{"python": "3.9"}, {"machine": "riscv64"}])
def test_a_bundle_for_another_machine_is_not_taken(folder: Path, tmp_path: Path, facts: dict[str, str]) -> None:
    change(folder, **facts)
    with pytest.raises(Conflict, match="the bundle is for"):
        adopt(open_bundle(folder), tmp_path / "environments")


def test_what_is_no_bundle_is_said(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no archive")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a", "b")
    for name in ("nowhere", "text", "other.zip", "."):
        with pytest.raises(InvalidInput, match="is no bundle"):
            open_bundle(tmp_path / name)


def test_another_format_is_refused(folder: Path) -> None:
    change(folder, format=2)
    with pytest.raises(InvalidInput, match="format 2"):
        open_bundle(folder)
