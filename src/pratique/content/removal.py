"""Removing folders that somebody's program has filled, and may have closed."""

import os
import shutil
from contextlib import suppress
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove what is at `folder`, also below folders that were closed; what still resists stays.

    No link is followed: not to remove what it leads to, and not to open it.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if folder.is_dir() and not folder.is_symlink():
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
