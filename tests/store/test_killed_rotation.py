"""A replacement of the master key that is killed anywhere: every secret opens, and the next start finishes it."""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import insert, select

from pratique.control import master_key
from pratique.store import groups, workspaces
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.migrate import migrate
from pratique.store.schema import datastores
from pratique.store.sealing import Sealer
from pratique.store.workspaces import Workspace

StartPython = Callable[..., "subprocess.Popen[str]"]
KILLS = 6
SECRETS = 200

SCRIPT = """
    import sys
    from datetime import UTC, datetime
    from pathlib import Path

    from pratique.control import master_key
    from pratique.control.actor import PLATFORM
    from pratique.store.database import Database
    from pratique.store.sealing import Sealer

    home = Path(sys.argv[1])
    database, sealer = Database.at(home / "pratique.db"), Sealer(home / "sealing.key")
    print("ready", flush=True)
    while True:
        master_key.replace(database, PLATFORM, sealer, now=datetime.now(UTC))
"""


def fill(home: Path) -> dict[str, str]:
    """A home with many secrets."""
    now, secrets = datetime.now(UTC), {f"{number}": f"canary-{number}" for number in range(SECRETS)}
    sealer = Sealer(home / "sealing.key")
    with closing(Database.at(home / "pratique.db")) as database:
        migrate(database)
        rows = [
            {
                "id": name, "workspace": "dev", "name": f"d{name}", "spec": {}, "created_by": {},
                "credentials": sealer.seal(text, context=f"{name}/credentials"), "created_at": now, "updated_at": now,
            }
            for name, text in secrets.items()
        ]  # fmt: skip
        with database.write() as tx:
            groups.add(tx, ResourceGroup("rg", "local", {}, now))
            workspaces.add(tx, Workspace("dev", "rg", "local", "dev", "", {}, now, {}))
            tx.execute(insert(datastores), rows)
    return secrets


def opened(database: Database, sealer: Sealer) -> dict[str, str]:
    with database.read() as tx:
        rows = tx.execute(select(datastores.c.id, datastores.c.credentials)).all()
    return {row.id: sealer.open(row.credentials, context=f"{row.id}/credentials") for row in rows}


def test_killed_anywhere_every_secret_opens_and_the_next_start_ends_it(
    start_python: StartPython, tmp_path: Path
) -> None:
    secrets, dice, cut_off = fill(tmp_path), random.Random(7), 0  # noqa: S311
    for _ in range(KILLS):
        process = start_python(SCRIPT, str(tmp_path))
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(dice.random() / 5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        sealer = Sealer(tmp_path / "sealing.key")
        with closing(Database.at(tmp_path / "pratique.db")) as database:
            assert opened(database, sealer) == secrets
            cut_off += sealer.is_replacing
            master_key.finish(database, sealer, now=datetime.now(UTC))
            assert not sealer.is_replacing
            assert opened(database, Sealer(tmp_path / "sealing.key")) == secrets
    assert cut_off, "one of the kills came in the middle"
