"""Accepts connections and serves each in a thread of its own.

    run()     accept until stop() is called
    stop()    from a signal handler or another thread: no new connections; those
              which wait for a request are closed, those which are in one finish it
    run() returns when the last connection has gone.

A thread costs little while it waits for bytes, so a slow client harms nobody;
how many there can be is bounded, and further callers wait in the listening queue.
"""

import contextlib
import select
import signal
import socket
import threading
import time
from typing import Callable, Dict

from pratique_serving import log
from pratique_serving.errors import Malformed
from pratique_serving.wire import Connection, Limits, Request, Response

MAX_CONNECTIONS = 1000

STOPS = frozenset({int(signal.SIGTERM), int(signal.SIGINT)})

# Out of file descriptors or memory: do not spin until some come back.
PAUSE_AFTER_FAILED_ACCEPT = 0.1

Answer = Callable[[Request], Response]
Refusal = Callable[[Malformed], Response]


class Server:
    """One listening socket and the connections that came in through it."""

    def __init__(self, listener: socket.socket, answer: Answer, refusal: Refusal, limits: Limits) -> None:
        self._listener = listener
        self._answer = answer
        self._refusal = refusal
        self._limits = limits
        self._connections: Dict[Connection, socket.socket] = {}
        self._changed = threading.Condition()
        self._is_stopping = False
        self._wake_end, self._wake = socket.socketpair()
        self._wake.setblocking(False)

    @property
    def wake_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`: SIGTERM or SIGINT written here is the same as `stop()`.

        The interpreter writes the number of a signal at once, also while the main thread is inside a long call
        of the model. Signals that a script handles for itself arrive here too, and mean nothing.
        """
        return self._wake.fileno()

    def stop(self) -> None:
        """Begin to drain; may be called from anywhere, more than once."""
        with contextlib.suppress(OSError):
            self._wake.send(bytes([signal.SIGTERM]))

    def run(self, on_stop: Callable[[], None]) -> None:
        """Accept connections until `stop`, then call `on_stop` and return when every connection has ended."""
        self._listener.setblocking(False)
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._wake_end, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in poll.poll()}
            if self._wake_end.fileno() in ready and STOPS.intersection(self._wake_end.recv(1024)):
                break
            if self._listener.fileno() in ready and self._has_room():
                self._accept()
        self._drain(on_stop)

    def _has_room(self) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self._connections) < MAX_CONNECTIONS, timeout=0.1)

    def _accept(self) -> bool:
        """Take one connection from the queue; False when there is none."""
        try:
            accepted, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:
            log.say(f"cannot accept a connection: {error}")
            time.sleep(PAUSE_AFTER_FAILED_ACCEPT)
            return False
        connection = Connection(accepted, self._limits)
        with self._changed:
            self._connections[connection] = accepted
        self._start(connection, accepted)
        return True

    def _start(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            threading.Thread(target=self._serve, args=(connection, accepted), daemon=True).start()
        except RuntimeError as error:
            log.say(f"cannot start a thread for a connection: {error}")
            self._forget(connection, accepted)

    def _drain(self, on_stop: Callable[[], None]) -> None:
        while self._accept():
            # Those who came before we stopped are answered as well.
            pass
        self._is_stopping = True
        on_stop()
        with self._changed:
            for connection, accepted in self._connections.items():
                if connection.is_idle:
                    _end_reading(accepted)
            self._changed.wait_for(lambda: not self._connections)

    def _serve(self, connection: Connection, accepted: socket.socket) -> None:
        try:
            if accepted.family == socket.AF_INET:
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while self._serve_one(connection):
                connection.is_idle = True
                if self._is_stopping:
                    _end_reading(accepted)
        except OSError:
            # The client has gone. There is nobody to tell.
            pass
        finally:
            self._forget(connection, accepted)

    def _serve_one(self, connection: Connection) -> bool:
        """Read one request and answer it; whether the connection may carry another."""
        try:
            request = connection.read_request()
        except Malformed as error:
            connection.send(self._refusal(error), without_body=False, close=True)
            connection.linger()
            return False
        if request is None:
            return False
        response = self._answer(request)
        close = request.wants_close or self._is_stopping
        connection.send(response, without_body=request.method == "HEAD", close=close)
        return not close

    def _forget(self, connection: Connection, accepted: socket.socket) -> None:
        accepted.close()
        with self._changed:
            self._connections.pop(connection, None)
            self._changed.notify_all()


def _end_reading(accepted: socket.socket) -> None:
    """Wake a thread that waits for a request; what has already arrived can still be read."""
    with contextlib.suppress(OSError):
        accepted.shutdown(socket.SHUT_RD)
