"""Keeps the logs of jobs as files of their runs, where Azure has them.

The log of a job of its own is kept before it ends, and so is that of a step
that did not end well or whose files another step reads. Those of all other
steps are kept behind the work, many at a time, because to flush a file of
their own to the disk takes as long as the steps themselves. All of them are
kept before their pipeline ends: what a killed server left out is found by what
is missing.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger
from pratique.content.hashing import hash_stream
from pratique.content.manifest import Entry, Manifest
from pratique.control import artifacts
from pratique.control.plans import FILES_ARE_READ
from pratique.engine.workbench import Workbench
from pratique.store import artifacts as files
from pratique.store import jobs
from pratique.store.blobs import Batch, BlobStore
from pratique.store.jobs import Job

_log = get_logger(__name__)
PLACE: Final = "user_logs/std_log.txt"
_CHUNK: Final = 1 << 20
_FEW: Final = 4
"""So many are flushed one by one; to flush more of them, the whole disk is."""
_SMALL: Final = 1 << 20
"""Bytes of a log that is held in memory as a whole."""


def may_wait(job: Job, status: str) -> bool:
    """Whether the log of `job`, which ends with `status`, may be kept after its end."""
    return bool(job.root) and status == "Completed" and not job.resolved.get(FILES_ARE_READ)


def stored(blobs: BlobStore, log: Path) -> Entry | None:
    """The log as it is now, as a file of its run; None when there is none, or it cannot be kept."""
    try:
        with log.open("rb") as stream:
            digest, size = blobs.put(iter(partial(stream.read, _CHUNK), b""))
    except FileNotFoundError:
        return None
    except (PratiqueError, OSError) as error:
        _log.warning("run.log_not_kept", log=str(log), reason=str(error))
        return None
    return Entry(PLACE, digest, size)


def keep(bench: Workbench, steps: Sequence[Job]) -> None:
    """Keep the logs of `steps`, which have ended. May be done again; nothing fails for want of a log."""
    found = dict(_stored_all(bench, [step for step in steps if _has_log(step)]))
    if not found:
        return
    with bench.database.write(jobs.WALKED) as tx:  # No worker has anything to do for it.
        now = utc_now()
        for step in steps:
            if entry := found.get(step.id):
                artifacts.add(tx, step.workspace, _root(step), Manifest([entry]), now=now)


def missing(bench: Workbench, steps: Sequence[Job]) -> list[Job]:
    """Those of `steps` that have ended and whose log was not kept since."""
    ended = {f"{_root(step)}/{PLACE}": step for step in steps if _has_log(step)}
    with bench.database.read() as tx:
        written = files.written_at(tx, steps[0].workspace, [*ended]) if ended else {}
    return [
        step for path, step in ended.items() if path not in written or (step.ended_at and written[path] < step.ended_at)
    ]


def _has_log(step: Job) -> bool:
    is_walked = not step.is_pipeline and step.reused_from is None and step.started_at is not None
    return is_walked and step.is_terminal and bool(step.experiment_id)


def _root(step: Job) -> str:
    return f"{step.experiment_id}/{step.run_id}/artifacts"


def _stored_all(bench: Workbench, steps: Sequence[Job]) -> Iterator[tuple[str, Entry]]:
    """The logs by the id of their step; the bytes of each are on the disk when it is given."""
    small = [(step, log) for step in steps if _size(log := _log_of(bench, step)) <= _SMALL]
    together = small if len(small) > _FEW else []
    try:
        with bench.blobs.batch() as batch:
            added = {step.id: _added(batch, log) for step, log in together}
            batch.keep()
    except (PratiqueError, OSError) as error:
        _log.warning("run.logs_not_kept", count=len(together), reason=str(error))
    else:
        yield from added.items()
    for step in steps:
        if step.id not in {one.id for one, _ in together} and (entry := stored(bench.blobs, _log_of(bench, step))):
            yield step.id, entry


def _added(batch: Batch, log: Path) -> Entry:
    data = log.read_bytes()
    digest, size = hash_stream(BytesIO(data))
    batch.add(digest, data)
    return Entry(PLACE, digest, size)


def _log_of(bench: Workbench, step: Job) -> Path:
    return bench.home.job_attempt(step.id, step.attempt) / "stream.log"


def _size(log: Path) -> int:
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return _SMALL + 1
