"""`az` for one step: this platform's command line, logged in as the step's service connection.

The login lies in AZURE_CONFIG_DIR, a folder of this job alone, as long as the step
runs; what a script configures there (`az configure --defaults`) stays for the job's
later steps, as on an agent. Nothing is configured beforehand: a connection gives
rights, no default workspace.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from pratique.base.errors import InvalidInput, NotFound
from pratique.client.account import sign_in
from pratique.client.connection import Connection
from pratique.client.door import Door
from pratique.client.login import PROFILE_FILE, save_profile
from pratique.delivery import message
from pratique.worker.step import StepRun


@contextlib.contextmanager
def logged_in(
    run: StepRun, name: str, *, is_global: bool = False, tells_secret: bool = False
) -> Iterator[dict[str, str]]:
    """Log in as the connection `name`, and give the variables that a script needs; logged out afterwards.

    `is_global` leaves the configuration in the home of the job, where every step finds it, and
    `tells_secret` adds who it is and its secret, as `addSpnToEnvironment` has it.
    """
    connection = connection_of(run, name)
    profile = sign_in(
        run.job.door, client_id=connection.client_id, client_secret=connection.secret, tenant=connection.tenant
    )
    run.job.masker.add(profile.token)
    home = run.job.workspace.home / ".config" / "pratique"
    folder = home if is_global else run.job.workspace.azure
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    save_profile(profile, folder)
    run.say(f"logged in as {connection.client_id}, the service connection {connection.name}")
    variables = {} if is_global else {"AZURE_CONFIG_DIR": str(folder)}
    if tells_secret:
        variables["servicePrincipalId"] = connection.client_id
        variables["servicePrincipalKey"] = connection.secret
        variables["tenantId"] = connection.tenant
    try:
        yield variables
    finally:
        _forget(folder)


def connection_of(run: StepRun, name: str) -> message.Connection:
    """The service connection `name`; raises `NotFound` and `InvalidInput`."""
    found = run.job.message.connection(name.strip())
    if found is None:
        raise NotFound(
            f"the run was given no service connection {name!r}",
            hint="create it with `az devops service-endpoint`, and let this pipeline use it",
        )
    if not found.client_id:
        raise InvalidInput(f"the service connection {name} has no service principal to log in as")
    return found


def platform_as(run: StepRun, name: str) -> Connection:
    """The platform, asked with the rights of the connection `name`."""
    connection = connection_of(run, name)
    profile = sign_in(
        run.job.door, client_id=connection.client_id, client_secret=connection.secret, tenant=connection.tenant
    )
    run.job.masker.add(profile.token)
    return Connection(Door(run.job.door, profile.token, None))


def _forget(folder: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        (folder / PROFILE_FILE).unlink()
