"""Scorers and the front door before them, as one program to be measured: the door asks for a key.

    python -m bench.serving.door PORT PYTHON [REPLICAS]

`PYTHON` runs the model server, whose variables are inherited. Address:
``/endpoints/bench/credit/score`` with the key `KEY`.
"""

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.home import Home
from pratique.base.unix_http import UnixConnection
from pratique.gateway.model import DeploymentRoute, Doors, EndpointRoute
from pratique.gateway.publish import Gateway

KEY: Final = "bench-key-0123456789abcdef"
PATH: Final = "/endpoints/bench/credit/score"
_LIMIT: Final = 60.0


def main(port: int, python: str, replicas: int) -> None:
    """Run all of them until SIGTERM."""
    with tempfile.TemporaryDirectory(prefix="pq-", dir="/tmp") as folder:
        place = Path(folder)
        os.environ["PRATIQUE_RUNTIME_DIR"] = folder
        home = Home(place / "home")
        home.prepare()
        # The model server may be older than the platform's Python, and knows nothing of it.
        sockets = [place / f"s{number}.sock" for number in range(replicas)]
        serve = [python, "-m", "pratique_serving", "--socket"]
        scorers = [subprocess.Popen([*serve, str(path)]) for path in sockets]
        gateway = Gateway(home, Doors(0, port, place / "api.sock", place / "mlflow.sock", 10**8, 10**10))
        gateway.write_bootstrap()
        # Whoever waits for the door finds the models behind it loaded.
        _wait(lambda: all(map(_is_ready, sockets)))
        envoy = subprocess.Popen(gateway.argv(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(gateway.is_ready)
            row = DeploymentRoute("blue", tuple(sockets), timedelta(seconds=30), None, 10**7)
            gateway.publish(["bench"], [EndpointRoute("bench", "credit", (KEY, f"2{KEY}"), {"blue": 100}, {}, (row,))])
            signal.pause()
        finally:
            for process in (envoy, *scorers):
                process.terminate()
                process.wait(10)


def _is_ready(path: Path) -> bool:
    connection = UnixConnection(path, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + _LIMIT
    while not condition():
        if time.monotonic() > until:
            sys.exit("not ready")
        time.sleep(0.01)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(int(sys.argv[1]), sys.argv[2], int((sys.argv[3:] or ["1"])[0]))
