"""Accepts connections, reads requests, writes answers: one thread at a time, and mostly the one that calls the model.

A request that takes microseconds must not wait for a second thread to wake up.
So the main thread does everything in turns: it reads what has come, answers what
needs no model, then calls the model for all that was asked meanwhile, and writes.

    main     turn ─ call ─ turn ─ call ──────────────────────── turn
    deputy   ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  turn ─ turn ─ turn ┘

A call that takes long must not keep others from connecting, probes from being
answered, or a stop from being heard. So a second thread looks now and then, and
as long as one call goes on, longer than those before it, it takes the turns. It has them from the start, while
the model loads. Whoever has `_turns` locked owns the connections; the model is
called without it. With several workers the deputy keeps the turns for good.

No thread can be stopped from outside. So when a call goes on for longer than
`Patience` has, the process gives up: nobody new is let in, who waits gets the
request back, unasked, and what other workers have is finished; then it ends,
for whoever watches it to start a fresh one.

    stop()  from a signal handler or another thread: no new connections; those
            which wait for a request are closed, those which are in one finish it
"""

import contextlib
import math
import os
import select
import signal
import socket
import threading
import time
from collections import deque
from types import FrameType
from typing import Callable, Deque, Dict, List, NamedTuple, Optional, Sequence, Tuple

from pratique_serving import log
from pratique_serving.connections import LINGER_SECONDS, Connection
from pratique_serving.errors import Malformed
from pratique_serving.listening import above_streams
from pratique_serving.memory import MemoryBound
from pratique_serving.results import refusal
from pratique_serving.routes import Call, Routes
from pratique_serving.wire import Limits, Request, Response, render
from pratique_serving.workers import Workers

MAX_CONNECTIONS = 1000

STOPS = frozenset({int(signal.SIGTERM), int(signal.SIGINT)})

# The gateway in front closes connections that were idle for an hour. We wait
# longer, so that we never close one at the moment it is used again.
IDLE_SECONDS = 2 * 3600.0

# A request that trickles in, byte by byte and never pausing too long, ends here.
WHOLE_REQUEST_SECONDS = 600.0

# Larger pieces would be fetched from the system anew, page by page.
RECEIVE_BYTES = 64 * 1024

# Out of file descriptors or memory: do not spin until some come back.
PAUSE_AFTER_FAILED_ACCEPT = 0.1

# A call that goes on for this long is a long one: then the deputy takes over. To take the turns back costs
# the main thread two switches of threads, so for a model that always takes long it is a few times the last call.
TICK = 0.01
LONGEST_TICK = 0.1
TIMES_THE_LAST = 3

# How often slow connections are looked through, and all of them.
SLOW_EVERY = 0.1
ALL_EVERY = 60.0

# Whatever a script puts in its place.
_Socket = socket.socket

_IN, _OUT, _GONE = select.EPOLLIN, select.EPOLLOUT, select.EPOLLHUP | select.EPOLLERR


class Patience(NamedTuple):
    """How long one call of the model may go on, in seconds, and what ends the process then; that never returns."""

    longest: float
    leave: Callable[[], None]


class _Running:
    """One call of the model that goes on."""

    __slots__ = ("batch", "began", "thread")

    def __init__(self, batch: List[Tuple[Connection, Call]], thread: int) -> None:
        self.batch = batch
        self.began = time.monotonic()
        self.thread = thread


class Server:
    """One listening socket and the connections that came in through it."""

    def __init__(
        self,
        listener: socket.socket,
        routes: Routes,
        limits: Limits,
        on_stop: Callable[[], None],
        memory: Optional[MemoryBound] = None,
        patience: Optional[Patience] = None,
    ) -> None:
        self._listener = listener
        self._memory = memory
        self.has_used_up = False
        """Whether it stops because the model has used up its memory."""
        self._patience = patience or Patience(math.inf, _nothing)
        self._running: Dict[int, _Running] = {}
        self._has_hung = False
        self._hands_back = False
        self._leaves_at = math.inf
        self._routes = routes
        self._limits = limits
        self._on_stop = on_stop
        self._most_waiting = routes.most_waiting
        routes.metrics.watch("pratique_waiting", "gauge", "Requests that wait for the model.", lambda: len(self._calls))
        routes.metrics.watch("pratique_in_flight", "gauge", "Requests that are not answered yet.", self._in_flight)
        routes.metrics.watch("pratique_connections", "gauge", "Open connections.", lambda: len(self._connections))
        self._connections: Dict[int, Connection] = {}
        self._slow: Dict[int, Connection] = {}
        self._calls: Deque[Tuple[Connection, Call]] = deque()
        self._more: List[Connection] = []
        self._adopted: Deque[socket.socket] = deque()
        self._is_listening = True
        self._next_complaint = 0.0
        self._is_stopping = False
        self._is_done = False
        self._next_look = time.monotonic() + ALL_EVERY
        self._poller = select.epoll()
        self._wake_end, self._wake = socket.socketpair()
        for end in (listener, self._wake_end, self._wake):
            end.setblocking(False)
        self._poller.register(listener, _IN)
        self._poller.register(self._wake_end, _IN)
        # Between the two threads.
        self._turns = threading.Lock()
        self._main = threading.get_ident()
        self._is_wanted = False
        self._is_calling = True
        self._number_of_calls = 0
        self._tick = TICK
        self._stirred = threading.Event()
        self._stirred.set()
        self._after_turn: Callable[[], None] = _nothing
        """What the deputy does after each of its turns."""
        self._is_copy = False
        os.register_at_fork(after_in_child=self._become_copy)

    @property
    def wake_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`: SIGTERM or SIGINT written here is the same as `stop()`.

        The interpreter writes the number of a signal at once, also while the main thread is inside a long call
        of the model. Signals that a script handles for itself arrive here too, and mean nothing.
        """
        return self._wake.fileno()

    def hear_signals(self) -> None:
        """Let the interpreter write signals to `wake_descriptor`, unless a script lets it write them elsewhere.

        An event loop with signal handlers takes that away when it closes. Without it, a signal that comes after the
        interpreter has last looked for one, and before the main thread sleeps in `poll()`, is heard at the next
        request only.
        """
        other = signal.set_wakeup_fd(self.wake_descriptor, warn_on_full_buffer=False)
        if other not in (-1, self.wake_descriptor):
            signal.set_wakeup_fd(other)

    def stop(self) -> None:
        """Begin to drain; may be called from anywhere, more than once."""
        self._poke(signal.SIGTERM)

    def stop_on_signal(self, number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG002 - of a handler.
        """As `stop`, for `signal.signal`."""
        self.stop()

    def start(self) -> None:
        """Let the deputy take the turns while this thread loads the model."""
        threading.Thread(target=self._stand_in, daemon=True).start()

    def serve(self) -> None:
        """Take turns and call the model in this thread, until the last connection has ended."""
        self._take_over()
        while not self._is_done:
            self._turn()
            if self._calls:
                self._call_model()
        self._turns.release()
        self._stirred.set()

    def serve_by(self, workers: Workers) -> None:
        """Leave the turns to the deputy for good, and the calls to workers, of which this thread is one."""
        done: Deque[Tuple[int, Connection, Call, Response]] = deque()
        free = workers.count

        def hand_over() -> None:
            nonlocal free
            while done:
                number, connection, call, response = done.popleft()
                free += 1
                del self._running[number]
                self._routes.metrics.count_call(1)
                self._routes.note([call], [response], time.monotonic())
                self._reply(connection, response)
                self._look_at_memory([response])
            # Who finds no free worker waits here, where it is seen that somebody has gone, or has waited for too long.
            while free and (waiting := self._next_call()) is not None:
                connection, call = waiting
                free -= 1
                self._number_of_calls += 1
                number = self._number_of_calls
                running = self._running[number] = _Running([waiting], 0)
                workers.put(self._work(call, running), self._finished(done, number, connection, call))
            if self._is_done:
                workers.close()

        self._after_turn = hand_over
        self._poke(0)
        workers.serve()

    def _work(self, call: Call, running: _Running) -> Callable[[], Response]:
        def work() -> Response:
            running.thread = threading.get_ident()
            response = self._routes.perform([call])[0]
            if threading.current_thread() is threading.main_thread():
                self.hear_signals()
            return response

        return work

    def _finished(
        self, done: Deque[Tuple[int, Connection, Call, Response]], number: int, connection: Connection, call: Call
    ) -> Callable[[Response], None]:
        def finish(response: Response) -> None:
            done.append((number, connection, call, response))
            self._poke(0)

        return finish

    def _in_flight(self) -> float:
        return sum(connection.is_busy for connection in self._connections.values())

    # The two threads.

    def _take_over(self) -> None:
        """Get the turns back from the deputy."""
        self._is_calling = False
        if not self._turns.acquire(False):
            self._is_wanted = True
            self._poke(0)
            self._turns.acquire()
            self._is_wanted = False

    def _call_model(self) -> None:
        """Call the model for what is asked now, without the turns; write the answers after each call."""
        until = time.monotonic() + TICK / 4
        while self._calls:
            batch = self._next_batch()
            self._is_calling = True
            self._number_of_calls += 1
            self._running[self._number_of_calls] = _Running(batch, self._main)
            self._turns.release()
            if not self._stirred.is_set():
                self._stirred.set()
            calls = [call for _, call in batch]
            responses = self._routes.perform(calls)
            self.hear_signals()
            if self._is_copy:
                # A script that forks and returns from `run()` twice: the copy must not answer as well.
                os._exit(0)
            self._take_over()
            now = time.monotonic()
            took = now - self._running.pop(self._number_of_calls).began
            self._tick = min(LONGEST_TICK, max(TICK, TIMES_THE_LAST * took))
            self._routes.metrics.count_call(len(batch))
            for (connection, _), response in zip(batch, responses):
                self._reply(connection, response)
            # Nobody waits for that.
            self._routes.note(calls, responses, now)
            self._look_at_memory(responses)
            if now > until:
                return

    def _next_batch(self) -> List[Tuple[Connection, Call]]:
        batch: List[Tuple[Connection, Call]] = []
        most = self._routes.most_together
        while len(batch) < most and (waiting := self._next_call()) is not None:
            batch.append(waiting)
        return batch

    def _next_call(self) -> Optional[Tuple[Connection, Call]]:
        """The next one for which somebody still waits."""
        while self._calls:
            connection, call = self._calls.popleft()
            if not connection.gone:
                return connection, call
            self._forget_unanswered(connection, is_computed=False)
        return None

    def _look_at_memory(self, responses: Sequence[Response]) -> None:
        """Stop when a call has failed and the memory that the model had left is used up."""
        if self._memory is None or self._is_stopping or all(response.status < 500 for response in responses):
            return
        if self._memory.is_used_up():
            log.say(f"the model keeps what it takes: {self._memory} (PRATIQUE_MEMORY_BYTES) are used up after a call")
            self.has_used_up = True
            self._stop_listening()
            self._hand_back()

    def _look_for_hung(self, now: float) -> None:
        """Give up when a call goes on for too long, and leave as soon as nobody else is harmed by that."""
        hung = [one for one in self._running.values() if now >= one.began + self._patience.longest]
        if hung and not self._has_hung:
            self._give_up_calls(hung, now)
        if not self._has_hung:
            return
        is_sending = any(connection.unsent for connection in self._connections.values())
        if now >= self._leaves_at or (len(hung) == len(self._running) and not is_sending):
            self._patience.leave()

    def _give_up_calls(self, hung: Sequence[_Running], now: float) -> None:
        self._has_hung = True
        self._leaves_at = now + self._patience.longest
        for one in hung:
            what = f"a call of the model has not ended after {now - one.began:.1f} s (PRATIQUE_LONGEST_CALL_MS)"
            log.say(f"{what}: this process ends", log.stack_of(one.thread))
        if not self._is_stopping:
            self._stop_listening()
        # Whoever holds the same socket has what comes from now on.
        self._listener.close()
        self._hand_back()
        for connection, call in [pair for one in hung for pair in one.batch]:
            self._reply(connection, self._routes.late(call))

    def _hand_back(self) -> None:
        """Answer who waits, so that the gateway can ask another process: for none of them the model was called.

        Who asks from now on, on a connection that is open, is answered so at once.
        """
        self._hands_back = True
        while (waiting := self._next_call()) is not None:
            connection, call = waiting
            self._reply(connection, self._routes.handed_back(call))

    def _become_copy(self) -> None:
        """In a process that the script has forked: it must not answer, hear stops or hold connections for this one.

        Whoever ends such a process with SIGTERM, as `multiprocessing.Pool` does, would stop the server: the signal
        was written to where both listen.
        """
        self._is_copy = True
        # A thread of another interpreter may not.
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)
            for number, usual in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
                if signal.getsignal(number) == self.stop_on_signal:
                    signal.signal(number, usual)
        self._poller.close()
        for end in (self._listener, self._wake_end, self._wake):
            end.close()
        for connection in self._connections.values():
            connection.sock.close()

    def _stand_in(self) -> None:
        """The deputy: take the turns whenever one call, or the loading of the model, goes on for long."""
        seen = self._number_of_calls
        while not self._is_done:
            if self._is_within(seen):
                self._take_turns_within(seen)
            self._stirred.wait()
            seen = self._number_of_calls
            time.sleep(self._tick)
            if self._is_at_rest_since(seen):
                self._stirred.clear()
                # It may have begun a call in between, and not have seen that nobody looks.
                if not self._is_at_rest_since(seen):
                    self._stirred.set()

    def _is_within(self, call: int) -> bool:
        """Whether the main thread is still in that call."""
        return self._is_calling and call == self._number_of_calls

    def _is_at_rest_since(self, call: int) -> bool:
        return not self._is_calling and call == self._number_of_calls

    def _take_turns_within(self, call: int) -> None:
        if not self._turns.acquire(False):
            return
        try:
            while self._is_within(call) and not self._is_wanted:
                self._turn()
                self._after_turn()
                if self._is_done:
                    return
        finally:
            self._turns.release()

    def _poke(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._wake.send(bytes([number]))

    # One turn.

    def _turn(self) -> None:
        """Wait for something to happen, and do what can be done about it without the model."""
        for descriptor, event in self._poller.poll(self._pause()):
            connection = self._connections.get(descriptor)
            if connection is not None:
                self._serve(connection, event)
            elif descriptor == self._listener.fileno():
                self._accept_all()
            elif descriptor == self._wake_end.fileno():
                self._wake_up()
        while self._more:
            self._go_on(self._more.pop())
        now = time.monotonic()
        if self._slow or now >= self._next_look:
            self._look_for_slow(now)
        while self._calls and self._calls[0][1].expires <= now:
            connection, call = self._calls.popleft()
            if connection.gone:
                self._forget_unanswered(connection, is_computed=False)
            else:
                self._reply(connection, self._routes.late(call))
        if self._running or self._has_hung:
            self._look_for_hung(now)
        if self._is_stopping and not self._connections:
            self._is_done = True

    def _pause(self) -> float:
        """Seconds to wait at most: none when there is work, less when somebody may be too slow; -1 is for ever."""
        if self._more or (self._calls and not self._is_calling) or (self._is_stopping and not self._connections):
            return 0
        pause = SLOW_EVERY if self._slow or self._calls or self._has_hung or not self._is_listening else ALL_EVERY
        if not self._running:
            return pause
        # The oldest comes first.
        until = next(iter(self._running.values())).began + self._patience.longest
        return max(0.0, min(pause, until - time.monotonic()))

    def _wake_up(self) -> None:
        woken_by = self._wake_end.recv(1024)
        while self._adopted:
            self._take_in(self._adopted.popleft())
        if STOPS.intersection(woken_by) and not self._is_stopping:
            self._begin_to_drain()

    def _begin_to_drain(self) -> None:
        while self._accept():
            # Those who came before we stopped are answered as well.
            pass
        self._stop_listening()

    def _stop_listening(self) -> None:
        """Leave who comes from now on to the next process; finish what is here."""
        self._is_stopping = True
        if self._is_listening:
            self._poller.unregister(self._listener)
        self._on_stop()
        for connection in list(self._connections.values()):
            self._serve(connection, _IN if not connection.is_busy else 0)
            if not connection.is_busy and connection.reader.is_idle and not connection.unsent:
                self._forget(connection)

    def _accept_all(self) -> None:
        while self._accept():
            if len(self._connections) >= MAX_CONNECTIONS:
                self._poller.unregister(self._listener)
                self._is_listening = False
                return

    def _accept(self) -> bool:
        """Take one connection from the queue; False when there is none."""
        try:
            # Not `accept`, which makes a `socket.socket`: a script may have put something else in its place.
            descriptor = above_streams(self._listener._accept()[0])  # type: ignore[attr-defined]
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError as error:
            self._pause_listening(error)
            return False
        self._take_in(_Socket(self._listener.family, self._listener.type, 0, descriptor))
        return True

    def _pause_listening(self, error: OSError) -> None:
        """Out of descriptors or memory: others are served meanwhile, and it is said once a minute."""
        now = time.monotonic()
        if now >= self._next_complaint:
            self._next_complaint = now + ALL_EVERY
            log.say(f"cannot accept connections: {error}")
        if self._is_listening:
            self._poller.unregister(self._listener)
            self._is_listening = False
        self._next_look = now + PAUSE_AFTER_FAILED_ACCEPT

    def adopt(self, connected: socket.socket) -> None:
        """Serve a connection that did not come in through the listening socket; from any thread."""
        self._adopted.append(connected)
        self._poke(0)

    def _take_in(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        if accepted.family != socket.AF_UNIX:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(accepted, self._limits)
        connection.deadline = time.monotonic() + IDLE_SECONDS
        connection.interest = _IN
        self._connections[connection.descriptor] = connection
        self._poller.register(connection.descriptor, _IN)

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
        if self._connections.get(connection.descriptor) is not connection or connection.is_busy:
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
        outcome = self._routes.take(request)
        if type(outcome) is Call:
            if self._hands_back:
                self._reply(connection, self._routes.handed_back(outcome))
                return
            if len(self._calls) >= self._most_waiting:
                self._reply(connection, self._routes.too_many(outcome))
                return
            connection.is_busy = True
            self._calls.append((connection, outcome))
        else:
            self._reply(connection, outcome)  # type: ignore[arg-type]

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

    def _reply(self, connection: Connection, response: Response) -> None:
        """Write the answer to the connection's request, and make it ready for the next one."""
        connection.is_busy = False
        request = connection.request
        connection.request = None
        if connection.gone or request is None:
            self._forget_unanswered(connection, is_computed=True)
            return
        connection.ends = request.wants_close or self._is_stopping
        connection.unsent = render(response, request.method == "HEAD", connection.ends)
        try:
            self._send(connection)
        except OSError:
            self._forget_unanswered(connection, is_computed=True)

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

    def _forget(self, connection: Connection) -> None:
        if self._connections.get(connection.descriptor) is not connection:
            return
        del self._connections[connection.descriptor]
        self._slow.pop(connection.descriptor, None)
        if connection.interest >= 0:
            self._poller.unregister(connection.descriptor)
        connection.gone = True
        connection.sock.close()
        self._listen_again()

    def _listen_again(self) -> None:
        if not self._is_listening and not self._is_stopping and len(self._connections) < MAX_CONNECTIONS:
            self._poller.register(self._listener, _IN)
            self._is_listening = True

    def _forget_unanswered(self, connection: Connection, is_computed: bool) -> None:
        """The client has not waited for its answer."""
        self._routes.metrics.count_gone(is_computed)
        self._forget(connection)

    def _look_for_slow(self, now: float) -> None:
        """Give up those who have paused for too long, or have been at it for too long."""
        for connection in list(self._slow.values()):
            if now >= min(connection.patience, connection.deadline):
                self._give_up(connection)
        if now >= self._next_look:
            self._next_look = now + ALL_EVERY
            self._listen_again()
            for connection in list(self._connections.values()):
                is_idle = not connection.is_busy and not connection.patience and connection.reader.is_idle
                if is_idle and now >= connection.deadline:
                    self._forget(connection)

    def _give_up(self, connection: Connection) -> None:
        if connection.lingers or connection.unsent:
            self._forget(connection)
        else:
            self._refuse(connection, Malformed(408, "The request did not arrive in time."))


def _nothing() -> None:
    """There are no workers but the main thread."""
