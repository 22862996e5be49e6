"""A layer above an environment, with its real interpreter and its real pip."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pratique.compute.layer import lay


def run(*words: str | Path) -> str:
    done = subprocess.run(
        [*map(str, words)], env={"PATH": "/usr/bin:/bin", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def wheel(folder: Path, name: str, version: str, text: str, requires: str = "") -> Path:
    """A wheel with one module, as an index would give it."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", text)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/entry_points.txt", f"[console_scripts]\n{name} = {name}:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def below(tmp_path: Path) -> Path:
    """The Python of an environment as uv makes it, without pip, that has `harbour` 1.0."""
    folder = tmp_path / "below"
    packages = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    packages.mkdir(parents=True)
    (folder / "bin").mkdir()
    base = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    (folder / "bin/python").symlink_to(base)
    (folder / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    with zipfile.ZipFile(wheel(tmp_path, "harbour", "1.0", "depth = 1\n")) as archive:
        archive.extractall(packages)
    return folder / "bin/python"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_what_a_job_installs_lies_above_and_what_is_below_stays(below: Path, tmp_path: Path) -> None:
    before = files(below.parent.parent)
    python = lay(below, tmp_path / "layer")
    assert run(python, "-c", "import harbour; print(harbour.depth)") == "1"
    crane = wheel(tmp_path, "crane", "2.0", "def main(): print('lifts')\n", requires="harbour>=1")
    said = run(python.parent / "pip", "install", "--no-index", crane)
    assert "already satisfied: harbour>=1" in said
    assert run(python.parent / "crane") == "lifts"
    newer = wheel(tmp_path, "harbour", "1.1", "depth = 2\n")
    run(python, "-m", "pip", "install", "--no-index", newer)
    assert run(python, "-c", "import harbour; print(harbour.depth)") == "2"
    assert "harbour 1.1" in " ".join(run(python.parent / "pip3", "list", "--no-index").split())
    assert files(below.parent.parent) == before
    assert run(below, "-c", "import harbour; print(harbour.depth)") == "1"


def test_another_layer_has_nothing_of_the_first(below: Path, tmp_path: Path) -> None:
    first, second = (lay(below, tmp_path / name) for name in ("first", "second"))
    run(first.parent / "pip", "install", "--no-index", wheel(tmp_path, "crane", "2.0", ""))
    assert "crane" not in run(second.parent / "pip", "list")


def test_above_a_python_that_is_no_environment_nothing_is_laid(tmp_path: Path) -> None:
    assert lay(tmp_path / "bin/python", tmp_path / "layer") == tmp_path / "bin/python"
    assert (tmp_path / "layer").is_dir()


def test_an_environment_made_anew_on_another_interpreter_gets_a_layer_above_that_one(
    below: Path, tmp_path: Path
) -> None:
    lay(below, tmp_path / "first")
    moved = tmp_path / "moved" / "bin" / Path(os.path.realpath(below)).name
    moved.parent.mkdir(parents=True)
    moved.write_bytes(b"")
    below.unlink()
    below.symlink_to(moved)
    python = lay(below, tmp_path / "second")
    assert os.path.realpath(python) == str(moved)
    assert (tmp_path / "second" / "pyvenv.cfg").read_text().startswith(f"home = {moved.parent}\n")
