"""What wakes the thread that waits for connections: a pair of sockets, into which signals and other threads write.

A signal must be heard while the main thread is inside a long call of the model,
where no handler in Python runs, and scripts do what they like with signals.
"""

import contextlib
import signal
import socket
from types import FrameType
from typing import Optional

STOPS = frozenset({int(signal.SIGTERM), int(signal.SIGINT)})


class Bell:
    """Rung by any thread, as often as it likes; heard by the one whose turn it is."""

    def __init__(self) -> None:
        self._heard, self._rung = socket.socketpair()
        for end in (self._heard, self._rung):
            end.setblocking(False)
        self.descriptor = self._heard.fileno()
        """Readable when it was rung."""
        self._signals_go_to = self._rung.fileno()

    def ring(self) -> None:
        """Wake whoever waits."""
        self._ring(0)

    def stop(self) -> None:
        """Wake whoever waits, and tell them to stop; SIGTERM and SIGINT do the same."""
        self._ring(signal.SIGTERM)

    def heard_stop(self) -> bool:
        """Take in all that was rung; whether a stop was among it.

        Signals that a script handles for itself arrive here too, and mean nothing.
        """
        return not STOPS.isdisjoint(self._heard.recv(1024))

    def stop_on_signals(self) -> None:
        """Two ways to the accepting thread: a byte at once, and a handler, should a script take the first away.

        An event loop with signal handlers of its own does that; and the handler waits for the model's call to end.
        """
        self.hear_signals()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def hear_signals(self) -> None:
        """Let the interpreter ring with the number of a signal, unless a script lets it write them elsewhere.

        It does so at once, also while the main thread is inside a long call of the model. An event loop with signal
        handlers takes that away when it closes. Without it, a signal that comes after the interpreter has last looked
        for one, and before the main thread sleeps in `poll()`, is heard at the next request only.
        """
        other = signal.set_wakeup_fd(self._signals_go_to, warn_on_full_buffer=False)
        if other not in (-1, self._signals_go_to):
            signal.set_wakeup_fd(other)

    def become_copy(self) -> None:
        """In a process that the script has forked: it must not hear stops for this one, nor ring here.

        Whoever ends such a process with SIGTERM, as `multiprocessing.Pool` does, would stop the server: the signal
        was written to where both listen.
        """
        # A thread of another interpreter may not.
        with contextlib.suppress(ValueError):
            signal.set_wakeup_fd(-1)
            for number, usual in ((signal.SIGTERM, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
                if signal.getsignal(number) == self._on_signal:
                    signal.signal(number, usual)
        self.close()
        self._signals_go_to = -1

    def close(self) -> None:
        """Nobody rings any more."""
        for end in (self._heard, self._rung):
            end.close()

    def _on_signal(self, number: int, frame: Optional[FrameType]) -> None:  # noqa: ARG002 - of a handler.
        self.stop()

    def _ring(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._rung.send(bytes([number]))
