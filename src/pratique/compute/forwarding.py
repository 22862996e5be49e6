"""Lets a process without a network reach one door: a port of its own loopback leads to a socket with a path.

    python -I -S forwarding.py PORT SOCKET COMMAND [ARGUMENT …]

It listens before the command begins, leaves behind a process that passes bytes
on, and becomes the command. Who connects to the port finds whatever listens at
the socket at that moment, so a door that was started anew is found again.

It runs in the environment of a job, whichever Python that is: nothing but the
standard library of the oldest, and nothing of this package.
"""

import os
import signal
import socket
import sys
import threading

_AT_ONCE = 1 << 16
_WAITING = 128


def main() -> None:
    """Become the command, with the port behind it."""
    port, path, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(_WAITING)
    first = os.fork()
    if first == 0:
        if os.fork() == 0:  # A child of the command's own would be in the way of its `wait`.
            _forward(listener, path)
        os._exit(0)
    os.waitpid(first, 0)
    listener.close()
    os.execvp(command[0], command)  # noqa: S606 - a shell would change what is run.


def _forward(listener: socket.socket, path: str) -> None:
    """Pass on until the last process of the command has gone, and this one with it."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # The command may have its last word to say.
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    while True:
        caller, _ = listener.accept()
        threading.Thread(target=_join, args=(caller, path), daemon=True).start()


def _join(caller: socket.socket, path: str) -> None:
    door = socket.socket(socket.AF_UNIX)
    try:
        door.connect(path)
    except OSError:  # It is away for a moment: the caller is told as any door would tell.
        caller.close()
        return
    threading.Thread(target=_copy, args=(caller, door), daemon=True).start()
    _copy(door, caller)


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(_AT_ONCE)
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # One of them has gone, and the other is to know.
        for end in (source, target):
            _end(end)


def _end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return


if __name__ == "__main__":
    main()
