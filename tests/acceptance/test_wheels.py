"""The three wheels are the same platform as the checkout: `pip install dist/*.whl && pratique up && pratique demo`."""

import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import uv

from .conftest import NewInstallation
from .installation import LIMIT, Installation

pytestmark = pytest.mark.slow

ROOT: Final = Path(__file__).parents[2]
PARTS: Final = {"pratique": ROOT, "pratique_serving": ROOT / "serving", "pratique_tracking": ROOT / "tracking"}
NEEDED: Final = (
    "py.typed",
    "tracking/requirements.lock",
    "web/pages/templates/overview.html",
    "store/migrations/versions/0001_the_tables_of_the_first_version.py",
    "app/templates/credit-risk/pipeline.yml",
    "app/templates/credit-risk/delivery/deploy.sh",
    "app/templates/credit-risk/dot-gitignore",
)


def run_uv(*words: str | Path) -> str:
    """Run uv, with what it has in its cache when that is enough; what it printed."""
    said = ""
    for network in (["--offline"], []):
        command = [uv.find_uv_bin(), *words, *network]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=2 * LIMIT, check=False)
        if done.returncode == 0:
            return done.stdout
        said += done.stderr
    raise AssertionError(said)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Built as `make dist` builds them."""
    dist = tmp_path_factory.mktemp("dist")
    for part in PARTS.values():
        run_uv("build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "-o", dist, part)
    return {path.name.partition("-")[0]: path for path in dist.glob("*.whl")}


@pytest.fixture(scope="module")
def python(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheels and what they need, and nothing of the checkout."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    run_uv("venv", "--quiet", "--no-project", "--python", sys.executable, venv)
    python = venv / "bin" / "python"
    install = ("pip", "install", "--quiet", "--compile-bytecode", "--python", python)
    run_uv(*install, "--require-hashes", "-r", ROOT / "locks" / "platform.txt")
    run_uv(*install, "--no-deps", *wheels.values())
    return python


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def sources(folder: Path) -> Iterator[str]:
    """Every file that is somebody's work."""
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(folder).as_posix()


def test_there_is_one_wheel_for_each_distribution(wheels: dict[str, Path]) -> None:
    assert set(wheels) == set(PARTS)


@pytest.mark.parametrize("name", PARTS)
def test_a_wheel_holds_every_file_of_its_package_and_nothing_else(wheels: dict[str, Path], name: str) -> None:
    package = {f"{name}/{path}" for path in sources(PARTS[name] / "src" / name)}
    packed = {path for path in names_in(wheels[name]) if not path.split("/")[0].endswith(".dist-info")}
    assert packed == package


@pytest.mark.parametrize("path", NEEDED)
def test_what_the_platform_reads_at_run_time_is_in_the_wheel(wheels: dict[str, Path], path: str) -> None:
    assert f"pratique/{path}" in names_in(wheels["pratique"])


@pytest.mark.parametrize("name", PARTS)
def test_a_wheel_comes_with_its_licence(wheels: dict[str, Path], name: str) -> None:
    assert [path for path in names_in(wheels[name]) if path.endswith("/licenses/LICENSE")]


def test_what_is_locked_is_what_the_wheels_ask_for(python: Path) -> None:
    run_uv("pip", "check", "--python", python)


def test_it_runs_from_an_empty_folder_as_from_the_checkout(
    python: Path, new_installation: NewInstallation, tmp_path: Path
) -> None:
    platform = new_installation()

    def pratique(*words: str) -> str:
        return finished(platform, [python.parent / "pratique", *words], tmp_path)

    where = finished(platform, [python, "-c", "import pratique; print(pratique.__file__)"], tmp_path)
    assert Path(where).is_relative_to(python.parents[1])
    status = json.loads(pratique("up", "-o", "json"))
    assert status["ready"]
    told = pratique("demo", "--project", "./x", "--rate", "100")
    assert " answered, 0 failed; " in told
    assert "credit-risk:1" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x"]
    assert set(sources(tmp_path / "x")) == set(sources(ROOT / "examples" / "credit-risk"))
    assert json.loads(pratique("status", "-o", "json"))["ready"]
    pratique("down")
    assert platform.processes() == {}


def finished(platform: Installation, command: list[str | Path], folder: Path) -> str:
    """What a command that ended well printed: its data, or its talk when it had none."""
    done = subprocess.run(
        command, cwd=folder, env=platform.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=2 * LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{platform.last_words()}"
    return done.stdout or done.stderr
