"""What the steps of one unit share: its message, folders, variables and status."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pratique.client.connection import RUN_VARIABLE
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.masking import Masker
from pratique.delivery.message import JobMessage
from pratique.delivery.run.outcomes import Result
from pratique.worker.processes import Cancellation
from pratique.worker.reporter import Reporter
from pratique.worker.routes import Routes
from pratique.worker.variables import JobVariables
from pratique.worker.workspace import Workspace

_INHERITED: Final = frozenset(
    {
        "LANG", "LANGUAGE", "TZ", "USER", "LOGNAME", "SHELL", "LD_LIBRARY_PATH", "XDG_CACHE_HOME",
        "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy",
    }
)  # fmt: skip
"""What a step gets of the worker's own environment: nothing that says who the worker is."""
_INHERITED_KINDS: Final = ("LC_", "PIP_", "UV_")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Job:
    """One unit while it runs."""

    message: JobMessage
    workspace: Workspace
    routes: Routes
    masker: Masker
    variables: JobVariables
    reporter: Reporter
    cancellation: Cancellation
    door: str
    """The address of the platform."""
    status: Result = Result.SUCCEEDED
    paths: list[str] = field(default_factory=list)
    """Folders that steps put before PATH, the last one first."""
    last_moment: float | None = None
    """Of a job that is cancelled: when nothing of it may run any more, as `time.monotonic` has it."""

    def environment(self) -> dict[str, str]:
        """What every process of a step gets, before its own `env`."""
        own = {name: value for name, value in os.environ.items() if _is_inherited(name)}
        return {
            "LANG": "C.UTF-8",
            # What was fetched once need not be fetched by every job, whose home is its own.
            **({"XDG_CACHE_HOME": f"{os.environ['HOME']}/.cache"} if os.environ.get("HOME") else {}),
            **own,
            **self.variables.environment(),
            "PATH": self.path,
            "HOME": str(self.workspace.home),
            "PRATIQUE_URL": self.door,
            RUN_VARIABLE: f"{self.message.run.id}/{self.message.unit.key}",
        }

    @property
    def path(self) -> str:
        """PATH of every step."""
        own = [*self.paths, str(self.programs), str(self.python / "bin")]
        return os.pathsep.join([*own, self.variables.path or os.environ.get("PATH") or _PATH])

    @property
    def programs(self) -> Path:
        """The folder with `az`, and with the `python` and `pip` of steps that choose none."""
        return self.workspace.tools / "bin"

    @property
    def python(self) -> Path:
        """The environment that these make when they are first used."""
        return self.workspace.tools / "Python" / "default"

    @property
    def is_canceled(self) -> bool:
        return self.cancellation.is_asked

    def note_cancel(self) -> None:
        """Begin to count the time that is left, once."""
        if self.is_canceled and self.last_moment is None:
            self.last_moment = time.monotonic() + 60 * self.message.cancel_timeout


def variables_of(message: JobMessage, workspace: Workspace, masker: Masker) -> JobVariables:
    """The variables that a unit begins with."""
    variables = JobVariables(message.variables, masker)
    given = {variable.name.lower() for variable in message.variables}
    variables.platform({name: value for name, value in _facts(message).items() if name.lower() not in given})
    variables.platform(workspace.variables())
    if message.access_token:
        variables.secret(Variable("System.AccessToken", message.access_token, is_secret=True, is_readonly=True))
    return variables


def _facts(message: JobMessage) -> Mapping[str, str]:
    run, unit = message.run, message.unit
    return {
        "Agent.JobName": unit.display_name or unit.job,
        "Build.BuildId": str(run.id),
        "Build.BuildNumber": run.number,
        "Build.DefinitionName": run.delivery,
        "Build.Reason": run.reason,
        "Build.RequestedFor": run.requested_for,
        "System.JobAttempt": str(unit.attempt),
        "System.JobDisplayName": unit.display_name or unit.job,
        "System.JobName": unit.job,
        "System.PhaseName": unit.job,
        "System.StageName": unit.stage,
        "System.TeamProject": run.project,
    }


def _is_inherited(name: str) -> bool:
    return name in _INHERITED or name.startswith(_INHERITED_KINDS)
