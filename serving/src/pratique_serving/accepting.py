"""The listening socket, and whether the poller looks at it."""

import select
import socket
import time
from typing import Optional

from pratique_serving import log
from pratique_serving.listening import above_streams

# Out of descriptors or memory: others are served meanwhile, and it is said once a minute.
COMPLAIN_EVERY = 60.0

# Whatever a script puts in its place.
_Socket = socket.socket


class Listener:
    """Takes connections from the queue; paused at first, and whenever there is no room for more."""

    def __init__(self, sock: socket.socket, poller: select.epoll) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._poller = poller
        self.descriptor = sock.fileno()
        self.is_paused = True
        """Whether those who come wait in the queue until it goes on."""
        self._has_ended = False
        self._next_complaint = 0.0

    def accept(self) -> Optional[socket.socket]:
        """The next connection; None when there is none, or when it cannot be taken: then it is paused."""
        try:
            # Not `accept`, which makes a `socket.socket`: a script may have put something else in its place.
            descriptor = above_streams(self._sock._accept()[0])  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionAbortedError):
            return None
        except OSError as error:
            self.pause()
            self._complain(error)
            return None
        return _Socket(self._sock.family, self._sock.type, 0, descriptor)

    def pause(self) -> None:
        """Leave who comes in the queue."""
        if not self.is_paused:
            self.is_paused = True
            self._leave_poller()

    def go_on(self) -> None:
        """Take connections again, unless it has ended."""
        if self.is_paused and not self._has_ended:
            self.is_paused = False
            self._poller.register(self._sock, select.EPOLLIN)

    def end(self) -> None:
        """Leave who comes from now on to the next process."""
        self._has_ended = True
        if not self.is_paused:
            self._leave_poller()

    def close(self) -> None:
        """Whoever holds the same socket has what comes from now on."""
        # Another socket may get the number of this one.
        self.descriptor = -1
        self._sock.close()

    def _leave_poller(self) -> None:
        self._poller.unregister(self._sock)

    def _complain(self, error: OSError) -> None:
        now = time.monotonic()
        if now >= self._next_complaint:
            self._next_complaint = now + COMPLAIN_EVERY
            log.say(f"cannot accept connections: {error}")
