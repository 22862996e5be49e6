"""The server: API, pages and engine in one process, on the unix socket that its shim holds.

Started by `pratique up` as ``python -m pratique.app.server``; ends on SIGTERM
or SIGINT within a few seconds, and whatever it had begun is found again by the
next one.
"""

import gc
import json
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import uvicorn

from pratique.app.composition import login_name, workbench_of
from pratique.app.layout import MLFLOW_SOCKET, doors_of, tls_doors
from pratique.app.services import services_of, write_bootstrap
from pratique.base.clock import utc_now
from pratique.base.errors import PratiqueError
from pratique.base.home import Home
from pratique.base.logging import configure_logging, get_logger
from pratique.base.settings import CONFIG, load_settings
from pratique.control import changed_outside, grants, master_key, principals
from pratique.control.keyed_digests import KeyedDigests
from pratique.engine import packages
from pratique.engine.engine import Engine
from pratique.engine.services import Service
from pratique.engine.workbench import Workbench
from pratique.store import principals as stored_principals
from pratique.store.migrate import migrate
from pratique.store.wake import CommitListener
from pratique.web.app import create_app
from pratique.web.bell import Bell
from pratique.web.platform import Platform

_log = get_logger(__name__)
_INHERITED: Final = 3
_OWNER_TOKEN_LASTS: Final = timedelta(hours=24)
_OWNER_TOKEN_RENEWED: Final = timedelta(hours=6)
_ANSWERS_WITHIN: Final = 3
"""Seconds that requests in progress have when the server ends; one that streams a log is cut then."""
_ENGINE_STOPS_WITHIN: Final = timedelta(seconds=2)
"""Counted from then; it was asked to stop with the first signal."""


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit code. What keeps it from starting is the last thing in its log."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # Uvicorn raises its signal once more when it has ended; before it serves there is nothing to finish.
        signal.signal(number, _leave)
    try:
        serve()
    except PratiqueError as error:
        sys.stderr.write(f"error: {error}\n" + (f"\nhint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    return 0


def serve() -> None:
    """Serve until a signal comes; raises `PratiqueError` for a home that cannot be served."""
    home = Home.from_environment()
    home.prepare()
    settings = load_settings(home.root)
    configure_logging(settings.log_level)
    bench = workbench_of(home, settings)
    owner, changed = _made_ready(bench)
    write_bootstrap(bench)
    services = services_of(bench)
    engine = Engine(bench, services)
    announce = partial(_announce, bench, owner, changed)
    app = create_app(_platform(bench, engine, services, announce))
    listener = CommitListener(bench.database, engine.ring) if settings.database_url else None
    try:
        bench.blobs.sweep()
        engine.start()
        if listener:
            listener.start()
        announce()
        _keep_announcing(announce)
        _serve(app, engine.begin_to_stop)
    finally:
        engine.stop(_ENGINE_STOPS_WITHIN)
        if listener:
            listener.close()
        bench.database.close()


def _made_ready(bench: Workbench) -> tuple[str, Mapping[str, object]]:
    """Bring the database to this version; the id of its owner, and the settings that changed since the last start."""
    migrate(bench.database)
    master_key.finish(bench.database, bench.sealer, now=utc_now())
    with bench.database.write() as tx:
        owner = principals.ensure_owner(tx, login_name(), now=utc_now())
        changed = changed_outside.tell_settings(
            tx, bench.settings, bench.home.root / CONFIG, digests=KeyedDigests(bench.home.keys), now=utc_now()
        )
    for name, (before, after) in changed.items():
        _log.warning("settings.changed", setting=name, before=before, after=after)
    return owner.id, changed


def _platform(
    bench: Workbench, engine: Engine, services: tuple[Service, Service], announce: Callable[[], None]
) -> Platform:
    envoy, mlflow = services
    return Platform(
        home=bench.home,
        settings=bench.settings,
        database=bench.database,
        blobs=bench.blobs,
        sealer=bench.sealer,
        issuer=bench.issuer,
        door=bench.door,
        endpoints_door=bench.settings.endpoints_door,
        tracking_socket=bench.home.socket(MLFLOW_SOCKET),
        bell=Bell(),
        check_environment=partial(packages.check, bench.environments),
        lock_of=partial(packages.lock_of, bench.environments),
        parts=lambda: {"gateway": envoy.state(), "tracking": mlflow.state(), "engine": engine.state()},
        announce=announce,
        unknown_key=engine.unknown_key,
        names=doors_of(bench.home, bench.settings).names,
    )


def _leave(*_: object) -> None:
    sys.exit(0)


class _Server(uvicorn.Server):
    """Uvicorn, telling somebody when it begins to end."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


def _serve(app: object, ending: Callable[[], None]) -> None:
    listener = socket.socket(fileno=_INHERITED)
    config = uvicorn.Config(
        app,  # type: ignore[arg-type] # FastAPI's own type, which this module need not know.
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_ANSWERS_WITHIN,
        http="httptools",
        ws="none",
    )
    # What is there now stays until the end: nobody need look through it again for each list of ten thousand.
    gc.freeze()
    _Server(config, ending).run(sockets=[listener])


def _keep_announcing(announce: Callable[[], None]) -> None:
    """Renew the owner's token as long as this process lives."""

    def renew() -> None:
        while True:
            time.sleep(_OWNER_TOKEN_RENEWED.total_seconds())
            try:
                announce()
            except (PratiqueError, OSError) as error:
                _log.warning("owner-token.not_renewed", reason=str(error))

    threading.Thread(target=renew, name="owner-token", daemon=True).start()


def _announce(bench: Workbench, owner: str, changed: Mapping[str, object]) -> None:
    """Write where the doors are and the owner's token, for the commands of whoever can read the home.

    Which settings were `changed` before this start is for `up`, which says it.
    """
    with bench.database.read() as tx:
        found = stored_principals.get(tx, owner)
    if found is None:
        return  # Somebody else owns the home now; the next start makes its owner again.
    facts: dict[str, object] = {"door": bench.door, "endpoints": bench.settings.endpoints_door, "pid": os.getpid()}
    facts["tls"] = tls_doors(bench.settings)
    facts["settings_changed"] = dict(changed)
    token = grants.token_of(bench.issuer, found, lasting=_OWNER_TOKEN_LASTS, now=utc_now())
    _write_private(bench.home.runtime / "owner.token", token)
    _write_private(bench.home.runtime / "door.json", json.dumps(facts))


def _write_private(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)  # Made 0600.
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
    Path(name).replace(path)


if __name__ == "__main__":
    sys.exit(main())
