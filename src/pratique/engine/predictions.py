"""Looks for one call among what was collected, in a process of its own that ends with it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from pratique.base.errors import Unavailable
from pratique.base.logging import get_logger
from pratique.control.predictions import Rows
from pratique.store.blobs import BlobStore
from pratique.store.datastores import DatastoreFile

_log = get_logger(__name__)
_LONGEST_SECONDS: Final = 50
"""Below the minute after which the door gives up."""


def look(blobs: BlobStore, request: str, files: Sequence[DatastoreFile]) -> Rows:
    """Path → rows of `request`; raises `Unavailable` when the files cannot be read in time."""
    there = {one.path: str(blobs.path(one.blob)) for one in files if blobs.has(one.blob)}
    if not there:
        return {}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pratique.signals.prediction", request],
            input=json.dumps(there).encode(),
            capture_output=True,
            timeout=_LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{len(there)} files of collected predictions were not read in time") from error
    if done.returncode:
        _log.warning("prediction.unreadable", reason=done.stderr.decode(errors="replace").strip().rpartition("\n")[2])
        raise Unavailable("what was collected cannot be read", hint="pratique status; see the server's log")
    found: dict[str, list[dict[str, object]]] = json.loads(done.stdout)
    return found
