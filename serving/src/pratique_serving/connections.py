"""All connections: accepted, read, answered, and given up when they are too slow. Knows no models.

Owned by the thread whose turn it is; `adopt` alone may be called by any other.

    open(take)  accept; `take` is given each request, and returns its answer, or None: then `reply` comes later
    turn        wait for something to happen, and do what can be done about it at once
    reply       the answer to a request that was taken
    stop        no new connections; those which wait for a request are closed, those which are in one finish it
"""

import select
import socket
import time
from collections import deque
from typing import Callable, Deque, Dict, List, Optional

from pratique_serving.accepting import Listener
from pratique_serving.bell import Bell
from pratique_serving.connection import LINGER_SECONDS, Connection
from pratique_serving.errors import Malformed
from pratique_serving.results import refusal
from pratique_serving.wire import Limits, Request, Response, render

MAX_CONNECTIONS = 1000

# The gateway in front closes connections that were idle for an hour. We wait
# longer, so that we never close one at the moment it is used again.
IDLE_SECONDS = 2 * 3600.0

# A request that trickles in, byte by byte and never pausing too long, ends here.
WHOLE_REQUEST_SECONDS = 600.0

# Larger pieces would be fetched from the system anew, page by page.
RECEIVE_BYTES = 64 * 1024

# Out of file descriptors or memory: do not spin until some come back.
PAUSE_AFTER_FAILED_ACCEPT = 0.1

# How often slow connections are looked through, and all of them.
SLOW_EVERY = 0.1
ALL_EVERY = 60.0

_IN, _OUT, _GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR

Take = Callable[[Connection, Request], Optional[Response]]


class Connections:
    """One listening socket and the connections that came in through it."""

    def __init__(
        self,
        listener: socket.socket,
        limits: Limits,
        bell: Bell,
        on_stop: Callable[[], None],
        on_gone: Callable[[bool], None],
    ) -> None:
        self._limits = limits
        self._bell = bell
        self._on_stop = on_stop
        self._on_gone = on_gone
        """Told of every client that has not waited for its answer, and whether that was computed."""
        self._take: Take = _untaken
        self._all: Dict[int, Connection] = {}
        self._slow: Dict[int, Connection] = {}
        self._more: List[Connection] = []
        self._adopted: Deque[socket.socket] = deque()
        self.is_stopping = False
        self.is_over = False
        """Whether it has stopped and the last connection has ended."""
        self._next_look = time.monotonic() + ALL_EVERY
        self._poller = select.epoll()
        self._poller.register(bell.descriptor, _IN)
        self._listener = Listener(listener, self._poller)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def busy(self) -> int:
        """How many wait for `reply`."""
        return sum(connection.is_busy for connection in self._all.values())

    @property
    def is_sending(self) -> bool:
        """Whether an answer is not sent to its end."""
        return any(connection.unsent for connection in self._all.values())

    def open(self, take: Take) -> None:
        """Accept connections, and give their requests to `take`."""
        self._take = take
        self._listener.go_on()

    def adopt(self, connected: socket.socket) -> None:
        """Serve a connection that did not come in through the listening socket; from any thread."""
        self._adopted.append(connected)
        self._bell.ring()

    def turn(self, pause: float) -> float:
        """Wait for something to happen, for so many seconds at most, and do what can be done about it at once.

        Returns when that was done, in monotonic seconds.
        """
        longest = SLOW_EVERY if self._slow or self._listener.is_paused else ALL_EVERY
        if self._more or (self.is_stopping and not self._all):
            longest = 0
        if pause > longest:
            pause = longest
        for descriptor, event in self._poller.poll(pause):
            connection = self._all.get(descriptor)
            if connection is not None:
                self._serve(connection, event)
            elif descriptor == self._listener.descriptor:
                self._accept_all()
            elif descriptor == self._bell.descriptor:
                self._look_who_rang()
        while self._more:
            self._go_on(self._more.pop())
        now = time.monotonic()
        if self._slow or now >= self._next_look:
            self._look_for_slow(now)
        if self.is_stopping and not self._all:
            self.is_over = True
        return now

    def stop(self) -> None:
        """Leave who comes from now on to the next process; finish what is here."""
        if self.is_stopping:
            return
        self.is_stopping = True
        self._listener.end()
        self._on_stop()
        for connection in list(self._all.values()):
            self._serve(connection, _IN if not connection.is_busy else 0)
            if not connection.is_busy and connection.reader.is_idle and not connection.unsent:
                self._forget(connection)

    def close_listener(self) -> None:
        """Whoever holds the same socket has what comes from now on."""
        self._listener.close()

    def become_copy(self) -> None:
        """In a process that the script has forked: it must not hold connections for this one."""
        self._poller.close()
        self._listener.close()
        for connection in self._all.values():
            connection.sock.close()

    # Who comes.

    def _look_who_rang(self) -> None:
        is_stop = self._bell.heard_stop()
        while self._adopted:
            self._take_in(self._adopted.popleft())
        if is_stop and not self.is_stopping:
            while self._accept():
                # Those who came before we stopped are answered as well.
                pass
            self.stop()

    def _accept_all(self) -> None:
        while self._accept():
            if len(self._all) >= MAX_CONNECTIONS:
                self._listener.pause()
                return

    def _accept(self) -> bool:
        """Take one connection from the queue; False when there is none."""
        accepted = self._listener.accept()
        if accepted is None:
            if self._listener.is_paused:
                self._next_look = time.monotonic() + PAUSE_AFTER_FAILED_ACCEPT
            return False
        self._take_in(accepted)
        return True

    def _take_in(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(accepted, self._limits)
        connection.deadline = time.monotonic() + IDLE_SECONDS
        connection.interest = _IN
        self._all[connection.descriptor] = connection
        self._poller.register(connection.descriptor, _IN)

    # What they send.

    def _serve(self, connection: Connection, event: int) -> None:
        try:
            if connection.unsent:
                self._send(connection)
            elif connection.is_busy:
                self._leave_alone(connection, event)
            elif event & (_IN | _GONE):
                self._receive(connection)
        except OSError:
            # The client has gone. There is nobody to tell.
            self._forget(connection)

    def _leave_alone(self, connection: Connection, event: int) -> None:
        """A client that sends more, or closes, while its request is with the model."""
        if event & _GONE:
            connection.gone = True
            self._poller.unregister(connection.descriptor)
            connection.interest = -1
        elif event:
            self._wait_for(connection, 0)

    def _receive(self, connection: Connection) -> None:
        try:
            data = connection.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        if connection.lingers:
            if not data:
                self._forget(connection)
            return
        try:
            if not data:
                connection.reader.end()
                self._forget(connection)
                return
            request = connection.reader.read(data)
        except Malformed as error:
            self._refuse(connection, error)
            return
        self._go_on_with(connection, request)

    def _go_on(self, connection: Connection) -> None:
        """The next request of a client that sends several without waiting for answers."""
        if self._all.get(connection.descriptor) is not connection or connection.is_busy:
            return
        try:
            self._go_on_with(connection, connection.reader.next())
        except Malformed as error:
            self._refuse(connection, error)
        except OSError:
            self._forget(connection)

    def _go_on_with(self, connection: Connection, request: Optional[Request]) -> None:
        if request is None:
            self._wait_for_rest(connection)
            return
        if connection.patience:
            self._slow.pop(connection.descriptor, None)
            connection.patience = 0.0
        connection.request = request
        response = self._take(connection, request)
        if response is None:
            connection.is_busy = True
        else:
            self.reply(connection, response)

    def _wait_for_rest(self, connection: Connection) -> None:
        now = time.monotonic()
        if not connection.patience:
            connection.deadline = now + WHOLE_REQUEST_SECONDS
            self._slow[connection.descriptor] = connection
        connection.patience = now + self._limits.pause
        if connection.reader.is_invited:
            connection.reader.is_invited = False
            connection.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    # Answers.

    def reply(self, connection: Connection, response: Response) -> None:
        """Write the answer to the connection's request, and make it ready for the next one."""
        connection.is_busy = False
        request = connection.request
        connection.request = None
        if connection.gone or request is None:
            self.forget_unanswered(connection, is_computed=True)
            return
        connection.ends = request.wants_close or self.is_stopping
        connection.unsent = render(response, request.method == "HEAD", connection.ends)
        try:
            self._send(connection)
        except OSError:
            self.forget_unanswered(connection, is_computed=True)

    def _refuse(self, connection: Connection, error: Malformed) -> None:
        """Answer, and let the client read that although we have not read all it sent.

        Closing a TCP connection with unread bytes resets it, and the answer is lost.
        """
        connection.lingers = True
        connection.unsent = render(refusal(error), False, True)
        try:
            self._send(connection)
        except OSError:
            self._forget(connection)

    def _send(self, connection: Connection) -> None:
        """Send what the client takes now; the rest when it takes more."""
        data = connection.unsent
        try:
            sent = connection.sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        if sent < len(data):
            # Not a copy of the rest, which of a large answer would be made again and again.
            connection.unsent = memoryview(data)[sent:]
            if sent or not connection.patience:
                connection.patience = time.monotonic() + self._limits.pause
                connection.deadline = connection.patience + WHOLE_REQUEST_SECONDS
            self._slow[connection.descriptor] = connection
            self._wait_for(connection, _OUT)
            return
        connection.unsent = b""
        self._after_answer(connection)

    def _after_answer(self, connection: Connection) -> None:
        if connection.lingers:
            connection.sock.shutdown(socket.SHUT_WR)
            connection.deadline = time.monotonic() + LINGER_SECONDS
            connection.patience = connection.deadline
            self._slow[connection.descriptor] = connection
        elif connection.ends:
            self._forget(connection)
            return
        else:
            connection.deadline = time.monotonic() + IDLE_SECONDS
            if connection.patience:
                self._slow.pop(connection.descriptor, None)
                connection.patience = 0.0
        if connection.interest != _IN:
            self._wait_for(connection, _IN)
        if not connection.lingers and connection.reader.waiting_bytes:
            self._more.append(connection)

    def _wait_for(self, connection: Connection, interest: int) -> None:
        if connection.interest != interest:
            self._poller.modify(connection.descriptor, interest)
            connection.interest = interest

    # The end of a connection.

    def forget_unanswered(self, connection: Connection, is_computed: bool) -> None:
        """The client has not waited for its answer."""
        self._on_gone(is_computed)
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        if self._all.get(connection.descriptor) is not connection:
            return
        del self._all[connection.descriptor]
        self._slow.pop(connection.descriptor, None)
        if connection.interest >= 0:
            self._poller.unregister(connection.descriptor)
        connection.gone = True
        connection.sock.close()
        self._listen_again()

    def _listen_again(self) -> None:
        if len(self._all) < MAX_CONNECTIONS:
            self._listener.go_on()

    def _look_for_slow(self, now: float) -> None:
        """Give up those who have paused for too long, or have been at it for too long."""
        for connection in list(self._slow.values()):
            if now >= min(connection.patience, connection.deadline):
                self._give_up(connection)
        if now >= self._next_look:
            self._next_look = now + ALL_EVERY
            self._listen_again()
            for connection in list(self._all.values()):
                is_idle = not connection.is_busy and not connection.patience and connection.reader.is_idle
                if is_idle and now >= connection.deadline:
                    self._forget(connection)

    def _give_up(self, connection: Connection) -> None:
        if connection.lingers or connection.unsent:
            self._forget(connection)
        else:
            self._refuse(connection, Malformed(408, "The request did not arrive in time."))


def _untaken(connection: Connection, request: Request) -> Optional[Response]:
    """Nobody comes before it is open."""
    raise NotImplementedError
