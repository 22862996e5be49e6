"""The calls of the model: what waits for one, what goes on, and who is turned away.

    take ── waiting ── begin ── running ── finish ── the answers
               │                   │
               │                   └ for too long: the process ends
               └ too many, for too long, or the process ends: answered without the model

No thread can be stopped from outside. So when a call goes on for longer than
`Patience` has, the process gives up: nobody new is let in, who waits gets the
request back, unasked, and what other workers have is finished; then it ends,
for whoever watches it to start a fresh one. It ends as well when the model has
used up its memory. Owned by the thread whose turn it is.
"""

import math
import time
from collections import deque
from typing import Callable, Deque, List, NamedTuple, Optional, Sequence, Tuple

from pratique_serving import log
from pratique_serving.connection import Connection
from pratique_serving.connections import Connections
from pratique_serving.memory import MemoryBound
from pratique_serving.routes import Call, Routes
from pratique_serving.wire import Request, Response

# How often it is looked who has waited for too long.
LATE_EVERY = 0.1


class Patience(NamedTuple):
    """How long one call of the model may go on, in seconds, and what ends the process then; that never returns."""

    longest: float
    leave: Callable[[], None]


class Running:
    """One call of the model that goes on, for one request or several."""

    __slots__ = ("began", "calls", "connections", "thread")

    def __init__(self, connections: List[Connection], calls: List[Call], thread: int) -> None:
        self.connections = connections
        """Who asked for each of `calls`."""
        self.calls = calls
        self.thread = thread
        self.began = time.monotonic()


class Calls:
    """From a request that needs the model to its answer."""

    def __init__(
        self, connections: Connections, routes: Routes, memory: Optional[MemoryBound], patience: Optional[Patience]
    ) -> None:
        self._connections = connections
        self._routes = routes
        self._most_waiting = routes.most_waiting
        self._memory = memory
        self._patience = patience or Patience(math.inf, _nothing)
        self.waiting: Deque[Tuple[Connection, Call]] = deque()
        """Who has waited longest comes first."""
        self._running: List[Running] = []
        """What has gone on longest comes first."""
        self.has_used_up = False
        """Whether the process stops because the model has used up its memory."""
        self._hands_back = False
        self._has_hung = False
        self._leaves_at = math.inf

    def take(self, connection: Connection, request: Request) -> Optional[Response]:
        """The answer to what needs no model; None when the request waits for it from now on."""
        outcome = self._routes.take(request)
        if not isinstance(outcome, Call):
            return outcome
        if self._hands_back:
            return self._routes.handed_back(outcome)
        if len(self.waiting) >= self._most_waiting:
            return self._routes.too_many(outcome)
        self.waiting.append((connection, outcome))
        return None

    def begin(self, most: int, thread: int = 0) -> Optional[Running]:
        """A call for those who have waited longest, at most so many; None when nobody waits.

        For a client that has gone the model is not called.
        """
        connections: List[Connection] = []
        calls: List[Call] = []
        while self.waiting and len(calls) < most:
            connection, call = self.waiting.popleft()
            if connection.gone:
                self._connections.forget_unanswered(connection, is_computed=False)
            else:
                connections.append(connection)
                calls.append(call)
        if not calls:
            return None
        running = Running(connections, calls, thread)
        self._running.append(running)
        return running

    def finish(self, running: Running, responses: Sequence[Response], now: float) -> None:
        """Send the answers of a call, in the order of its requests."""
        self._running.remove(running)
        for connection, response in zip(running.connections, responses):
            self._connections.reply(connection, response)
        # Nobody waits for that.
        self._routes.metrics.count_call(len(responses))
        self._routes.note(running.calls, responses, now)
        if self._memory is not None:
            self._look_at_memory(self._memory, responses)

    def pause(self) -> float:
        """Seconds until `look_after` has something to do, should nothing else happen."""
        pause = LATE_EVERY if self.waiting or self._has_hung else math.inf
        if self._running:
            until = self._running[0].began + self._patience.longest
            pause = max(0.0, min(pause, until - time.monotonic()))
        return pause

    def look_after(self, now: float) -> None:
        """Answer who has waited for too long, and give up when a call goes on for too long."""
        while self.waiting and self.waiting[0][1].expires <= now:
            self._turn_away(self._routes.late)
        if self._running or self._has_hung:
            self._look_for_hung(now)

    def _turn_away(self, why: Callable[[Call], Response]) -> None:
        """Answer the one who has waited longest, without the model."""
        connection, call = self.waiting.popleft()
        if connection.gone:
            self._connections.forget_unanswered(connection, is_computed=False)
        else:
            self._connections.reply(connection, why(call))

    def _hand_back(self) -> None:
        """Answer who waits, so that the gateway can ask another process: for none of them the model was called.

        Who asks from now on, on a connection that is open, is answered so at once.
        """
        self._hands_back = True
        while self.waiting:
            self._turn_away(self._routes.handed_back)

    def _look_at_memory(self, memory: MemoryBound, responses: Sequence[Response]) -> None:
        """Stop when a call has failed and the memory that the model had left is used up."""
        if self._connections.is_stopping or all(response.status < 500 for response in responses):
            return
        if memory.is_used_up():
            log.say(f"the model keeps what it takes: {memory} (PRATIQUE_MEMORY_BYTES) are used up after a call")
            self.has_used_up = True
            self._connections.stop()
            self._hand_back()

    def _look_for_hung(self, now: float) -> None:
        """Give up when a call goes on for too long, and leave as soon as nobody else is harmed by that."""
        hung = [running for running in self._running if now >= running.began + self._patience.longest]
        if hung and not self._has_hung:
            self._give_up(hung, now)
        if not self._has_hung:
            return
        if now >= self._leaves_at or (len(hung) == len(self._running) and not self._connections.is_sending):
            self._patience.leave()

    def _give_up(self, hung: Sequence[Running], now: float) -> None:
        self._has_hung = True
        self._leaves_at = now + self._patience.longest
        for running in hung:
            what = f"a call of the model has not ended after {now - running.began:.1f} s (PRATIQUE_LONGEST_CALL_MS)"
            log.say(f"{what}: this process ends", log.stack_of(running.thread))
        self._connections.stop()
        self._connections.close_listener()
        self._hand_back()
        for running in hung:
            for connection, call in zip(running.connections, running.calls):
                self._connections.reply(connection, self._routes.late(call))


def _nothing() -> None:
    """Nobody has so much patience."""
