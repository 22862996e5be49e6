"""Python environments of the user's code: a request becomes a lock, a lock a folder that is shared.

    PackageRequest ──lock──► Lock ──ensure──► <home>/environments/<digest>/bin/python     by uv, or by `conda`
                     │                              .ready  last, so that what was half made is made anew
                     └─ locks/<request>.json        so that the same request needs no network

    wheels/*.whl    from a bundle (`compute.bundle`), for a machine without a network

A lock names every package with its hashes, so installing it from uv's cache
gives the same bytes as installing it from an index: the cache is asked first.
`compute.locks` keeps what was settled, `compute.filling` settles and installs.
What is installed is a copy, so that whoever writes into an environment does
not write into uv's cache, too. And an environment is compared with what it was
before it is used again, and made anew when somebody has changed it.
"""

import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from pratique.base.errors import InvalidInput, Unavailable
from pratique.compute import conda
from pratique.compute.filling import Filler, be_silent
from pratique.compute.installer import Say
from pratique.compute.interpreters import choose_interpreter, platform_version
from pratique.compute.locks import Lock, make_folder, place_of, read_lock, storage_errors, write_durably, write_lock
from pratique.content.hashing import is_digest
from pratique.specs.packages import PackageRequest, check_python_only

_MARKER: Final = ".ready"
_UNSEEN: Final = ("__pycache__",)
"""Folders that Python itself fills while it runs."""
_WAIT_LIMIT: Final = 3700.0
"""Seconds to wait for another process that builds the same environment: its own limit and a little."""
_LOOK_AGAIN: Final = 0.1


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
        self._filler = Filler(folder, uv)
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
        if (known := read_lock(kept)) is not None:
            return known
        lines = sorted({*request.requirements, *extra})
        interpreter = choose_interpreter(request.python or platform_version())
        lock = Lock(interpreter.minor, self._filler.settled(interpreter.path, lines, request, say or be_silent))
        write_lock(kept, lock)
        return lock

    def known(self, request: PackageRequest, *, extra: Sequence[str] = ()) -> Lock | None:
        """The lock of `request`, if it was settled before, or has nothing to settle because conda makes it."""
        if request.beyond or self.is_for_conda(request):
            return _lock_of_conda(request, extra)
        return read_lock(self._kept(request, extra))

    def _kept(self, request: PackageRequest, extra: Sequence[str]) -> Path:
        return place_of(self._folder, request, request.python or platform_version(), extra)

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
        with storage_errors(place), self._alone(digest, be_silent):
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

    def _build(self, lock: Lock, say: Say, held: int) -> None:
        place = self._place(lock)
        try:
            shutil.rmtree(place, ignore_errors=True)
            self._filler.fill(lock, place, say, held)
            write_durably(place / _MARKER, f"{lock.digest}\n{_seal(place)}\n")
            self._compared.add(lock.digest)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise

    @contextmanager
    def _alone(self, digest: str, say: Say) -> Iterator[int]:
        """Hold the lock of the environment `digest`, as the number of its open file."""
        make_folder(self._folder)
        path = self._folder / f"{digest}.lock"
        with storage_errors(path):
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
    heard = say or be_silent
    if log is None:
        yield heard
        return
    with storage_errors(log):
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def tell(line: str) -> None:
        os.write(file, f"{line}\n".encode(errors="replace"))
        heard(line)

    try:
        yield tell
    finally:
        os.close(file)
