"""Opening a file below a folder so that nothing can lead out of it.

Every part of the path is opened relative to the open folder before it, with
`O_NOFOLLOW`: there is no moment between a check and a use in which somebody
could put a link in the way.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound, PratiqueError, StorageFailed
from pratique.content.paths import check_relative

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def open_beneath(root: Path, relative: str, *, write: bool = False) -> BinaryIO:
    """The regular file `relative` below `root`, open for reading, or new and open for writing.

    `root` itself is trusted and may be a link; nothing below it may be one.
    Writing makes the folders on the way and never replaces what is there: a
    name may be a hard link into the store.

    Raises `InvalidInput` for a path that is not plain, leads through a link
    or names something other than a file, `NotFound`, `AlreadyExists`, and
    `StorageFailed` when the disk does not take it.
    """
    check_relative(relative)
    *folders, name = relative.split("/")
    with _said(relative), _folder(root, folders, make=write) as parent:
        if write:
            return os.fdopen(os.open(name, _WRITE, 0o666, dir_fd=parent), "wb")
        return _regular(os.open(name, _READ, dir_fd=parent), relative)


class Beneath:
    """Opens many files below one folder, as `open_beneath` does, and keeps the folder of the last one open."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._stack = ExitStack()
        self._name: str | None = None
        self._folder = -1

    def __enter__(self) -> "Beneath":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def open(self, relative: str) -> int:
        """The descriptor of the regular file `relative`, open for reading; the caller closes it.

        Raises what `open_beneath` raises.
        """
        check_relative(relative)
        folder, _, name = relative.rpartition("/")
        with _said(relative):
            if folder != self._name:
                self._stack.close()
                self._name = None
                self._folder = self._stack.enter_context(
                    _folder(self._root, folder.split("/") if folder else [], make=False)
                )
                self._name = folder
            return _checked(os.open(name, _READ, dir_fd=self._folder), relative)


@contextmanager
def _folder(root: Path, folders: list[str], *, make: bool) -> Iterator[int]:
    """The descriptor of the innermost of `folders`, each opened below the one before it."""
    current = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for folder in folders:
            if make:
                _make(folder, current)
            inner = os.open(folder, _FOLDER, dir_fd=current)
            os.close(current)
            current = inner
        yield current
    finally:
        os.close(current)


def _make(folder: str, parent: int) -> None:
    try:
        os.mkdir(folder, dir_fd=parent)
    except FileExistsError:
        return  # What it is, a folder or something else, shows when it is opened.


def _regular(descriptor: int, relative: str) -> BinaryIO:
    os.set_blocking(_checked(descriptor, relative), True)
    return os.fdopen(descriptor, "rb")


def _checked(descriptor: int, relative: str) -> int:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise InvalidInput(f"{relative} is not a regular file")
    return descriptor


@contextmanager
def _said(relative: str) -> Iterator[None]:
    """The errors of the operating system as ours."""
    try:
        yield
    except OSError as error:
        raise _as_ours(error, relative) from error


def _as_ours(error: OSError, relative: str) -> PratiqueError:
    match error.errno:
        case errno.ENOENT:
            return NotFound(f"there is no file {relative}")
        case errno.EEXIST:
            return AlreadyExists(f"{relative} is there already")
        case errno.ELOOP | errno.ENOTDIR:
            return InvalidInput(f"{relative} leads through a link or through something that is not a folder")
        case errno.EISDIR | errno.ENXIO:
            return InvalidInput(f"{relative} is not a regular file")
        case _:
            return StorageFailed(f"{relative} cannot be opened: {error.strerror}")
