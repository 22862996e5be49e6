"""Environments that are really built, from packages that a small index on loopback serves."""

import functools
import hashlib
import http.server
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import ComputeFailed, InvalidInput, StorageFailed
from pratique.compute.environments import Environments
from pratique.compute.interpreters import platform_version
from pratique.compute.locks import Lock
from pratique.specs.packages import PackageRequest


class IndexHandler(http.server.SimpleHTTPRequestHandler):
    """As a real index: it may be cached, and is asked again all the same."""

    def do_GET(self) -> None:
        del self.headers["If-Modified-Since"]  # Its whole seconds are too coarse for a test.
        super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "max-age=0")
        super().end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Keep the test's output to the test."""


class Index:
    """A package index in a folder, served until it is shut."""

    def __init__(self, root: Path) -> None:
        self.root = root
        handler = functools.partial(IndexHandler, directory=str(root))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/simple"

    def add(self, name: str, version: str, *, requires: str = "", body: str = "") -> None:
        """Offer a package with one module."""
        folder = self.root / "simple" / name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{name}-{version}-py3-none-any.whl"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += f"Requires-Dist: {requires}\n" if requires else ""
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", body or f"VERSION = {version!r}\n")
            archive.writestr(f"{name}-{version}.dist-info/METADATA", metadata)
            archive.writestr(
                f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{name}-{version}.dist-info/RECORD", "")
        lines = [
            f'<a href="{path.name}#sha256={hashlib.sha256(path.read_bytes()).hexdigest()}">{path.name}</a>'
            for path in sorted(folder.glob("*.whl"))
        ]
        (folder / "index.html").write_text("<!DOCTYPE html><html><body>" + "\n".join(lines) + "</body></html>")

    def shut(self) -> None:
        """Be as a network that is away."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """An index with `harbour`, which requires `anchor`; uv knows no other and has an empty cache."""
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    made = Index(tmp_path / "index")
    made.add("anchor", "1.0")
    made.add("harbour", "2.1", requires="anchor>=1")
    monkeypatch.setenv("UV_DEFAULT_INDEX", made.url)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield made
    made.shut()


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(tmp_path / "environments")


REQUEST = PackageRequest(python=None, requirements=("harbour",))


def imported(python: Path, module: str) -> str:
    """Where `python` imports `module` from."""
    return subprocess.check_output(
        [python, "-I", "-c", f"import {module}; print({module}.__file__)"], text=True
    ).strip()


def test_a_lock_names_every_package_with_its_hashes_and_no_index(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    assert "harbour==2.1" in lock.text
    assert "anchor==1.0" in lock.text
    assert lock.text.count("--hash=sha256:") == 2
    assert "http" not in lock.text
    assert lock.python == platform_version()


def test_an_environment_holds_the_packages_of_its_lock_and_their_bytecode(
    environments: Environments, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")  # The server's own wish is not the environment's.
    python = environments.ensure(environments.lock(REQUEST))
    module = Path(imported(python, "anchor"))
    assert module.is_relative_to(python.parent.parent)
    assert [path.name.split(".")[0] for path in sorted((module.parent / "__pycache__").iterdir())] >= [
        "anchor",
        "harbour",
    ]


def test_a_second_ensure_does_nothing(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    python = environments.ensure(lock)
    before = python.parent.parent.stat().st_mtime_ns
    said: list[str] = []
    assert environments.ensure(lock, say=said.append) == python
    assert python.parent.parent.stat().st_mtime_ns == before
    assert said == []


def test_the_same_request_gives_the_same_lock_though_the_index_has_moved_on(
    environments: Environments, index: Index
) -> None:
    before = environments.lock(REQUEST)
    index.add("harbour", "2.2", requires="anchor>=1")
    assert environments.lock(REQUEST) == before
    assert "harbour==2.2" in environments.lock(REQUEST, extra=["anchor"]).text


def test_a_warm_home_needs_no_network(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    environments.ensure(lock)
    index.shut()
    assert environments.ensure(environments.lock(REQUEST)).exists()


def test_a_warm_cache_locks_and_builds_in_a_new_home_without_a_network(
    environments: Environments, index: Index, tmp_path: Path
) -> None:
    environments.ensure(environments.lock(REQUEST))
    index.shut()
    another = Environments(tmp_path / "another")
    said: list[str] = []
    assert imported(another.ensure(another.lock(REQUEST, say=said.append)), "harbour")
    assert "the network is away: trying with what uv has in its cache" in said


def test_uv_may_be_told_to_stay_offline(
    environments: Environments, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environments.ensure(environments.lock(REQUEST))
    index.shut()
    monkeypatch.setenv("UV_OFFLINE", "1")
    another = Environments(tmp_path / "another")
    assert another.is_ready(another.lock(REQUEST)) is False
    assert another.ensure(another.lock(REQUEST)).exists()


def test_without_network_and_cache_the_missing_package_is_named(environments: Environments, index: Index) -> None:
    index.shut()
    with pytest.raises(ComputeFailed, match=r"network is away[^$]*harbour was not found in the cache") as caught:
        environments.lock(REQUEST)
    assert "connect to the network" in caught.value.hint


def test_a_lock_that_cannot_be_installed_without_network_names_the_package_and_leaves_nothing(
    environments: Environments, index: Index, tmp_path: Path
) -> None:
    lock = environments.lock(REQUEST)
    shutil.rmtree(tmp_path / "cache")
    index.shut()
    with pytest.raises(ComputeFailed, match="anchor was not found in the cache"):
        environments.ensure(lock)
    assert not (tmp_path / "environments" / lock.digest).exists()


def test_a_package_that_does_not_exist_is_said_in_uvs_words(environments: Environments, index: Index) -> None:
    with pytest.raises(ComputeFailed, match="no-such-package was not found in the package registry"):
        environments.lock(PackageRequest(python=None, requirements=("no-such-package",)))


def test_a_package_whose_bytes_have_changed_is_refused(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    index.add("anchor", "1.0", body="EVIL = True\n")
    with pytest.raises(ComputeFailed, match="Hash mismatch"):
        environments.ensure(lock)


def test_a_half_made_environment_is_made_anew(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    place = environments.ensure(lock).parent.parent
    (place / ".ready").unlink()
    shutil.rmtree(place / "lib")
    assert not environments.is_ready(lock)
    assert imported(environments.ensure(lock), "harbour")


def test_an_environment_with_a_damaged_marker_is_made_anew(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    place = environments.ensure(lock).parent.parent
    (place / ".ready").write_bytes(b"\xff\x00")
    (place / "old").touch()
    environments.ensure(lock)
    assert environments.is_ready(lock)
    assert not (place / "old").exists()


def test_an_environment_whose_python_has_gone_is_made_anew(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    python = environments.ensure(lock)
    python.unlink()
    python.symlink_to("/no/such/python")
    assert not environments.is_ready(lock)
    assert imported(environments.ensure(lock), "harbour")


def test_a_changed_byte_of_a_kept_lock_is_refused_until_it_is_removed(
    environments: Environments, index: Index, tmp_path: Path, attack: Any
) -> None:
    attack("flipped bytes", "lock of an environment")
    lock = environments.lock(REQUEST)
    (kept,) = (tmp_path / "environments" / "locks").iterdir()
    sound = kept.read_bytes()
    for place in range(0, len(sound), 7):
        kept.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        with pytest.raises(StorageFailed, match="was changed") as refused:
            environments.lock(REQUEST)
        assert str(kept) in str(refused.value)
        assert "bring it back from a backup" in refused.value.hint
    kept.unlink()
    assert environments.lock(REQUEST) == lock


def test_a_lock_of_an_earlier_version_is_taken(environments: Environments, index: Index, tmp_path: Path) -> None:
    lock = environments.lock(REQUEST)
    (kept,) = (tmp_path / "environments" / "locks").iterdir()
    kept.write_text(json.dumps({"python": lock.python, "text": lock.text, "conda": ""}))
    assert environments.lock(REQUEST) == lock


def _ensure(folder: Path, lock: Lock, said: "multiprocessing.SimpleQueue[list[str]]") -> None:
    lines: list[str] = []
    Environments(folder).ensure(lock, say=lines.append)
    said.put(lines)


def test_of_two_processes_at_once_one_builds_and_the_other_waits(
    environments: Environments, index: Index, tmp_path: Path
) -> None:
    lock = environments.lock(REQUEST)
    context = multiprocessing.get_context("spawn")
    said = context.SimpleQueue()
    folder = tmp_path / "environments"
    both = [context.Process(target=_ensure, args=(folder, lock, said)) for _ in range(2)]
    for process in both:
        process.start()
    lines = [said.get(), said.get()]
    for process in both:
        process.join()
    assert sum(any("Installed 2 packages" in line for line in one) for one in lines) == 1
    assert environments.is_ready(lock)


def test_a_build_whose_server_was_killed_is_made_anew(environments: Environments, index: Index, tmp_path: Path) -> None:
    lock = environments.lock(REQUEST)
    killed = f"""
import os, signal
from pathlib import Path
from pratique.compute.environments import Environments
from pratique.compute.locks import Lock
def die(_line):
    os.kill(os.getpid(), signal.SIGKILL)
Environments(Path({str(tmp_path / "environments")!r})).ensure(Lock({lock.python!r}, {lock.text!r}), say=die)
"""
    done = subprocess.run([sys.executable, "-c", killed], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not environments.is_ready(lock)
    assert imported(environments.ensure(lock), "harbour")


def test_progress_is_told_and_appended_to_the_log(environments: Environments, index: Index, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    said: list[str] = []
    environments.ensure(environments.lock(REQUEST), log=log, say=said.append)
    assert any("Installed 2 packages" in line for line in said)
    assert log.read_text() == "\n".join(["before", *said]) + "\n"


def test_an_environment_without_packages_can_be_had(environments: Environments, index: Index) -> None:
    lock = environments.lock(PackageRequest(python=None, requirements=()))
    assert lock.text == ""
    assert environments.ensure(lock).exists()


def test_a_foreign_lock_is_adopted_with_hashes_only(environments: Environments, index: Index) -> None:
    made = environments.lock(REQUEST)
    assert environments.adopt(made.text, made.python) == made
    with pytest.raises(InvalidInput, match="hashes"):
        environments.adopt("harbour==2.1\n", made.python)


def test_what_is_written_into_an_environment_is_not_written_into_uvs_cache(
    environments: Environments, index: Index, tmp_path: Path
) -> None:
    lock = environments.lock(REQUEST)
    module = Path(imported(environments.ensure(lock), "anchor"))
    with module.open("a") as file:
        file.write("SPOILED = True\n")
    another = Environments(tmp_path / "another")
    assert "SPOILED" not in Path(imported(another.ensure(lock), "anchor")).read_text()


@pytest.mark.parametrize("harm", ["changed", "deleted", "added"])
def test_an_environment_that_was_changed_is_built_anew_before_it_is_used_again(
    environments: Environments, index: Index, harm: str
) -> None:
    lock = environments.lock(REQUEST)
    module = Path(imported(environments.ensure(lock), "anchor"))
    if harm == "changed":
        module.write_text("SPOILED = True\n")
    elif harm == "deleted":
        module.unlink()
    else:
        (module.parent / "sitecustomize.py").write_text("raise SystemExit(1)\n")
    said: list[str] = []
    assert imported(environments.ensure(lock, say=said.append), "anchor")
    assert said[0] == "the environment was changed since it was built: building it anew"
    assert not (module.parent / "sitecustomize.py").exists()
    assert "SPOILED" not in module.read_text()


def test_bytecode_that_python_writes_is_no_change(environments: Environments, index: Index) -> None:
    lock = environments.lock(REQUEST)
    module = Path(imported(environments.ensure(lock), "anchor"))
    (module.parent / "__pycache__" / "late.cpython-311.pyc").write_bytes(b"")
    said: list[str] = []
    environments.ensure(lock, say=said.append)
    assert said == []


def test_where_nobody_can_change_it_an_environment_is_compared_once(index: Index, tmp_path: Path) -> None:
    folder = tmp_path / "environments"
    protected = Environments(folder, is_protected=True)
    lock = protected.lock(REQUEST)
    module = Path(imported(protected.ensure(lock), "anchor"))
    module.write_text("SPOILED = True\n")
    protected.ensure(lock)
    assert "SPOILED" in module.read_text(), "it is not looked at again"
    Environments(folder, is_protected=True).ensure(lock)
    assert "SPOILED" not in module.read_text(), "another server looks once, too"


def test_packages_of_a_later_day_are_not_taken(environments: Environments, index: Index) -> None:
    # This index tells no days, so nothing is old enough: a day of a rule gives way, a wished one does not.
    ruled = PackageRequest(None, ("harbour",), (), "2020-01-01", may_be_newer=True)
    said: list[str] = []
    assert "harbour==2.1" in environments.lock(ruled, say=said.append).text
    assert any("nothing that was released before 2020-01-01" in line for line in said)
    with pytest.raises(ComputeFailed, match="cannot be settled"):
        environments.lock(PackageRequest(None, ("harbour",), (), "2020-01-02"))
