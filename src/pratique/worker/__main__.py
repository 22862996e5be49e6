"""`python -m pratique.worker`: runs one unit and ends.

    PRATIQUE_URL     the platform's address
    PRATIQUE_TOKEN   the token of this unit
    PRATIQUE_UNIT    the route of this unit; see `pratique.worker.routes`
    the folder       the one it is started in, which belongs to this unit alone

The exit code is 0 when the platform has every record, whatever the result of the
job; 1 when it could not be told.
"""

import os
import signal
import sys
import threading
import time
import traceback
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.errors import PratiqueError
from pratique.client.connection import Connection
from pratique.client.door import Door, check_url
from pratique.client.login import write_az
from pratique.delivery.masking import Masker
from pratique.delivery.message import JobMessage
from pratique.worker.job import Job, variables_of
from pratique.worker.processes import Cancellation, end_orphans, guard_this_process, hear_interrupts
from pratique.worker.python_environment import write_python
from pratique.worker.reporter import Reporter
from pratique.worker.routes import Routes
from pratique.worker.unit import Unit
from pratique.worker.workspace import Workspace

_LAST_WORDS: Final = timedelta(minutes=30)
"""How long the last records wait for a platform that is away; whoever started the worker ends it earlier."""
_FIRST_WORDS: Final = 600.0
"""Seconds in which the platform may be away before the unit has its message."""
_ASK_EVERY: Final = 30
"""Seconds that the platform may take to say that the run is not cancelled."""
_FIRST_LOOK: Final = 0.5
"""Seconds after which it is asked for the first time: most short jobs are over by then."""
_PAUSE: Final = 2.0
"""Seconds after which it is asked again when it is away."""
_CONFIGURATION: Final = "PRATIQUE_CONFIG_DIR"


def main() -> int:
    """Run the unit of this environment."""
    guard_this_process()
    hear_interrupts()
    folder = Path.cwd()
    url, token, unit = (os.environ.pop(name, "") for name in ("PRATIQUE_URL", "PRATIQUE_TOKEN", "PRATIQUE_UNIT"))
    # What an upload remembers belongs into this folder, never beside a user's configuration.
    os.environ[_CONFIGURATION] = str(folder / "worker")
    try:
        url = check_url(url)
        routes = Routes(Connection(Door(url, token, None)), unit)
        message = _asked(routes)
        workspace = Workspace(folder)
        workspace.make()
    except PratiqueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    cancellation = Cancellation()
    masker = Masker([*message.secrets(), token])
    sys.excepthook = lambda *error: print(masker.masked("".join(traceback.format_exception(*error))), file=sys.stderr)
    reporter = Reporter(routes, workspace.unsent, masker, cancellation)
    job = Job(message, workspace, routes, masker, variables_of(message, workspace, masker), reporter, cancellation, url)
    modules = os.environ.get("PYTHONPATH", "")
    write_az(job.programs, modules=modules)
    write_python(job.programs, job.python, path=os.environ.get("PATH") or os.defpath, modules=modules)
    _listen(routes, cancellation, message.timeout)
    try:
        Unit(job).run()
    finally:
        end_orphans()
        workspace.remove()
    if not reporter.close(_LAST_WORDS):
        print(f"error: the platform did not take the last records. {reporter.refused}", file=sys.stderr)
        return 1
    workspace.forget()
    return 0


def _asked(routes: Routes) -> JobMessage:
    """What to do; asked for again while the platform is away, which may have been killed just now."""
    ends, pause = time.monotonic() + _FIRST_WORDS, 0.2
    while True:
        try:
            return routes.message()
        except PratiqueError as error:
            if error.status < 500 or time.monotonic() > ends:
                raise
        time.sleep(pause)
        pause = min(_PAUSE, 2 * pause)


def _listen(routes: Routes, cancellation: Cancellation, minutes: int) -> None:
    """Let the job be cancelled by a signal, by the platform, and by its time."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: cancellation.ask("the run was cancelled"))
    threading.Thread(target=_ask, args=(routes, cancellation), name="cancel", daemon=True).start()
    if minutes:
        said = f"the job ran longer than the {minutes} minutes of its timeoutInMinutes"
        timer = threading.Timer(60 * minutes, cancellation.ask, (said,))
        timer.daemon = True
        timer.start()


def _ask(routes: Routes, cancellation: Cancellation) -> None:
    cancellation.wait(_FIRST_LOOK)
    while not cancellation.is_asked:
        try:
            if routes.is_canceled(wait=_ASK_EVERY):
                cancellation.ask("the run was cancelled")
        except PratiqueError:
            # The reporter tells what is wrong; here it is only asked again.
            cancellation.wait(_PAUSE)


if __name__ == "__main__":
    sys.exit(main())
