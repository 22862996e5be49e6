"""One accepted connection: what it still has to send, and how long it may take.

reading    idle, or within a request          is_busy False
busy       a request is with the model        is_busy True; nothing is read
lingering  refused; the rest is thrown away   until the client has read why
"""

import socket
from typing import Optional, Union

from pratique_serving.wire import Limits, Reader, Request

LINGER_SECONDS = 2.0


class Connection:
    """Used only by the thread whose turn it is."""

    __slots__ = (
        "deadline",
        "descriptor",
        "ends",
        "gone",
        "interest",
        "is_busy",
        "lingers",
        "patience",
        "reader",
        "request",
        "sock",
        "unsent",
    )

    def __init__(self, sock: socket.socket, limits: Limits) -> None:
        self.sock = sock
        self.descriptor = sock.fileno()
        self.reader = Reader(limits)
        self.request: Optional[Request] = None
        """The one that is answered now."""
        self.is_busy = False
        self.gone = False
        """The client has closed both directions: nobody waits for an answer."""
        self.ends = False
        """Close when everything is sent."""
        self.lingers = False
        self.unsent: Union[bytes, memoryview] = b""
        self.interest = 0
        """What the poller was told to wait for."""
        self.patience = 0.0
        """When it is given up, unless bytes move until then; 0 is never."""
        self.deadline = 0.0
        """When it is given up in any case."""
