"""Starting the server process, and asking how it is; used by `up`, `status`, `demo` and `doctor`."""

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.app.layout import API_SOCKET, ENVOY, MLFLOW, SERVER, doors_of, tls_doors, tracking_lock
from pratique.base.errors import ComputeFailed, PratiqueError, StorageFailed
from pratique.base.home import Home
from pratique.base.settings import Settings, load_settings
from pratique.client.connection import Connection
from pratique.client.door import Door
from pratique.compute.bundle import adopt, open_bundle
from pratique.compute.environments import Environments
from pratique.compute.local import LocalCompute
from pratique.compute.task import Exited, Lost, Running, Task
from pratique.engine.building import built
from pratique.engine.starts import LOG_NAME, newest_start, next_start
from pratique.engine.tails import last_lines
from pratique.gateway.certificates import AUTHORITY
from pratique.gateway.ports import check_ports

_STARTS_WITHIN: Final = 60.0
_GRACE: Final = timedelta(seconds=10)
_LOOK: Final = 0.02
_SPACE_NEEDED: Final = 10_000_000
"""Bytes: database, sockets' folders and the first lines of three logs, with room to spare."""
_STATUS: Final = "/api/v1/status"
_PASSED_ON: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR")
_PASSED_ON_PREFIXES: Final = ("PRATIQUE_", "UV_", "PIP_", "XDG_", "PYENV_")
_PROXIES: Final = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
Say = Callable[[str], None]


def start(home: Home, say: Say, *, bundle: Path | None = None) -> Mapping[str, Any]:
    """Bring the platform of `home` up and return its status; does nothing when it is up already.

    The home takes wheels and locks from `bundle` first, and needs no network for what is in it.
    Raises `Conflict` for a taken port, `StorageFailed` for a home that cannot be
    written, `ComputeFailed` with the last lines of the log when the server ends.
    """
    home.prepare()
    settings = load_settings(home.root)
    if bundle is not None:
        take_bundle(home, bundle, say)
    if not server_runs(home):
        with alone(home, say):
            _bring_up(home, settings, say)
    return await_ready(home, settings)


def take_bundle(home: Home, path: Path, say: Say) -> None:
    """Copy what the home lacks of the bundle at `path`, each file proven by its hash."""
    bundle = open_bundle(path)
    if taken := adopt(bundle, home.environments):
        say(f"took {taken} files from the bundle {bundle.digest[:12]}")


def server_runs(home: Home) -> bool:
    """Whether the server process of `home` lives."""
    return _runs(home, LocalCompute(), SERVER)


def gateway_runs(home: Home) -> bool:
    """Whether the Envoy of `home` lives, and so holds its ports."""
    return _runs(home, LocalCompute(), ENVOY)


def parts_without_server(home: Home) -> dict[str, str]:
    """The state of each part while no server answers: the gateway goes on serving endpoints, and MLflow waits."""
    compute = LocalCompute()
    alive = {"gateway": _runs(home, compute, ENVOY), "tracking": _runs(home, compute, MLFLOW), "engine": False}
    return {name: "ready" if lives else "down" for name, lives in alive.items()}


def await_ready(home: Home, settings: Settings) -> Mapping[str, Any]:
    """The status of the platform as soon as it is ready for verbs."""
    compute, began = LocalCompute(), time.monotonic()
    while time.monotonic() - began < _STARTS_WITHIN:
        status = ask_status(settings)
        if status and status["ready"]:
            return status
        folder = newest_start(home, SERVER)
        seen = compute.observe(folder) if folder else None
        if folder and isinstance(seen, Exited | Lost):
            raise ComputeFailed(
                "the server ended while it started",
                hint=f"its log: {folder / LOG_NAME}",
                log_tail=last_lines(folder / LOG_NAME, 20),
            )
        time.sleep(_LOOK)
    raise ComputeFailed(
        f"the platform was not ready after {_STARTS_WITHIN:.0f} s",
        hint=f"it goes on starting: `pratique status` says how far it is; its logs are below {home.services}",
    )


def ask_status(settings: Settings) -> Mapping[str, Any] | None:
    """What the platform says of itself through its door; None when nobody answers."""
    try:
        found: Mapping[str, Any] = Connection(Door(settings.door, "", None)).get(_STATUS)
        return found
    except PratiqueError:
        return None


def changed_settings(home: Home) -> Mapping[str, Sequence[Any]]:
    """Settings of the running platform that were others at the start before, each with its old and new value."""
    try:
        found: dict[str, Sequence[Any]] = json.loads((home.runtime / "door.json").read_text())["settings_changed"]
    except (OSError, ValueError, KeyError):
        return {}
    return found


def logs(home: Home) -> dict[str, str]:
    """Where each part of the platform writes its log."""
    found = {name: newest_start(home, name) for name in (SERVER, ENVOY, MLFLOW)}
    return {name: str(folder / LOG_NAME) for name, folder in found.items() if folder}


def _runs(home: Home, compute: LocalCompute, name: str) -> bool:
    folder = newest_start(home, name)
    return folder is not None and isinstance(compute.observe(folder), Running)


@contextmanager
def alone(home: Home, say: Say) -> Iterator[None]:
    """Wait until nobody else starts or stops this home: two commands at once would make two servers."""
    path = home.root / "up.lock"
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(
            f"{path} cannot be written: {error.strerror}", hint="free space, or set the permissions of the home"
        ) from error
    try:
        _take(file, say)
        yield
    finally:
        os.close(file)


def _take(file: int, say: Say) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        say("waiting for another command, which starts or stops this home")
        fcntl.flock(file, fcntl.LOCK_EX)


def _bring_up(home: Home, settings: Settings, say: Say) -> None:
    if server_runs(home):  # Whoever held the lock before has started it.
        return
    _check_space(home)
    if not gateway_runs(home):
        check_ports(doors_of(home, settings))
    _fetch_tracking(home, say)
    _start_server(home, LocalCompute())


def _check_space(home: Home) -> None:
    """Raise `StorageFailed` on a full disk, where a server that starts could not even write why it ends."""
    free = shutil.disk_usage(home.root).free
    if free < _SPACE_NEEDED:
        raise StorageFailed(
            f"the disk of the home {home.root} is full: {free / 1e6:.1f} MB are free, and a start needs "
            f"{_SPACE_NEEDED / 1e6:.0f} MB",
            hint="free space, or choose another home with PRATIQUE_HOME=/path",
        )


def _fetch_tracking(home: Home, say: Say) -> None:
    environments = Environments(home.environments)
    lock = tracking_lock(home, environments)
    if not environments.is_ready(lock):
        say("setting up MLflow, once, in an environment of its own")
        built(environments, lock, logs=home.logs, say=say)


def _start_server(home: Home, compute: LocalCompute) -> None:
    folder = next_start(home, compute, SERVER)
    compute.start(
        Task(
            folder=folder,
            argv=(sys.executable, "-m", "pratique.app.server"),
            environment=_environment(home),
            working_folder=folder,
            log=folder / LOG_NAME,
            socket=home.socket(API_SOCKET),
            grace=_GRACE,
        )
    )


def _environment(home: Home) -> dict[str, str]:
    """What the server needs of the caller's environment: never a switch of the caller's own Python."""
    passed = {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES) or name.lower() in _PROXIES
    }
    passed.pop("PRATIQUE_TOKEN", None)
    passed.pop("PRATIQUE_URL", None)
    return {**passed, "PRATIQUE_HOME": str(home.root), "LANG": passed.get("LANG", "C.UTF-8"), "PYTHONUNBUFFERED": "1"}


def _open_to_others(home: Home, settings: Settings) -> dict[str, str]:
    """The doors over TLS, and whom callers have to trust for them."""
    doors = tls_doors(settings)
    if doors and not settings.tls_certificate:
        return {**doors, "authority": str(home.keys / AUTHORITY)}
    return doors


def facts(home: Home) -> dict[str, Any]:
    """What a person needs to find the platform: doors, home, logs, and how far it protects."""
    settings = load_settings(home.root)
    return {
        "door": settings.door,
        "endpoints": settings.endpoints_door,
        **({"tls": others} if (others := _open_to_others(home, settings)) else {}),
        "home": str(home.root),
        "mode": "embedded: whoever can read the home is its owner",
        "logs": logs(home),
    }
