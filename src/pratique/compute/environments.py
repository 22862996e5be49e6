"""Python environments of the user's code: a request becomes a lock, a lock a folder that is shared.

    PackageRequest ──lock──► Lock ──ensure──► <home>/environments/<digest>/bin/python     by uv, or by `conda`
                     │                              .ready  last, so that what was half made is made anew
                     └─ locks/<request>.json        so that the same request needs no network

    wheels/*.whl    from a bundle (`compute.bundle`), for a machine without a network

A lock names every package with its hashes, so installing it from uv's cache
gives the same bytes as installing it from an index: the cache is asked first.
What is installed is a copy, so that whoever writes into an environment does
not write into uv's cache, too. And an environment is compared with what it was
before it is used again, and made anew when somebody has changed it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed, InvalidInput, StorageFailed, Unavailable
from pratique.compute import conda
from pratique.compute.installer import Installer, Outcome, Say, failure, find_uv, installer_environment
from pratique.compute.interpreters import choose_interpreter, platform_version
from pratique.content.hashing import digest_of, is_digest
from pratique.specs.packages import PackageRequest, check_python_only

_MARKER: Final = ".ready"
_FORMAT: Final = "1"
"""Part of the name of every lock that is kept: raised when packages are settled in another way."""
_MADE: Final = "2"
"""Part of every digest: raised when environments are made in another way."""
_DIGEST: Final = "sha256"
"""In a file that is kept: what the rest of it must hash to."""
_UNSEEN: Final = ("__pycache__",)
"""Folders that Python itself fills while it runs."""
_WAIT_LIMIT: Final = 3700.0
"""Seconds to wait for another process that builds the same environment: its own limit and a little."""
_COMPILE_LIMIT: Final = 600.0
"""Seconds; what is not compiled by then is when it is first imported."""
_LOOK_AGAIN: Final = 0.1
_INTO_CONDA: Final = ("--break-system-packages", "--python")
"""conda marks its Python as one that pip keeps off, which is meant for people."""


@dataclass(frozen=True)
class Lock:
    """Which Python, and every package with its version and hashes."""

    python: str
    """Its minor version, such as ``3.11``."""
    text: str
    """In the format of pip's requirement files; names no index. Of conda: what is wanted beside the file."""
    conda: str = ""
    """The conda file as JSON, where conda makes the environment; what it installs is known once it has."""

    @property
    def digest(self) -> str:
        """The environment's identity: 64 hex digits."""
        by_conda = ("conda", self.conda) if self.conda else ()
        return _digest(_MADE, sys.platform, platform.machine(), self.python, self.text, *by_conda)


class Environments:
    """The environments of one home."""

    def __init__(
        self, folder: Path, uv: Path | None = None, *, is_protected: bool = False, conda_mode: conda.Mode = "never"
    ) -> None:
        """`is_protected` says that those who use an environment cannot change it: it is then compared once.

        `conda_mode` says what conda makes: ``always`` every conda file, ``auto`` those that need it.
        """
        self._conda = conda_mode
        self._folder = folder
        self._uv = uv
        self._is_protected = is_protected
        self._compared: set[str] = set()

    def lock(self, request: PackageRequest, *, extra: Sequence[str] = (), say: Say | None = None) -> Lock:
        """Settle every package of `request` and of the `extra` requirements for this machine.

        The same request gives the same lock for good, without a network.
        Raises `ComputeFailed` with uv's own words when it cannot be settled, and `InvalidInput` when it needs conda,
        which is not to be used or not there. An environment of conda's is settled when it is built.
        """
        self.check(request)
        if self.is_for_conda(request):
            return _lock_of_conda(request, extra)
        kept = self._kept(request, extra)
        if (known := _read_lock(kept)) is not None:
            return known
        lines = sorted({*request.requirements, *extra})
        interpreter = choose_interpreter(request.python or platform_version())
        lock = Lock(interpreter.minor, self._settle(interpreter.path, lines, request, say or _be_silent))
        _write_durably(kept, _kept_text(asdict(lock)))
        return lock

    def known(self, request: PackageRequest, *, extra: Sequence[str] = ()) -> Lock | None:
        """The lock of `request`, if it was settled before, or has nothing to settle because conda makes it."""
        if request.beyond or self.is_for_conda(request):
            return _lock_of_conda(request, extra)
        return _read_lock(self._kept(request, extra))

    def _kept(self, request: PackageRequest, extra: Sequence[str]) -> Path:
        lines = sorted({*request.requirements, *extra})
        wanted = request.python or platform_version()
        day = [f"before {request.released_before}"] if request.released_before else []
        return self._folder / "locks" / f"{_digest(_FORMAT, platform.machine(), wanted, *day, *lines)}.json"

    def idle(self, *, since: datetime) -> list[str]:
        """The digests of environments that nobody has asked for `since` that moment."""
        found = [path for path in self._folder.glob("*") if is_digest(path.name) and path.is_dir()]
        return sorted(path.name for path in found if _last_asked(path) < since.timestamp())

    def size(self, digest: str) -> int:
        """Bytes of the files of an environment."""
        return sum(size for _, size, _ in _files(self._folder / digest, ""))

    def remove(self, digest: str, *, since: datetime) -> bool:
        """Remove an environment that is `idle`; False when somebody has asked for it after all.

        It is put aside and looked at again: who asks later does not find it and builds it anew.
        What runs in it is the caller's to know.
        """
        place, aside = self._folder / digest, self._folder / f"removed-{digest}"
        with _storage_errors(place), self._alone(digest, _be_silent):
            place.rename(aside)
            if _last_asked(aside) >= since.timestamp():
                aside.rename(place)
                return False
            shutil.rmtree(aside, ignore_errors=True)
        return True

    def check(self, request: PackageRequest) -> None:
        """Raise `InvalidInput` when `request` is more than Python packages, and conda is not used or not there."""
        if not self.is_for_conda(request):
            check_python_only(request)

    def is_for_conda(self, request: PackageRequest) -> bool:
        """Whether conda makes the environment of `request`, here and now."""
        if self._conda == "always" and request.conda:
            return True
        return self._conda == "auto" and bool(request.beyond) and conda.find_conda() is not None

    def adopt(self, text: str, python: str) -> Lock:
        """A lock that somebody made before: `text` with hashes, for `python` such as ``3.11``."""
        if text.strip() and "--hash=" not in text:
            raise InvalidInput("a lock needs the hashes of its packages", hint="uv pip compile --generate-hashes")
        return Lock(python, text)

    def is_ready(self, lock: Lock) -> bool:
        """Whether the environment of `lock` was completed, and its Python is still there."""
        return self._marked(lock)[:1] == [lock.digest] and self._python(lock).exists()

    def at_once(self, lock: Lock) -> Path | None:
        """The Python of the environment of `lock` when it is there as it was built; None when that takes work."""
        return self._python(lock) if self._is_usable(lock) and _renew(self._place(lock)) else None

    def ensure(self, lock: Lock, *, log: Path | None = None, say: Say | None = None) -> Path:
        """The Python of the environment of `lock`, which is built if it is not ready.

        Any number of processes may ask at once; one builds, the others wait. One that was changed since it was
        built is built anew.
        uv's progress goes to `say` and is appended to `log`. Raises
        `ComputeFailed` with uv's last lines, and then nothing half-made stays.
        """
        if self.at_once(lock) is None:
            with _progress(log, say) as tell, self._alone(lock.digest, tell) as held:
                if not self._is_usable(lock):
                    if self.is_ready(lock):
                        tell("the environment was changed since it was built: building it anew")
                    self._build(lock, tell, held)
        return self._python(lock)

    def _is_usable(self, lock: Lock) -> bool:
        """Whether it is complete, and as it was built; where nobody can change it, comparing it once is enough."""
        if not self.is_ready(lock):
            return False
        if self._is_protected and lock.digest in self._compared:
            return True
        if self._marked(lock)[1:] != [_seal(self._place(lock))]:
            return False
        self._compared.add(lock.digest)
        return True

    def _marked(self, lock: Lock) -> list[str]:
        """What vouches for the environment: its digest, and what it looked like; empty when nothing does."""
        try:
            return (self._place(lock) / _MARKER).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []

    def _place(self, lock: Lock) -> Path:
        return self._folder / lock.digest

    def _python(self, lock: Lock) -> Path:
        return self._place(lock) / "bin" / "python"

    def _wheels(self) -> tuple[str, ...]:
        """Where uv finds what its cache lacks: wheels of a bundle, which the lock's hashes vouch for."""
        wheels = self._folder / "wheels"
        return ("--find-links", str(wheels)) if wheels.is_dir() else ()

    def _installer(self) -> Installer:
        return Installer(self._uv or find_uv(), installer_environment(os.environ), self._folder)

    def _settle(self, python: Path, lines: Sequence[str], request: PackageRequest, say: Say) -> str:
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
        _make(self._folder)
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

    def _build(self, lock: Lock, say: Say, held: int) -> None:
        place = self._place(lock)
        try:
            shutil.rmtree(place, ignore_errors=True)
            (self._fill_by_conda if lock.conda else self._fill)(lock, place, say, held)
            say("compiling, so that the first import is as fast as every later one")
            _compile_bytecode(place, held)
            _write_durably(place / _MARKER, f"{lock.digest}\n{_seal(place)}\n")
            self._compared.add(lock.digest)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    def _fill(self, lock: Lock, place: Path, say: Say, held: int) -> None:
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
        known = _read_listed(kept)
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
            _write_durably(kept, _kept_text({"listed": listed, "pinned": pinned}))

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
        outcome = installer.run(*arguments, stdin=added, say=_be_silent, held=held)
        if not outcome.ok:
            raise failure("the packages of pip cannot be locked", outcome)
        return outcome.stdout

    def _installed(self, python: Path, held: int) -> list[str]:
        """Every package that `python` has, as name==version."""
        outcome = self._installer().run(
            "pip", "list", "--format", "freeze", "--python", str(python), say=_be_silent, held=held
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

    @contextmanager
    def _alone(self, digest: str, say: Say) -> Iterator[int]:
        """Hold the lock of the environment `digest`, as the number of its open file."""
        _make(self._folder)
        path = self._folder / f"{digest}.lock"
        with _storage_errors(path):
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _take(file, say)
            yield file
        finally:
            os.close(file)


def _last_asked(place: Path) -> float:
    """When somebody last asked for the environment, in seconds since 1970."""
    marker = place / _MARKER
    try:
        return (marker if marker.exists() else place).stat().st_mtime
    except FileNotFoundError:
        return time.time()  # It has just been removed, or is being made.


def _renew(place: Path) -> bool:
    """Note that somebody asks for the environment now; False when it has just been removed."""
    try:
        os.utime(place / _MARKER)
    except FileNotFoundError:
        return False
    except OSError:  # A home that can only be read: nobody removes anything there.
        return True
    return True


def _lock_of_conda(request: PackageRequest, extra: Sequence[str]) -> Lock:
    return Lock(request.python or "", "\n".join(sorted(extra)), request.conda)


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


def _seal(place: Path) -> str:
    """What an environment looks like: every file with its size and the second in which it was last written.

    Who wants to deceive it can; it is there to find what was damaged. It costs 10 µs a file.
    """
    found = hashlib.sha256()
    for path, size, written in sorted(_files(place, "")):
        found.update(f"{path}\0{size}\0{written}\n".encode(errors="surrogateescape"))
    return found.hexdigest()


def _files(folder: Path | str, before: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = f"{before}/{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in _UNSEEN:
                    yield from _files(entry.path, path)
            elif path != f"/{_MARKER}":
                seen = entry.stat(follow_symlinks=False)
                yield path, seen.st_size, int(seen.st_mtime)


def _take(file: int, say: Say) -> None:
    """Take the flock on `file`; unlike a record lock it can be shared with the uv that we start."""
    deadline = time.monotonic() + _WAIT_LIMIT
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if not told:
                say("waiting for another process, which builds this environment")
            told = True
        else:
            return
        if time.monotonic() > deadline:
            raise Unavailable("another process has been building this environment for an hour")
        time.sleep(_LOOK_AGAIN)


@contextmanager
def _progress(log: Path | None, say: Say | None) -> Iterator[Say]:
    """What takes each line: `say`, and the file `log`, which is appended to and not followed."""
    heard = say or _be_silent
    if log is None:
        yield heard
        return
    with _storage_errors(log):
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def tell(line: str) -> None:
        os.write(file, f"{line}\n".encode(errors="replace"))
        heard(line)

    try:
        yield tell
    finally:
        os.close(file)


def _be_silent(_line: str) -> None:
    """For callers that want no progress."""


def _read_lock(path: Path) -> Lock | None:
    """The lock kept at `path`; None when there is none. Raises `StorageFailed` when it was changed."""
    facts = _read_kept(path, ("python", "text", "conda"))
    return Lock(facts["python"], facts["text"]) if facts else None


def _read_listed(path: Path) -> tuple[str, str] | None:
    """What conda and pip had installed, as kept at `path`; None when there is nothing. Raises `StorageFailed`."""
    facts = _read_kept(path, ("listed", "pinned"))
    return (facts["listed"], facts["pinned"]) if facts else None


def _kept_text(facts: Mapping[str, str]) -> str:
    return json.dumps({**facts, _DIGEST: digest_of(facts)})


def _read_kept(path: Path, names: Collection[str]) -> dict[str, str]:
    """What is kept at `path` under `names`; empty when there is no such file.

    Raises `StorageFailed` for one of which a byte was changed: who settled it anew without being asked would
    install other packages than those that the models were made with.
    """
    try:
        document = json.loads(path.read_bytes())
        digest = document.pop(_DIGEST, None)  # Earlier versions wrote none.
        if document.keys() != {*names} or (digest or digest_of(document)) != digest_of(document):
            raise ValueError("its bytes are not those that were written")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageFailed(
            f"{path} was changed, which says which packages an environment has",
            hint="nothing was installed; bring it back from a backup, or remove it: the packages are settled anew "
            "then, and may be newer ones",
        ) from error
    return {name: str(value) for name, value in document.items()}


def _write_durably(path: Path, text: str) -> None:
    """Write by rename and survive a power cut: what a marker vouches for must be on the disk before it."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with _storage_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        os.sync()
        part.rename(path)


def _make(folder: Path) -> None:
    with _storage_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(
            f"{path} cannot be written: {error.strerror}",
            hint="free space, or set the permissions of the home",
        ) from error


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
