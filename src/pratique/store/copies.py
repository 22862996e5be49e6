"""Copies of SQLite databases while they are written: SQLite's own online backup, which sees one moment."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from pratique.base.errors import StorageFailed

_PATIENCE: Final = 30.0
"""Seconds to wait for a writer; ours take milliseconds."""


def copy_database(source: Path, target: Path) -> None:
    """Write the database in the file `source`, as it is at this moment, to the new file `target`, 0600.

    Nobody has to stop writing. Raises `StorageFailed` when it cannot be read or written, or is damaged;
    then there is no `target`.
    """
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageFailed(f"{target} cannot be written: {error.strerror}") from error
    try:
        _copy(source, target)
    except BaseException as error:
        target.unlink(missing_ok=True)
        if isinstance(error, sqlite3.Error | OSError):
            raise StorageFailed(
                f"the database {source} cannot be copied: {error}",
                hint="free space, or restore the home from its last backup when the database is damaged",
            ) from error
        raise


def _copy(source: Path, target: Path) -> None:
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=rw", uri=True, timeout=_PATIENCE)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)  # In one step: many small ones begin anew whenever somebody writes.
        # A single file: what travels alone must not look for a log beside it.
        new.execute("PRAGMA journal_mode=DELETE")
        if (found := new.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(found)
    handle = os.open(target, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
