"""Bare Git repositories in the home, and the `git` program that reads and writes them.

    repositories/<id>.git      one repository; its name is a row, never a path
    repositories/<id>.lock     held, shared, by every push in progress (`pushing`, `undisturbed`)

`git` runs with no configuration but what stands here: nothing of the user's or
the machine's, no hooks, no replaced objects. Whoever pushes can write objects
and refs, and neither configuration nor alternates.
"""

import base64
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Lock
from typing import IO, Final

from pratique.base.errors import InvalidInput, NotFound, StorageFailed, TooLarge, Unavailable

NOTHING: Final = "0" * 40
"""The commit of a ref that is not there."""
OWN_REFS: Final = "refs/pratique"
"""Refs that nobody sees or pushes: commits that runs need are kept by them."""

_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH: Final = re.compile(r"refs/heads/[^\0-\x20~^:?*\[\\\x7f]+")
_PATIENCE: Final = timedelta(seconds=60)
"""How long a question may take; none of ours should last a second."""
_LONG: Final = timedelta(minutes=10)
"""How long the files of another repository may take to arrive."""
_SETTLED: Final = timedelta(hours=1)
"""After which a folder without a row is nobody's; the row follows the folder within a moment."""
_MOST_OUTPUT: Final = 64_000_000
"""Bytes of an answer."""

_HARMLESS: Final = ("zeroPaddedFilemode", "missingSpaceBeforeDate", "badTimezone")
"""Mistakes that old repositories are full of."""
_FORGIVEN: Final = tuple(f"receive.fsck.{mistake}=ignore" for mistake in _HARMLESS)
_FORGIVING: Final = tuple(f"fetch.fsck.{mistake}=ignore" for mistake in _HARMLESS)
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.logAllRefUpdates=always",  # What a forced push left behind is still reached by the log of its branch.
    "core.bigFileThreshold=32m",  # A larger file is copied as it is and never held in memory.
    "core.fsync=committed,reference",
    "gc.auto=0",
    "gc.reflogExpire=never",
    "gc.reflogExpireUnreachable=never",
    "gc.pruneExpire=3.months.ago",
    "pack.threads=1",
    "pack.windowMemory=64m",
    "transfer.fsckObjects=true",
    *_FORGIVEN,
    f"transfer.hideRefs={OWN_REFS}",
    "receive.autogc=false",
    "receive.advertisePushOptions=false",
    "uploadpack.allowFilter=true",
    "uploadpack.allowAnySHA1InWant=true",  # A run checks its commit out after the branch has moved on.
    "protocol.version=2",
    "safe.bareRepository=all",
)


@dataclass(frozen=True)
class Commit:
    """What a commit says of itself."""

    id: str
    author: str
    email: str
    message: str


def argv(*words: str, settings: Iterable[str] = ()) -> list[str]:
    """`git` with our settings, then `words`; raises `Unavailable` when there is no git."""
    program = shutil.which("git")
    if program is None:
        raise Unavailable("there is no git program on this machine", hint="install git, then try again")
    return [program, *(part for one in (*_SETTINGS, *settings) for part in ("-c", one)), *words]


def environment(protocol: str = "") -> dict[str, str]:
    """What `git` may know of its surroundings; `protocol` is the version that the other side asked for."""
    return {
        "PATH": os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin"),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        **({"GIT_PROTOCOL": protocol} if protocol else {}),
    }


def check_branch(name: str) -> str:
    """`name` as a full branch, refs/heads/NAME; raises `InvalidInput` when no branch can be called that."""
    full = name if name.startswith("refs/heads/") else f"refs/heads/{name}"
    parts = full.split("/")
    is_odd = ".." in full or "@{" in full or full.endswith(".")
    if not _BRANCH.fullmatch(full) or is_odd or any(_is_odd_part(part) for part in parts):
        raise InvalidInput(f"{name[:200]!r} cannot name a branch", hint="expected a name such as main")
    return full


def _is_odd_part(part: str) -> bool:
    return not part or part.startswith((".", "-")) or part.endswith(".lock")


class Repositories:
    """Every bare repository of a home, by the id of its row."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turns: defaultdict[str, Lock] = defaultdict(Lock)

    def folder_of(self, id: str) -> Path:  # noqa: A002 - the column's name.
        """Where the repository with that id lies."""
        return self._folder / f"{id}.git"

    def make(self, id: str, default_branch: str) -> None:  # noqa: A002 - the column's name.
        """An empty repository whose HEAD is `default_branch`, a full ref; there whole or not at all."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            making = Path(tempfile.mkdtemp(dir=self._folder, prefix=".making-"))  # Made 0700.
            _run(argv("init", "--quiet", "--bare", "--template=", str(making)))
            _run(argv("symbolic-ref", "HEAD", default_branch), making)
            making.rename(self.folder_of(id))
        except OSError as error:
            raise StorageFailed(f"the repository cannot be written: {error.strerror}") from error

    def remove(self, id: str) -> None:  # noqa: A002 - the column's name.
        """Remove the files of a repository, if there are any."""
        with suppress(FileNotFoundError):
            going = self._folder / f".going-{id}"
            self.folder_of(id).rename(going)
            shutil.rmtree(going, ignore_errors=True)
        (self._folder / f"{id}.lock").unlink(missing_ok=True)

    def tidy(self, living: Iterable[str]) -> None:
        """Remove what an earlier server began to make or to remove, and repositories that have no row by now."""
        kept, before = set(living), time.time() - _SETTLED.total_seconds()
        for name in kept:
            if (self.folder_of(name) / "HEAD").is_file():
                for part in ("objects", "refs"):  # An empty one is in no backup, and git wants both.
                    (self.folder_of(name) / part).mkdir(mode=0o700, exist_ok=True)
        for path in self._folder.glob("*"):
            is_left = path.name.startswith((".making-", ".going-")) or path.stem not in kept
            if is_left and path.is_dir() and path.stat().st_mtime < before:
                shutil.rmtree(path, ignore_errors=True)

    def get(self, id: str) -> "Bare":  # noqa: A002 - the column's name.
        """The repository with that id; raises `StorageFailed` when its files are gone."""
        folder = self.folder_of(id)
        if not (folder / "HEAD").is_file():
            raise StorageFailed("the files of this repository are gone", hint="restore the home from its backup")
        return Bare(folder)

    def in_turn(self, id: str) -> Lock:  # noqa: A002 - the column's name.
        """Held while somebody reads where refs are and writes it down: the next one sees no older place."""
        return self._turns[id]

    def pushing(self, id: str) -> int:  # noqa: A002 - the column's name.
        """A file descriptor that keeps `undisturbed` out while it, or a copy in a child, is open; to be closed."""
        file = self._open_lock(id)
        fcntl.flock(file, fcntl.LOCK_SH)
        return file

    def done_pushing(self, file: int) -> None:
        """Give back what `pushing` gave."""
        os.close(file)

    @contextmanager
    def undisturbed(self, id: str) -> Iterator[bool]:  # noqa: A002 - the column's name.
        """Whether no push goes on, of this server or of one that was killed; none begins inside."""
        file = self._open_lock(id)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_alone = True
        except BlockingIOError:
            is_alone = False
        try:
            yield is_alone
        finally:
            os.close(file)

    def _open_lock(self, id: str) -> int:  # noqa: A002 - the column's name.
        return os.open(self._folder / f"{id}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


@dataclass(frozen=True)
class Bare:
    """One bare repository."""

    folder: Path

    def refs(self, *patterns: str) -> dict[str, str]:
        """Ref → object for every ref, or those that `patterns` name; names that are no UTF-8 are left out."""
        found = self._ask("for-each-ref", "--format=%(objectname) %(refname)", *patterns)
        pairs = (line.split(b" ", 1) for line in found.splitlines())
        own = f"{OWN_REFS}/".encode()
        return {
            name.decode(): object_id.decode()
            for object_id, name in pairs
            if _is_text(name) and not name.startswith(own)
        }

    def packed_refs(self) -> bytes:
        """Every ref, ours too, as git's own file of packed refs has them."""
        return b"# pack-refs with: sorted \n" + self._ask("for-each-ref", "--format=%(objectname) %(refname)")

    def commit_of(self, ref: str) -> str:
        """The commit of a ref, of a tag that leads to one, or of a commit's own id; raises `NotFound`."""
        found = self._tell("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        if found is None or not _COMMIT.fullmatch(found.decode("ascii", "replace").strip()):
            raise NotFound(f"there is no commit at {ref[:200]}")
        return found.decode().strip()

    def head(self) -> str:
        """The ref that HEAD names."""
        return self._ask("symbolic-ref", "HEAD").decode().strip()

    def set_head(self, branch: str) -> None:
        """Make `branch`, a full ref, the one that a clone checks out."""
        self._ask("symbolic-ref", "HEAD", branch)

    def commits(self, old: str, new: str, *, limit: int = 1000) -> list[Commit]:
        """The commits that lead to `new` and not to `old`, newest first; from the beginning when there is no `old`."""
        span = [_checked(new)] if _is_nothing(old) else [f"{_checked(old)}..{_checked(new)}"]
        found = self._ask("log", "-z", f"--max-count={limit}", "--format=%H%x1f%an%x1f%ae%x1f%B", *span, "--")
        rows = (row.decode("utf-8", "replace").split("\x1f", 3) for row in found.split(b"\0") if row)
        return [Commit(*row) for row in rows if len(row) == 4]

    def parents_of(self, commit: str) -> tuple[str, ...]:
        """The parents of a commit, the one that it was merged into first."""
        found = self._ask("rev-list", "--parents", "--max-count=1", _checked(commit), "--")
        return tuple(found.decode().split()[1:])

    def base_of(self, one: str, other: str) -> str:
        """The newest commit that leads to both; `NOTHING` when none does."""
        found = self._tell("merge-base", _checked(one), _checked(other))
        return found.decode().strip() if found else NOTHING

    def changed_paths(self, old: str, new: str) -> tuple[str, ...]:
        """Paths that any commit between `old` and `new` touched, or that differ between them; all files without `old`.

        Along a merge it is what the merge brought. Raises `TooLarge` for more than anybody should read.
        """
        if _is_nothing(old):
            return _paths(self._ask("ls-tree", "-r", "-z", "--name-only", "--full-tree", _checked(new)))
        span = f"{_checked(old)}..{_checked(new)}"
        steps = ("log", "-z", "--format=", "--name-only", "--no-renames", "-m", "--first-parent", span, "--")
        whole = ("diff-tree", "-r", "-z", "--name-only", "--no-renames", old, new, "--")
        return tuple(sorted({*_paths(self._ask(*steps)), *_paths(self._ask(*whole))}))

    @contextmanager
    def reader(self, commit: str) -> Iterator["Files"]:
        """The files of one commit, read through one process."""
        with subprocess.Popen(
            argv("cat-file", "--batch"),
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as process:
            try:
                yield Files(process, _checked(commit))
            finally:
                process.kill()

    def follow(self, source: str, settings: Iterable[str], protocols: str, *, login: str = "") -> None:
        """Bring the branches and tags of `source`, a path or a URL, and remove those that it has no more.

        `protocols` is what git may speak, such as `https`, and `login` a USER:SECRET for the source. Raises
        `StorageFailed` and `Unavailable` with its words.
        """
        specs = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        words = ("fetch", "--quiet", "--prune", "--atomic", "--no-write-fetch-head", "--no-auto-maintenance")
        asked = argv(*words, "--no-tags", "--", source, *specs, settings=(*_FORGIVING, *settings))
        _run(asked, self.folder, within=_LONG, protocols=protocols, login=login)

    def head_of(self, source: str, settings: Iterable[str], protocols: str, *, login: str = "") -> str:
        """The branch that a clone of `source` checks out; empty when it says none."""
        asked = argv("ls-remote", "--symref", "--", source, "HEAD", settings=settings)
        found = _run(asked, self.folder, protocols=protocols, login=login).decode("utf-8", "replace")
        named = re.match(r"ref: (\S+)\tHEAD\n", found)
        return named[1] if named and _BRANCH.fullmatch(named[1]) else ""

    def keep(self, commit: str, name: str) -> None:
        """Keep `commit` whatever becomes of its branch, under a name of ours."""
        self._ask("update-ref", f"{OWN_REFS}/{name}", _checked(commit))

    def pack(self) -> None:
        """Put loose objects and refs together, when there are many."""
        _run(argv("gc", "--auto", "--quiet", settings=("gc.auto=2000", "gc.autoDetach=false")), self.folder)

    def _ask(self, *words: str) -> bytes:
        return _run(argv(*words), self.folder)

    def _tell(self, *words: str) -> bytes | None:
        """The answer; None when git says no."""
        done = _done(argv(*words), self.folder)
        return done.stdout if done.returncode == 0 else None


class Files:
    """The files of one commit."""

    def __init__(self, process: subprocess.Popen[bytes], commit: str) -> None:
        self._process = process
        self._commit = commit

    def read(self, path: str, *, limit: int) -> bytes:
        """The first `limit` bytes of the file at `path`, from the root; raises `NotFound`."""
        if not path or "\n" in path or "\0" in path:
            raise self._missing(path)
        asked, said = self._process.stdin, self._process.stdout
        if asked is None or said is None:
            raise StorageFailed("git has no pipes")
        asked.write(f"{self._commit}:{path}\n".encode("utf-8", "surrogateescape"))
        asked.flush()
        words = said.readline().split()
        size = int(words[2]) if len(words) == 3 and words[2].isdigit() else -1
        if size < 0:
            raise self._missing(path)
        body = said.read(min(size, limit))
        _skip(said, size - len(body) + 1)
        if words[1] != b"blob":
            raise self._missing(path)
        return body

    def _missing(self, path: str) -> NotFound:
        return NotFound(f"there is no file {path[:200]!r} in commit {self._commit[:10]}")


def _skip(said: IO[bytes], left: int) -> None:
    """Read on to the next answer."""
    while left > 0 and (piece := said.read(min(left, 1 << 20))):
        left -= len(piece)


def is_commit(text: str) -> bool:
    """Whether `text` is written as the id of an object."""
    return bool(_COMMIT.fullmatch(text))


def _checked(commit: str) -> str:
    if not is_commit(commit):
        raise InvalidInput(f"{commit[:80]!r} is not the id of a commit")
    return commit


def _is_nothing(commit: str) -> bool:
    return not commit.strip("0")


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _paths(found: bytes) -> tuple[str, ...]:
    return tuple(path.decode("utf-8", "replace") for path in found.split(b"\0") if path.strip())


def _run(
    words: Sequence[str],
    folder: Path | None = None,
    *,
    within: timedelta = _PATIENCE,
    protocols: str = "",
    login: str = "",
) -> bytes:
    done = _done(words, folder, within=within, protocols=protocols, login=login)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise StorageFailed(f"git could not do it: {said or f'exit code {done.returncode}'}")
    if len(done.stdout) > _MOST_OUTPUT:
        raise TooLarge(f"git's answer has {len(done.stdout):,} bytes")
    return done.stdout


def _header(login: str) -> dict[str, str]:
    """What has git send a login; in its environment, because everybody could read it on a command line."""
    if not login:
        return {}
    value = f"Authorization: Basic {base64.b64encode(login.encode()).decode()}"
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": value}


def _done(
    words: Sequence[str],
    folder: Path | None,
    *,
    within: timedelta = _PATIENCE,
    protocols: str = "",
    login: str = "",
) -> "subprocess.CompletedProcess[bytes]":
    surroundings = environment() | ({"GIT_ALLOW_PROTOCOL": protocols} if protocols else {}) | _header(login)
    try:
        return subprocess.run(
            words,
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=within.total_seconds(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable("git did not answer in time") from error
