"""The threads that call the model.

A call waits in one queue until a worker is free, so at most `count` calls run
at the same time. The first worker is the main thread, the one that ran
`init()`: what a script bound to its thread there (a SQLite connection, an event
loop, a signal) works in `run()`. With one worker, the default, calls never
overlap. More workers are more threads of this process, so `run()` must then be
thread-safe; Azure's inference server starts processes instead.
"""

import os
import threading
from queue import SimpleQueue
from typing import Callable, Optional, Tuple

from pratique_serving import log
from pratique_serving.wire import Response

Work = Callable[[], Response]
_Call = Tuple[Work, "SimpleQueue[Optional[Response]]"]


class Workers:
    """A queue of calls and `count` threads, the caller of `serve` among them."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._calls: "SimpleQueue[Optional[_Call]]" = SimpleQueue()
        self._process = os.getpid()

    def call(self, work: Work) -> Optional[Response]:
        """Run `work` on a worker and wait for it; None when it failed, which is in the log."""
        reply: "SimpleQueue[Optional[Response]]" = SimpleQueue()
        self._calls.put((work, reply))
        return reply.get()

    @property
    def waiting(self) -> int:
        """How many calls wait for a worker."""
        return self._calls.qsize()

    def serve(self) -> None:
        """Work in this thread, and in as many more as there should be, until `close`."""
        others = [threading.Thread(target=self._work, daemon=True) for _ in range(self._count - 1)]
        for other in others:
            other.start()
        self._work()
        for other in others:
            other.join()

    def close(self) -> None:
        """End every worker after the calls that are already waiting."""
        for _ in range(self._count):
            self._calls.put(None)

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                return
            work, reply = call
            response = None
            try:
                response = work()
            # A script may raise anything, sys.exit() included. The caller gets an answer and we live on.
            except BaseException as error:  # noqa: BLE001
                log.say_traceback("a request failed inside the server", error)
            self._leave_if_forked()
            reply.put(response)

    def _leave_if_forked(self) -> None:
        """A script that forks and returns from `run()` twice: the copy must not answer as well."""
        if os.getpid() != self._process:
            os._exit(0)
