"""One thread at a time reads requests and writes answers: mostly the one that calls the model.

A request that takes microseconds must not wait for a second thread to wake up.
So the main thread does everything in turns: it reads what has come, answers what
needs no model, then calls the model for all that was asked meanwhile, and writes.

    main     turn ─ call ─ turn ─ call ──────────────────────── turn
    deputy   ·  ·  ·  ·  ·  ·  ·  ·  ·  ·  turn ─ turn ─ turn ┘

A call that takes long must not keep others from connecting, probes from being
answered, or a stop from being heard. So a second thread looks now and then, and
as long as one call goes on, longer than those before it, it takes the turns. It
has them from the start, while the model loads. Whoever has `_turns` locked owns
the connections and the calls; the model is called without it. With several
workers the deputy keeps the turns for good.

    bell         wakes whoever waits in a turn: signals, the other thread
    connections  sockets: who comes, sends, reads slowly, goes
    calls        what waits for the model, what goes on, who is turned away
"""

import os
import socket
import threading
import time
from collections import deque
from functools import partial
from typing import Callable, Deque, Optional, Tuple

from pratique_serving.bell import Bell
from pratique_serving.calls import Calls, Patience, Running
from pratique_serving.connections import Connections
from pratique_serving.memory import MemoryBound
from pratique_serving.routes import Routes
from pratique_serving.wire import Limits, Response
from pratique_serving.workers import Workers

# A call that goes on for this long is a long one: then the deputy takes over. To take the turns back costs
# the main thread two switches of threads, so for a model that always takes long it is a few times the last call.
TICK = 0.01
LONGEST_TICK = 0.1
TIMES_THE_LAST = 3


class Server:
    """Answers all who connect to one listening socket, with the model of `routes`."""

    def __init__(
        self,
        listener: socket.socket,
        routes: Routes,
        limits: Limits,
        on_stop: Callable[[], None],
        memory: Optional[MemoryBound] = None,
        patience: Optional[Patience] = None,
    ) -> None:
        self._routes = routes
        self._bell = Bell()
        self._connections = Connections(listener, limits, self._bell, on_stop, routes.metrics.count_gone)
        self._calls = Calls(self._connections, routes, memory, patience)
        self._connections.open(self._calls.take)
        self._watch()
        # Between the two threads.
        self._turns = threading.Lock()
        self._main = threading.get_ident()
        self._is_wanted = False
        self._is_calling = True
        self._number_of_calls = 0
        """Of the main thread; the deputy sees by it that one has ended."""
        self._tick = TICK
        self._stirred = threading.Event()
        self._stirred.set()
        self._after_turn: Callable[[], None] = _nothing
        """What the deputy does after each of its turns."""
        self._is_copy = False
        os.register_at_fork(after_in_child=self._become_copy)

    @property
    def has_used_up(self) -> bool:
        """Whether it has stopped because the model has used up its memory."""
        return self._calls.has_used_up

    def adopt(self, connected: socket.socket) -> None:
        """Serve a connection that did not come in through the listening socket; from any thread."""
        self._connections.adopt(connected)

    def stop(self) -> None:
        """Begin to drain: no new connections, who is in a request finishes it; from any thread, more than once."""
        self._bell.stop()

    def stop_on_signals(self) -> None:
        """Let SIGTERM and SIGINT be the same as `stop`; from the main thread."""
        self._bell.stop_on_signals()

    def start(self) -> None:
        """Let the deputy take the turns while this thread loads the model."""
        threading.Thread(target=self._stand_in, daemon=True).start()

    def serve(self) -> None:
        """Take turns and call the model in this thread, until the last connection has ended."""
        self._take_over()
        while not self._connections.is_over:
            self._turn()
            if self._calls.waiting:
                self._call_model()
        self._turns.release()
        self._stirred.set()

    def serve_by(self, workers: Workers) -> None:
        """Leave the turns to the deputy for good, and the calls to workers, of which this thread is one."""
        done: Deque[Tuple[Running, Response]] = deque()
        free = workers.count

        def hand_over() -> None:
            nonlocal free
            while done:
                running, response = done.popleft()
                free += 1
                self._calls.finish(running, [response], time.monotonic())
            # Who finds no free worker waits here, where it is seen that somebody has gone, or has waited for too long.
            while free and (begun := self._calls.begin(1)) is not None:
                free -= 1
                workers.put(partial(self._work, begun), partial(self._hand_in, done, begun))
            if self._connections.is_over:
                workers.close()

        self._after_turn = hand_over
        self._bell.ring()
        workers.serve()

    def _work(self, running: Running) -> Response:
        running.thread = threading.get_ident()
        response = self._routes.perform(running.calls)[0]
        if threading.current_thread() is threading.main_thread():
            self._bell.hear_signals()
        return response

    def _hand_in(self, done: Deque[Tuple[Running, Response]], running: Running, response: Response) -> None:
        done.append((running, response))
        self._bell.ring()

    def _watch(self) -> None:
        calls, connections, watch = self._calls, self._connections, self._routes.metrics.watch
        watch("pratique_waiting", "gauge", "Requests that wait for the model.", lambda: len(calls.waiting))
        watch("pratique_in_flight", "gauge", "Requests that are not answered yet.", lambda: connections.busy)
        watch("pratique_connections", "gauge", "Open connections.", lambda: len(connections))

    def _become_copy(self) -> None:
        """In a process that the script has forked: it must not answer, hear stops or hold connections for this one."""
        self._is_copy = True
        self._bell.become_copy()
        self._connections.become_copy()

    def _turn(self) -> None:
        """Wait for something to happen, and do what can be done about it without the model."""
        pause = 0 if self._calls.waiting and not self._is_calling else self._calls.pause()
        now = self._connections.turn(pause)
        self._calls.look_after(now)

    # The main thread.

    def _call_model(self) -> None:
        """Call the model for what is asked now, without the turns; write the answers after each call."""
        until = time.monotonic() + TICK / 4
        while self._calls.waiting:
            running = self._calls.begin(self._routes.most_together, self._main)
            if running is None:
                return
            self._is_calling = True
            self._number_of_calls += 1
            self._turns.release()
            if not self._stirred.is_set():
                self._stirred.set()
            responses = self._routes.perform(running.calls)
            self._bell.hear_signals()
            if self._is_copy:
                # A script that forks and returns from `run()` twice: the copy must not answer as well.
                os._exit(0)
            self._take_over()
            now = time.monotonic()
            self._tick = min(LONGEST_TICK, max(TICK, TIMES_THE_LAST * (now - running.began)))
            self._calls.finish(running, responses, now)
            if now > until:
                return

    def _take_over(self) -> None:
        """Get the turns back from the deputy."""
        self._is_calling = False
        if not self._turns.acquire(False):
            self._is_wanted = True
            self._bell.ring()
            self._turns.acquire()
            self._is_wanted = False

    # The deputy.

    def _stand_in(self) -> None:
        """Take the turns whenever one call, or the loading of the model, goes on for long."""
        seen = self._number_of_calls
        while not self._connections.is_over:
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
                if self._connections.is_over:
                    return
        finally:
            self._turns.release()


def _nothing() -> None:
    """There are no workers but the main thread."""
