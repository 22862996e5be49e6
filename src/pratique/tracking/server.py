"""The MLflow server's process: what it needs, how it is started, whether it answers.

It lives in an environment of its own, made from a lock that comes with this
package, so that MLflow's pins and ours do not meet. Whoever starts it gives it
a listening unix socket as file descriptor 3; callers wait in the socket's
backlog until MLflow is up, instead of being refused.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Final

from pratique.base.errors import PratiqueError
from pratique.base.home import Home
from pratique.tracking.http import ask

PYTHON: Final = "3.11"
"""The Python that the lock was made for; newer ones work as well."""

PACKAGE: Final = "pratique_tracking"
"""The package that runs inside MLflow's environment."""

_PASSED_ON: Final = ("HOME", "LANG", "LC_ALL", "PATH", "TZ")


@dataclass(frozen=True)
class TrackingServer:
    """The MLflow server of one home."""

    home: Home

    @property
    def database(self) -> Path:
        """MLflow's own database: experiments, runs, metrics, traces."""
        return self.home.mlflow / "mlflow.db"

    def requirements(self) -> str:
        """The lock of its environment, every package with its hashes."""
        return resources.files("pratique.tracking").joinpath("requirements.lock").read_text(encoding="utf-8")

    def command(
        self, python: Path, source_folder: Path, api_socket: Path, token: str
    ) -> tuple[tuple[str, ...], Mapping[str, str]]:
        """(argv, whole environment) of the process, which inherits its listening socket as fd 3.

        `python` is that of the locked environment, `source_folder` holds the copied package, and
        `token` is what the process shows to the API behind `api_socket`.
        """
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= {
            "PYTHONPATH": str(source_folder),
            "PYTHONUNBUFFERED": "1",
            # MLflow answers from up to forty threads, and each would get an arena of its own.
            "MALLOC_ARENA_MAX": "2",
            "PRATIQUE_TRACKING_DATABASE": str(self.database),
            "PRATIQUE_API_SOCKET": str(api_socket),
            "PRATIQUE_API_TOKEN": token,
        }
        return (str(python), "-m", PACKAGE), environment


def is_ready(socket: Path, within: timedelta) -> bool:
    """Whether MLflow answers on `socket` `within` that time; while it starts, it accepts and does not answer."""
    try:
        return ask(socket, "GET", "/health", timeout=within.total_seconds()) == b"OK"
    except PratiqueError:
        return False
