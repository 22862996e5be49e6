"""Writing files that Envoy watches: private, whole, and replaced in one step."""

import os
import tempfile
from pathlib import Path

from pratique.base.errors import StorageFailed


def prepare_folder(folder: Path) -> None:
    """Make `folder`, for this user only; raises `StorageFailed`."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
    except OSError as error:
        raise _failed(folder, error) from error


def write_private(path: Path, content: str | bytes) -> None:
    """Replace `path` by `content` with a rename, mode 0600, so that nobody ever reads half of it.

    Envoy notices a rename into a watched folder; it would not notice a write
    into the file. Raises `StorageFailed`, and then the old file is untouched.
    """
    try:
        # mkstemp makes the file 0600, whatever the umask.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise _failed(path, error) from error
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content.encode() if isinstance(content, str) else content)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise _failed(path, error) from error


def _failed(path: Path, error: OSError) -> StorageFailed:
    return StorageFailed(
        f"the gateway's file {path} cannot be written: {error.strerror}",
        hint="free space, or make the home writable",
    )
