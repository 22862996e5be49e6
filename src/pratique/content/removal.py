"""Removing folders that somebody's program has filled, and may have closed."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove what is at `folder`, also below folders that were closed; what still resists stays.

    No link is followed: not to remove what it leads to, and not to open it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    _insist(folder)


def remove_trees(folders: Sequence[Path]) -> None:
    """Do as `remove_tree` for each of `folders`, in one process of its own.

    Removing takes a call to the kernel for every name, and after each of them a thread of a busy Python waits for
    its turn; and a tree deeper than Python's own stack is removed as well.
    """
    if not folders:
        return
    subprocess.run(
        ["rm", "-rf", "--", *map(str, folders)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    for folder in folders:
        _insist(folder)


def _insist(folder: Path) -> None:
    """Remove what has resisted because its folders were closed."""
    if os.path.isdir(folder) and not os.path.islink(folder):
        _open(folder)
        shutil.rmtree(folder, ignore_errors=True)


def _open(folder: Path) -> None:
    """Make `folder` and every folder below it writable, each before it is looked into."""
    folder.chmod(0o700)
    for parent, names, _ in os.walk(folder):
        for name in names:
            inner = os.path.join(parent, name)
            with suppress(OSError):
                if not os.path.islink(inner):
                    os.chmod(inner, 0o700)
