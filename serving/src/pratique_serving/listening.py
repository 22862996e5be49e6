"""The socket we accept on.

Usually the process shim has bound it and is listening already, before this
process exists, and hands it over as file descriptor 3 the way systemd does.
Callers who arrive early wait in its queue instead of being refused.
"""

import fcntl
import os
import socket
import stat
from typing import MutableMapping

from pratique_serving.errors import Usage

INHERITED = 3
STREAMS = 2
BACKLOG = 1024


def inherited(environment: MutableMapping[str, str]) -> socket.socket:
    """The listening socket at file descriptor 3; the variables are removed so that children do not take it.

    Raises Usage when none was passed, or when it was meant for another process.
    """
    count = environment.pop("LISTEN_FDS", "")
    meant_for = environment.pop("LISTEN_PID", "")
    environment.pop("LISTEN_FDNAMES", None)
    if count != "1":
        raise Usage("no listening socket was passed (LISTEN_FDS=1): use --socket PATH or --port NUMBER")
    if meant_for and meant_for != str(os.getpid()):
        raise Usage(f"the listening socket was passed to process {meant_for}, this is {os.getpid()}")
    try:
        listener = socket.socket(fileno=INHERITED)
    except OSError as error:
        raise Usage(f"file descriptor {INHERITED} is not a socket: {error}") from None
    listener.set_inheritable(False)
    return listener


def at_path(path: str) -> socket.socket:
    """A new unix socket that only this user may connect to; a stale one is replaced, a live one is not."""
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        before = os.umask(0o177)
        try:
            listener.bind(path)
        finally:
            os.umask(before)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise Usage(f"cannot listen on {path}: {error}") from None
    return listener


def at_port(port: int) -> socket.socket:
    """A loopback port; 0 lets the system choose."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen(BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise Usage(f"cannot listen on port {port}: {error}") from None
    return listener


def above_streams(descriptor: int) -> int:
    """The same file at a descriptor that is not one of the standard streams'.

    A script that closes these makes them free for the next file: then what is printed would go to that caller.
    """
    if descriptor > STREAMS:
        return descriptor
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, STREAMS + 1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    if nowhere > STREAMS:
        os.close(nowhere)
    return moved


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise Usage(f"{path} exists and is not a socket")
    except OSError:
        # Nothing there. What else may be wrong with the path, bind() says.
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except OSError:
            os.unlink(path)
            return
    raise Usage(f"another server is listening on {path}")
