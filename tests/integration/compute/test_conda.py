"""Environments that conda makes: real processes, with a small program in the place of micromamba and of conda.

It takes their command lines, makes a venv as the prefix, and lists what it was asked for.
"""

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from pratique.base.errors import ComputeFailed, InvalidInput
from pratique.compute.environments import Environments
from pratique.compute.interpreters import places_of
from pratique.engine.packages import python_for
from pratique.specs.packages import PackageRequest, from_conda

PLAYED = '''\
#!{python} -IS
"""Plays micromamba and conda: its calls go to calls.jsonl beside it; while there is a file "broken" it fails."""
import json, os, pathlib, subprocess, sys
here, arguments = pathlib.Path(sys.argv[0]).parent, sys.argv[1:]
with open(here / "calls.jsonl", "a") as calls:
    seen = {{name: os.environ.get(name) for name in ("CONDA_ALWAYS_COPY", "SECRET")}}
    calls.write(json.dumps([arguments, seen]) + "\\n")
prefix = pathlib.Path(arguments[arguments.index("--prefix") + 1])
if "--explicit" in arguments:
    print("# platform: linux-64\\n@EXPLICIT\\n" + (prefix / "conda-meta" / "urls").read_text())
    sys.exit()
given = pathlib.Path(arguments[arguments.index("--file") + 1]).read_text()
print("Linking openmpi", flush=True)
if (here / "broken").exists():
    prefix.mkdir()
    print("error    libmamba Could not solve for environment specs", file=sys.stderr)
    sys.exit(1)
subprocess.run([{python!r}, "-I", "-m", "venv", "--without-pip", str(prefix)], check=True)
(prefix / "conda-meta").mkdir()
(prefix / "conda-meta" / "given").write_text(given)
(prefix / "conda-meta" / "urls").write_text("https://channel/linux-64/openmpi-4.1.tar.bz2#0123\\n")
(prefix / "bin" / "mpirun").write_text("#!/bin/sh\\necho from openmpi\\n")
(prefix / "bin" / "mpirun").chmod(0o755)
for site in (prefix / "lib").glob("python3*/site-packages"):
    (site / "compiled.py").write_text("VALUE = 1\\n")
'''
FILE = {"name": "any", "channels": ["conda-forge"], "dependencies": ["python=3.11", "openmpi", "numpy=1.26"]}
REQUEST = from_conda(FILE)


class Tool:
    """The program, and what it was called with."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.program = folder / name
        self.program.write_text(PLAYED.format(python=os.path.realpath(sys.executable)))
        self.program.chmod(0o755)
        self.broken = folder / "broken"

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of every call, without paths."""
        return [[word for word in call[0] if not word.startswith("/")] for call in self._heard()]

    @property
    def seen(self) -> list[dict[str, str | None]]:
        """Of its environment, what matters here."""
        return [call[1] for call in self._heard()]

    def _heard(self) -> list[tuple[list[str], dict[str, str | None]]]:
        calls = self.program.parent / "calls.jsonl"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []


@pytest.fixture(params=["micromamba", "conda"])
def tool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    made = Tool(tmp_path / "bin", request.param)
    monkeypatch.setenv("PATH", f"{made.program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("SECRET", "x")
    return made


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments", conda_mode="auto")


def test_what_is_no_python_package_is_there_and_compiled(
    environments: Environments, tool: Tool, tmp_path: Path
) -> None:
    heard: list[str] = []
    log = tmp_path / "build.log"
    python = environments.ensure(environments.lock(REQUEST), log=log, say=heard.append)
    assert subprocess.check_output([python.parent / "mpirun"], text=True) == "from openmpi\n"
    assert subprocess.check_output([python, "-c", "import compiled; print(compiled.VALUE)"], text=True) == "1\n"
    assert [*python.parent.parent.glob("lib/python3*/site-packages/__pycache__/compiled.*.pyc")]
    assert "Linking openmpi" in heard
    assert "Linking openmpi" in log.read_text()
    assert python.parent.parent in places_of(python), "which is what a sandbox shows"
    given = json.loads((python.parent.parent / "conda-meta" / "given").read_text())
    assert given == {"channels": FILE["channels"], "dependencies": FILE["dependencies"]}


def test_what_it_made_is_known_as_what_its_file_means(environments: Environments, tool: Tool) -> None:
    assert environments.known(REQUEST) == environments.lock(REQUEST)


def test_it_is_told_to_copy_and_sees_nothing_else_of_ours(environments: Environments, tool: Tool) -> None:
    environments.ensure(environments.lock(REQUEST))
    assert tool.seen == [{"CONDA_ALWAYS_COPY": "true", "SECRET": None}] * 2


def test_what_is_there_is_used_and_what_was_spoiled_is_made_again_from_the_list(
    environments: Environments, tool: Tool
) -> None:
    lock = environments.lock(REQUEST)
    python = environments.ensure(lock)
    first = tool.calls
    assert environments.ensure(lock) == python
    assert tool.calls == first
    (python.parent / "mpirun").write_text("spoiled, and longer")
    environments.ensure(lock)
    assert "@EXPLICIT" in (python.parent.parent / "conda-meta" / "given").read_text()
    by_list = [["create", "--yes", "--prefix", "--file"]]
    if tool.program.name == "conda":
        assert first == [["env", "create", "--prefix", "--file"], ["list", "--explicit", "--md5", "--prefix"]]
    else:
        assert first == [*by_list, ["env", "export", "--explicit", "--md5", "--prefix"]]
    assert tool.calls[2:] == by_list


def offer(index: Path, version: str) -> None:
    """Have `index` offer `harbour` in that version."""
    folder = index / "harbour"
    folder.mkdir(parents=True, exist_ok=True)
    inside = f"harbour-{version}.dist-info"
    with zipfile.ZipFile(folder / f"harbour-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr("harbour.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{inside}/METADATA", f"Metadata-Version: 2.1\nName: harbour\nVersion: {version}\n")
        archive.writestr(f"{inside}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{inside}/RECORD", "")
    links = [
        f'<a href="{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>'
        for path in sorted(folder.glob("*.whl"))
    ]
    (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "".join(links) + "</body></html>")


def test_packages_of_pip_come_beside_and_stay_what_they_were(
    environments: Environments, tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", (tmp_path / "index").as_uri())
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    offer(tmp_path / "index", "2.1")
    lock = environments.lock(from_conda({"dependencies": ["openmpi", {"pip": ["harbour>=2"]}]}))
    show = ("-c", "import harbour; print(harbour.VERSION)")
    python = environments.ensure(lock)
    assert subprocess.check_output([python, *show], text=True) == "2.1\n"
    assert json.loads((python.parent.parent / "conda-meta" / "given").read_text()) == {"dependencies": ["openmpi"]}
    kept = tmp_path / "environments" / "locks" / f"{lock.digest}.conda.json"
    pinned = json.loads(kept.read_text())["pinned"]
    assert "harbour==2.1" in pinned
    assert "--hash=sha256:" in pinned
    offer(tmp_path / "index", "2.2")
    (python.parent / "mpirun").unlink()
    assert subprocess.check_output([environments.ensure(lock), *show], text=True) == "2.1\n"


def test_a_failure_tells_the_last_lines_and_leaves_nothing(environments: Environments, tool: Tool) -> None:
    tool.broken.touch()
    lock = environments.lock(REQUEST)
    with pytest.raises(ComputeFailed, match="Could not solve for environment specs"):
        environments.ensure(lock)
    assert not environments.is_ready(lock)
    tool.broken.unlink()
    assert environments.ensure(lock).exists()


def test_a_job_and_a_scorer_get_its_python_and_are_told_who_made_it(
    environments: Environments, tool: Tool, tmp_path: Path
) -> None:
    heard: list[str] = []
    python = python_for(environments, {"conda_file": FILE}, logs=tmp_path, say=heard.append)
    assert python.with_name("mpirun").exists()
    assert heard[0] == "environment: conda makes it, as its file says"
    assert not any("is not used" in line for line in heard), "the channels are"


@pytest.mark.parametrize(
    ("mode", "dependencies", "by_conda"),
    [
        ("auto", ["numpy"], False),
        ("auto", ["openmpi"], True),
        ("always", ["numpy"], True),
        ("always", ["openmpi"], True),
        ("never", ["numpy"], False),
    ],
)
def test_the_setting_says_who_makes_it(
    tmp_path: Path, tool: Tool, mode: str, dependencies: list[str], by_conda: bool
) -> None:
    environments = Environments(tmp_path / "e", conda_mode=mode)
    assert environments.is_for_conda(from_conda({"dependencies": dependencies})) == by_conda
    assert not environments.is_for_conda(PackageRequest(None, ("numpy",))), "there is no conda file"


def test_which_way_was_taken_is_part_of_the_digest(tmp_path: Path, tool: Tool) -> None:
    request = from_conda({"dependencies": ["python=3.11"]})
    locks = [Environments(tmp_path / "e", conda_mode=mode).lock(request).digest for mode in ("auto", "never", "always")]
    assert locks[0] == locks[1] != locks[2]


@pytest.mark.parametrize("mode", ["auto", "never"])
def test_without_conda_it_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with pytest.raises(InvalidInput, match="openmpi: no Python package"):
        Environments(tmp_path / "e", conda_mode=mode).lock(REQUEST)


def test_always_without_conda_fails_with_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    environments = Environments(tmp_path / "e", conda_mode="always")
    with pytest.raises(ComputeFailed, match="neither micromamba nor conda"):
        environments.ensure(environments.lock(REQUEST))
