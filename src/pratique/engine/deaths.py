"""Notices at once that a process has ended: its end is no commit, so nothing else would wake the engine."""

import os
import select
import threading
from collections.abc import Callable
from typing import Final

_MOST: Final = 200
"""Processes that are watched so; each costs a file descriptor. The end of another is noticed at the next look."""


class Deaths:
    """Calls `ring` when a process ends that was asked about while it lived."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._lock = threading.Lock()
        self._handles: dict[int, int] = {}
        self._poll = select.epoll()
        self._thread: threading.Thread | None = None

    def is_alive(self, pid: int) -> bool:
        """Whether process `pid` lives; its end will ring."""
        with self._lock:
            if pid not in self._handles and not self._open(pid):
                return False
            handle = self._handles.get(pid)
            return handle is None or not select.select([handle], [], [], 0)[0]

    def _open(self, pid: int) -> bool:
        """Watch `pid`; False when there is no such process."""
        if len(self._handles) >= _MOST:
            return True
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        except OSError:  # This kernel is older than 5.3, or there are no descriptors left.
            return True
        self._handles[pid] = handle
        self._poll.register(handle, select.EPOLLIN)
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, name="deaths", daemon=True)
            self._thread.start()
        return True

    def _watch(self) -> None:
        while True:
            for handle, _ in self._poll.poll():
                with self._lock:
                    self._poll.unregister(handle)
                    self._handles = {pid: other for pid, other in self._handles.items() if other != handle}
                    os.close(handle)
            self._ring()
