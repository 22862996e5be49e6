"""Stopping the server process and everything below it, whatever state each of them is in."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.app.composition import database_of
from pratique.app.layout import ENVOY, MLFLOW, SERVER
from pratique.app.supervision import Say, alone, server_runs
from pratique.base.clock import utc_now
from pratique.base.home import Home
from pratique.base.settings import load_settings
from pratique.compute.local import LocalCompute
from pratique.compute.task import Running
from pratique.control import jobs as verbs
from pratique.control.actor import PLATFORM
from pratique.engine.starts import stop
from pratique.gateway.admin import Admin
from pratique.store import jobs
from pratique.store.database import Database

_GRACE: Final = timedelta(seconds=10)
_CANCELED_WITHIN: Final = 15.0
"""Seconds for the server to cancel what runs: the grace of a command, and a little for its results."""
_LOOK: Final = 0.1
_AT_ONCE: Final = 16
"""Most processes end within a moment; a few that do not should not add up."""


def halt(home: Home, say: Say) -> None:
    """Stop the server and everything that it had started; nothing of `home` runs afterwards.

    Callers first get the answers that they wait for. Jobs that have begun are
    canceled: by the server, so that their rows say so at once, or when it is dead
    or too slow by a wish that the next one fulfils.
    Replicas leave no trace of having ended, so that the next server starts them
    without a word.
    """
    with alone(home, say):
        if server_runs(home):
            _cancel_jobs(home, say, within=_CANCELED_WITHIN)
        compute = LocalCompute()
        stop(home, compute, SERVER, grace=_GRACE)
        if not Admin(home.socket("envoy-admin")).shut(timeout=_GRACE):
            say(f"warning: calls are cut off that were still in progress after {_GRACE.total_seconds():.0f} s")
        # Once more: one may have begun meanwhile, or the server was dead.
        _cancel_jobs(home, say, within=0)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            work: list[Future[Any]] = [pool.submit(_stop_below, compute, folder) for folder in home.jobs.glob("*")]
            work += [pool.submit(_stop_replicas, compute, folder) for folder in home.replicas.glob("*")]
            work += [pool.submit(stop, home, compute, name, grace=_GRACE) for name in (ENVOY, MLFLOW)]
        for each in work:
            each.result()
        for name in ("door.json", "owner.token"):
            (home.runtime / name).unlink(missing_ok=True)


def _stop_replicas(compute: LocalCompute, folder: Path) -> None:
    for stopped in _stop_below(compute, folder):
        compute.clear(stopped)


def _stop_below(compute: LocalCompute, root: Path) -> list[Path]:
    """Stop what runs in the folders of `root`, which belong to one job or deployment; returns where something ran."""
    running = [folder for folder in root.glob("*") if isinstance(compute.observe(folder), Running)]
    for folder in running:
        compute.stop(folder, grace=_GRACE)
    return running


def _cancel_jobs(home: Home, say: Say, *, within: float) -> None:
    """Wish the end of every job that has begun and await it; those that wait in the queue stay there."""
    try:
        if not home.database.exists() and not load_settings(home.root).database_url:
            return  # Nothing has ever run here.
        with _database(home) as database:
            wanted = _wish_end(database, say)
            deadline = time.monotonic() + within
            while wanted and time.monotonic() < deadline:
                time.sleep(_LOOK)
                with database.read() as tx:
                    wanted = wanted & {job.id for job in jobs.unfinished(tx)}
    except Exception as error:  # noqa: BLE001 - a platform with damaged settings or database must stop all the same.
        say(f"warning: the rows of running jobs could not be changed: {error}")


def _wish_end(database: Database, say: Say) -> set[str]:
    with database.read() as tx:
        begun = [job for job in jobs.unfinished(tx) if job.status not in jobs.WAITING]
    if wanted := [job for job in begun if not job.cancel_requested]:
        with database.write() as tx:
            for job in wanted:
                found = jobs.by_id(tx, job.id)
                if found and not found.is_terminal:
                    say(f"canceling job {job.name}")
                    verbs.cancel(tx, PLATFORM, job.workspace, job.name, now=utc_now())
    return {job.id for job in begun}


@contextmanager
def _database(home: Home) -> Iterator[Database]:
    database = database_of(home, load_settings(home.root))
    try:
        yield database
    finally:
        database.close()
