"""What the running Envoy says about itself, through its admin socket.

The socket lies in a folder of this user and has mode 0600. It is never
exposed through a door: it can dump the configuration and stop the process.
"""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from pratique.base.errors import Unavailable
from pratique.base.unix_http import UnixConnection

_SETTLED: Final = timedelta(milliseconds=100)
"""Twice idle at this distance is drained: Envoy's workers take a new route a moment after its main thread, and a
request whose headers came before the new route did goes by the former one when its body has come."""

Kind = Literal["All", "Counters", "Gauges", "TextReadouts"]


@dataclass(frozen=True)
class Admin:
    """Envoy's admin interface at `socket`; every call raises `Unavailable` when nobody is there.

    An Envoy that is there and busy is another thing than none: who asks for
    `statistics` then gets a `TimeoutError`.
    """

    socket: Path
    timeout: float = 5.0
    """Seconds for one call."""

    def is_ready(self) -> bool:
        """Whether Envoy lives and has its first configuration."""
        try:
            return self._call("GET", "/ready")[0] == http.client.OK
        except (Unavailable, TimeoutError):
            return False

    def statistics(self, pattern: str, *, kind: Kind = "All") -> Mapping[str, Any]:
        """Statistics whose full name matches the RE2 `pattern`: counters and gauges as int, text as str.

        Numbers that never changed are left out. Envoy looks through all it has of
        `kind` and routes nothing new meanwhile: of texts there are few, of counters
        a hundred for each upstream, most of which never changed.
        """
        used = "" if kind == "TextReadouts" else "usedonly&"
        path = f"/stats?format=json&{used}type={kind}&filter={quote(f'^(?:{pattern})$', safe='')}"
        rows = json.loads(self._call("GET", path)[1])["stats"]
        return {row["name"]: row["value"] for row in rows if "name" in row}

    def ports(self) -> Mapping[str, int]:
        """The TCP port of each listener by its name."""
        try:
            answer = self._call("GET", "/listeners?format=json")[1]
        except TimeoutError as error:
            raise self._silent(error) from error
        rows = json.loads(answer).get("listener_statuses", [])
        found = {row["name"]: row["local_address"].get("socket_address") for row in rows}
        return {name: address["port_value"] for name, address in found.items() if address}

    def shut(self, *, timeout: timedelta) -> bool:
        """Let nobody in any more, and wait for the requests in progress; False when some remained.

        Connections that are kept end with their request. Stop the process
        afterwards: it loses what is still in progress.
        """
        for said in ("/drain_listeners?graceful&skip_exit", "/drain_listeners"):
            try:
                self._call("POST", said)
            except TimeoutError:
                continue  # It has heard it.
            except Unavailable:
                return True
        return self.falls_idle(r"http\.(?:door|endpoints)\.downstream_rq_active", timeout)

    def falls_idle(self, pattern: str, timeout: timedelta) -> bool:
        """Whether the gauges of `pattern` were zero twice in a row before `timeout`.

        Without Envoy nothing is in progress.
        """
        zeros, deadline = 0, time.monotonic() + timeout.total_seconds()
        while zeros < 2:
            if time.monotonic() > deadline:
                return False
            time.sleep(_SETTLED.total_seconds())
            try:
                busy = any(self.statistics(pattern).values())
            except TimeoutError:
                busy = True
            except Unavailable:
                return True
            zeros = 0 if busy else zeros + 1
        return True

    def _call(self, method: str, path: str) -> tuple[int, bytes]:
        connection = UnixConnection(self.socket, timeout=self.timeout)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except TimeoutError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        finally:
            connection.close()

    def _silent(self, error: Exception) -> Unavailable:
        return Unavailable(f"the gateway does not answer on {self.socket}: {error}", hint="pratique status")
