"""The threads that call the model, when there are more than one.

Calls wait in one queue until a worker is free, so at most `count` run at the
same time. The first worker is the main thread, the one that ran `init()`. All
are threads of this process, so `run()` must then be thread-safe; Azure's
inference server starts processes instead.
"""

import os
import threading
from queue import SimpleQueue
from typing import Callable, Optional, Tuple

from pratique_serving.wire import Response

Work = Callable[[], Response]
Finish = Callable[[Response], None]


class Workers:
    """A queue of calls and `count` threads, the caller of `serve` among them."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._calls: "SimpleQueue[Optional[Tuple[Work, Finish]]]" = SimpleQueue()
        self._process = os.getpid()

    def put(self, work: Work, finish: Finish) -> None:
        """Let a worker do `work`, which never raises, and give what comes out to `finish`, in the worker's thread."""
        self._calls.put((work, finish))

    def serve(self) -> None:
        """Work in this thread, and in as many more as there should be, until `close`."""
        others = [threading.Thread(target=self._work, daemon=True) for _ in range(self.count - 1)]
        for other in others:
            other.start()
        self._work()
        for other in others:
            other.join()

    def close(self) -> None:
        """End every worker after the calls that are already waiting."""
        for _ in range(self.count):
            self._calls.put(None)

    def _work(self) -> None:
        while True:
            call = self._calls.get()
            if call is None:
                return
            work, finish = call
            response = work()
            self._leave_if_forked()
            finish(response)

    def _leave_if_forked(self) -> None:
        """A script that forks and returns from `run()` twice: the copy must not answer as well."""
        if os.getpid() != self._process:
            os._exit(0)
