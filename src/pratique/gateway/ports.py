"""Whether the doors' ports are free, asked before Envoy is started: its own message helps nobody."""

import errno
import socket
from typing import Final

from pratique.base.errors import Conflict
from pratique.gateway.model import Doors

LOOPBACK: Final = "127.0.0.1"


def check_ports(doors: Doors) -> None:
    """Raise `Conflict` for a port that another program holds, naming the setting that changes it.

    Call it before Envoy is started, not when a running one is adopted. A port
    of 0 is always free.
    """
    if doors.door_port == doors.endpoints_port != 0:
        raise Conflict(
            f"the front door and the endpoints' door cannot share port {doors.door_port}",
            hint="set PRATIQUE_DOOR_PORT and PRATIQUE_ENDPOINTS_PORT to different ports",
        )
    _check(doors.door_port, "the front door", "PRATIQUE_DOOR_PORT")
    _check(doors.endpoints_port, "the endpoints' door", "PRATIQUE_ENDPOINTS_PORT")
    if doors.tls:
        at = doors.tls.address
        _check(doors.tls.door_port or 0, "the front door over TLS", "PRATIQUE_TLS_DOOR_PORT", at)
        _check(doors.tls.endpoints_port or 0, "the endpoints' door over TLS", "PRATIQUE_TLS_ENDPOINTS_PORT", at)


def _check(port: int, what: str, setting: str, address: str = LOOPBACK) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As Envoy does, so that connections which linger from its last run do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            hint = f"stop it, or choose another port with {setting}=…"
            raise Conflict(_reason(error, f"port {port} on {address}, for {what},"), hint=hint) from error


def _reason(error: OSError, place: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"{place} is taken by another program"
    return f"{place} cannot be opened: {error.strerror}"
