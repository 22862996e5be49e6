"""Ports for servers that cannot be handed a socket, such as Envoy and servers of others."""

import fcntl
import os
import socket
import tempfile
from pathlib import Path
from typing import Final

_NUMBERS: Final = range(20_000, 30_000)
"""Below those that the kernel gives to whoever asks for any (32768 and more, `net.ipv4.ip_local_port_range`).

One of those may be given away again, even to a client's connection, before the server that it was found for listens.
"""


def free_port() -> int:
    """A port of loopback that nobody has; no process which runs these tests is given it again while this one lives."""
    folder = Path(tempfile.gettempdir()) / f"pratique-tests-{os.getuid()}" / "ports"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in _NUMBERS:
        claim = os.open(folder / str(number), os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", number))
        except OSError:
            os.close(claim)
        else:
            return number  # The claim stays open, and locked, until this process ends.
    raise OSError(f"nothing is free from {_NUMBERS.start} to {_NUMBERS.stop}")
