"""What the running Envoy says about itself, through its admin socket.

The socket lies in a folder of this user and has mode 0600. It is never
exposed through a door: it can dump the configuration and stop the process.
"""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from pratique.base.errors import Unavailable
from pratique.base.unix_http import UnixConnection

Kind = Literal["All", "Counters", "Gauges", "TextReadouts"]


@dataclass(frozen=True)
class Admin:
    """Envoy's admin interface at `socket`; every call raises `Unavailable` when nobody answers."""

    socket: Path
    timeout: float = 5.0
    """Seconds for one call."""

    def is_ready(self) -> bool:
        """Whether Envoy lives and has its first configuration."""
        try:
            return self._call("GET", "/ready")[0] == http.client.OK
        except Unavailable:
            return False

    def statistics(self, pattern: str, *, kind: Kind = "All") -> Mapping[str, Any]:
        """Statistics whose full name matches the RE2 `pattern`: counters and gauges as int, text as str.

        Envoy looks through all it has of `kind` and routes nothing new meanwhile:
        of texts there are few, of counters a hundred for each upstream.
        """
        path = f"/stats?format=json&type={kind}&filter={quote(f'^(?:{pattern})$', safe='')}"
        rows = json.loads(self._call("GET", path)[1])["stats"]
        return {row["name"]: row["value"] for row in rows if "name" in row}

    def ports(self) -> Mapping[str, int]:
        """The TCP port of each listener by its name."""
        rows = json.loads(self._call("GET", "/listeners?format=json")[1]).get("listener_statuses", [])
        found = {row["name"]: row["local_address"].get("socket_address") for row in rows}
        return {name: address["port_value"] for name, address in found.items() if address}

    def drain_listeners(self) -> None:
        """Ask every keep-alive connection to end after its request; listeners stay until Envoy's drain time."""
        self._call("POST", "/drain_listeners?graceful&skip_exit")

    def _call(self, method: str, path: str) -> tuple[int, bytes]:
        connection = UnixConnection(self.socket, timeout=self.timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(
                f"the gateway does not answer on {self.socket}: {error}", hint="pratique status"
            ) from error
        finally:
            connection.close()
