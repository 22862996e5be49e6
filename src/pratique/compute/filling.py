"""Filling the folder of an environment: uv settles and installs packages, or conda does and pip beside it."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed
from pratique.compute import conda
from pratique.compute.installer import Installer, Outcome, Say, failure, find_uv, installer_environment
from pratique.compute.interpreters import choose_interpreter
from pratique.compute.locks import Lock, make_folder, read_listed, write_listed
from pratique.specs.packages import PackageRequest

_COMPILE_LIMIT: Final = 600.0
"""Seconds; what is not compiled by then is when it is first imported."""
_INTO_CONDA: Final = ("--break-system-packages", "--python")
"""conda marks its Python as one that pip keeps off, which is meant for people."""


class Filler:
    """What fills the environments of one home, whose `folder` may hold the wheels of a bundle."""

    def __init__(self, folder: Path, uv: Path | None) -> None:
        self._folder = folder
        self._uv = uv

    def fill(self, lock: Lock, place: Path, say: Say, held: int) -> None:
        """Make the environment of `lock` in `place`, which is not there; `held` is the lock's file, which uv inherits.

        Raises `ComputeFailed`; what is half made then is the caller's to remove.
        """
        (self._fill_by_conda if lock.conda else self._fill_by_uv)(lock, place, say, held)
        say("compiling, so that the first import is as fast as every later one")
        _compile_bytecode(place, held)

    def _wheels(self) -> tuple[str, ...]:
        """Where uv finds what its cache lacks: wheels of a bundle, which the lock's hashes vouch for."""
        wheels = self._folder / "wheels"
        return ("--find-links", str(wheels)) if wheels.is_dir() else ()

    def _installer(self) -> Installer:
        return Installer(self._uv or find_uv(), installer_environment(os.environ), self._folder)

    def settled(self, python: Path, lines: Sequence[str], request: PackageRequest, say: Say) -> str:
        """Every package of `lines`, with versions and hashes; raises `ComputeFailed`."""
        if not lines:
            return ""
        if request.released_before is None:
            return self._compile(python, lines, (), say)
        try:
            return self._compile(python, lines, ("--exclude-newer", request.released_before), say)
        except ComputeFailed:
            if not request.may_be_newer:
                raise
        say(f"nothing that was released before {request.released_before} fits together: taking newer packages as well")
        return self._compile(python, lines, (), say)

    def _compile(self, python: Path, lines: Sequence[str], day: Sequence[str], say: Say) -> str:
        arguments = (
            "pip", "compile", "-", "--python", str(python), "--generate-hashes", "--no-header",
            "--no-emit-index-url", "--no-emit-find-links", "--no-emit-index-annotation", *day,
        )  # fmt: skip
        make_folder(self._folder)
        installer, stdin = self._installer(), "\n".join(lines) + "\n"
        outcome = installer.run(*arguments, stdin=stdin, say=say)
        if outcome.is_network_away:
            say("the network is away: trying with what uv has in its cache")
            outcome = installer.run(*arguments, "--offline", *self._wheels(), stdin=stdin, say=say)
            if not outcome.ok:
                raise failure("the network is away, and uv's cache lacks packages of the environment", outcome)
        if not outcome.ok:
            raise failure("the packages of the environment cannot be settled", outcome)
        return outcome.stdout

    def _fill_by_uv(self, lock: Lock, place: Path, say: Say, held: int) -> None:
        installer = self._installer()
        interpreter = choose_interpreter(lock.python)
        venv = installer.run(
            "venv", "--quiet", "--no-project", "--python", str(interpreter.path), str(place), say=say, held=held
        )
        if not venv.ok:
            raise failure("the environment cannot be made", venv)
        requirements = place / "requirements.lock"
        requirements.write_text(lock.text, encoding="utf-8")
        outcome = self._sync(installer, place, requirements, say, held)
        if not outcome.ok:
            raise failure("the packages of the environment cannot be installed", outcome)

    def _fill_by_conda(self, lock: Lock, place: Path, say: Say, held: int) -> None:
        """As the list of an earlier build says, or settled now, and then listed."""
        tool = conda.find_conda()
        if tool is None:
            raise ComputeFailed("there is neither micromamba nor conda on the PATH", hint=conda.REMEDY)
        kept = self._folder / "locks" / f"{lock.digest}.conda.json"
        known = read_listed(kept)
        say(f"{tool.program} makes it, {'as it was made before' if known else 'and settles its packages'}")
        file, wanted = conda.without_pip(lock.conda)
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".conda-") as beside:
            given = Path(beside) / ("list.txt" if known else "environment.yml")
            given.write_text(known[0] if known else file, encoding="utf-8")
            tool.create(place, given, say=say, held=held)
        python = place / "bin" / "python"
        if not python.exists():
            raise ComputeFailed(
                f"{tool.name} made an environment without a Python", hint="write python=3.11 under dependencies"
            )
        listed = known[0] if known else tool.explicit(place, say=say, held=held)
        pinned = known[1] if known else self._beside_conda(python, (*wanted, *lock.text.splitlines()), say, held)
        if known and pinned:
            self._add(python, place, pinned, say, held)
        if not known:
            write_listed(kept, listed, pinned)

    def _beside_conda(self, python: Path, wanted: Sequence[str], say: Say, held: int) -> str:
        """Install what is `wanted` of the index beside conda's packages, which stay; gives their lock."""
        if not wanted:
            return ""
        installer, before = self._installer(), self._installed(python, held)
        outcome = installer.run("pip", "install", *_INTO_CONDA, str(python), "--", *wanted, say=say, held=held)
        if not outcome.ok:
            raise failure("the packages of pip cannot be installed beside conda's", outcome)
        added = "\n".join(line for line in self._installed(python, held) if line not in before)
        arguments = (
            "pip", "compile", "-", "--no-deps", "--python", str(python), "--generate-hashes", "--no-header",
            "--no-emit-index-url", "--no-emit-find-links", "--no-emit-index-annotation",
        )  # fmt: skip
        outcome = installer.run(*arguments, stdin=added, say=be_silent, held=held)
        if not outcome.ok:
            raise failure("the packages of pip cannot be locked", outcome)
        return outcome.stdout

    def _installed(self, python: Path, held: int) -> list[str]:
        """Every package that `python` has, as name==version."""
        outcome = self._installer().run(
            "pip", "list", "--format", "freeze", "--python", str(python), say=be_silent, held=held
        )
        if not outcome.ok:
            raise failure("the packages of the environment cannot be listed", outcome)
        return outcome.stdout.splitlines()

    def _add(self, python: Path, place: Path, pinned: str, say: Say, held: int) -> None:
        requirements = place / "requirements.lock"
        requirements.write_text(pinned, encoding="utf-8")
        # Hashes are compared where there are some: an index that is a folder of files has none.
        arguments = ("pip", "install", "--no-deps", *_INTO_CONDA, str(python))
        outcome = self._installer().run(*arguments, "-r", str(requirements), say=say, held=held)
        if not outcome.ok:
            raise failure("the packages of pip cannot be installed beside conda's", outcome)

    def _sync(self, installer: Installer, place: Path, requirements: Path, say: Say, held: int) -> Outcome:
        arguments = (
            "pip", "sync", "--python", str(place / "bin" / "python"), "--require-hashes",
            "--allow-empty-requirements", str(requirements),
        )  # fmt: skip
        heard: list[str] = []
        outcome = installer.run(*arguments, "--offline", *self._wheels(), say=heard.append, held=held)
        if outcome.ok:
            for line in heard:
                say(line)
            return outcome
        outcome_online = installer.run(*arguments, say=say, held=held)
        # Without a network, what the cache lacks tells more than which address was not reached.
        return outcome if outcome.is_not_in_cache and outcome_online.is_network_away else outcome_online


def _compile_bytecode(place: Path, held: int) -> None:
    """Compile every package without its tests, which are a third of the work and are never imported.

    A file that does not compile, such as a template, is no failure.
    """
    command = (
        str(place / "bin" / "python"), "-I", "-m", "compileall", "-qq", "-j", "0", "-x", r"/tests?/",
        str(place / "lib"),
    )  # fmt: skip
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(
            command, env={"PATH": os.defpath}, stdin=subprocess.DEVNULL, capture_output=True,
            pass_fds=(held,), timeout=_COMPILE_LIMIT, check=False,
        )  # fmt: skip


def be_silent(_line: str) -> None:
    """For callers that want no progress."""
