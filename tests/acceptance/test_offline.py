"""A machine that has never seen a network runs the demo, from a bundle alone."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

import pytest

from .conftest import NewInstallation
from .installation import LIMIT, Installation, Said

pytestmark = pytest.mark.slow

_NAMESPACE: Final = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")
_STORY: Final = """
ip link set lo up
! {python} -c 'import socket; socket.create_connection(("192.0.2.1", 443), timeout=5)' 2>/dev/null
test -z "$(ip route)"
{python} -m venv venv
venv/bin/pip install --quiet --no-index --find-links {bundle}/wheels --require-hashes -r {bundle}/requirements.txt
venv/bin/pratique demo --bundle {bundle} --project ./project --rate 100
"""


def isolated(script: str, environment: dict[str, str], folder: Path) -> Said:
    """Run a script where there is no network but a loopback of its own."""
    command = [*_NAMESPACE, "bash", "-euxo", "pipefail", "-c", script]
    done = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=3 * LIMIT, check=False,
    )  # fmt: skip
    return Said(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> None:
    missing = [program for program in ("ip", "unshare", "git") if not shutil.which(program)]
    if missing:
        pytest.skip(f"there is no {missing[0]}")
    if isolated("ip link set lo up", dict(os.environ), Path("/")).code:
        pytest.skip("network namespaces cannot be made here")


@pytest.fixture(scope="module")
def bundle(platform: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made by the installed command, with the network."""
    place = tmp_path_factory.mktemp("bundle") / "pratique.zip"
    made = platform.get("bundle", "create", str(place))
    assert platform.get("bundle", "verify", str(place)) == made
    return place


def test_the_demo_passes_without_a_network_in_a_home_never_used(
    bundle: Path, new_installation: NewInstallation, tmp_path: Path
) -> None:
    installation = new_installation()
    shutil.rmtree(installation.folder / "home", ignore_errors=True)
    opened = tmp_path / "opened"
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(opened)
    environment = {
        name: value for name, value in installation.environment.items() if not name.startswith(("UV_", "PIP_"))
    }
    environment |= {"HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path / "uv"), "CI": "true"}
    said = isolated(_STORY.format(python=sys.executable, bundle=opened), environment, tmp_path)
    assert said.code == 0, f"{said}\n{installation.last_words()}"
    assert "files from the bundle" in said.err
    assert " answered, 0 failed; " in said.err
    assert "decision   registered" in said.err
    assert installation.processes() == {}


def test_a_bundle_in_one_file_is_taken_as_it_is_and_a_changed_one_is_refused(
    bundle: Path, new_installation: NewInstallation, tmp_path: Path
) -> None:
    installation = new_installation()
    changed = tmp_path / "changed.zip"
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(changed, "w") as target:
        for entry in source.infolist():
            content = source.read(entry)
            target.writestr(entry, content[:-1] + b"!" if entry.filename.endswith(".whl") else content)
    assert "is not what bundle.json says" in installation.fail("bundle", "verify", str(changed))
    assert "is not what bundle.json says" in installation.fail("up", "--bundle", str(changed))
    assert installation.processes() == {}
