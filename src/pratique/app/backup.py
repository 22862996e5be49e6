"""``pratique backup``: a home in one file, and back."""

import os
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from pratique import __version__
from pratique.app.composition import login_name
from pratique.app.supervision import gateway_runs, server_runs
from pratique.base.clock import utc_now
from pratique.base.errors import Conflict, InvalidInput
from pratique.base.home import Home
from pratique.base.settings import load_settings
from pratique.cli.table import Table, flag
from pratique.cli.talk import say, warn
from pratique.control import housekeeping
from pratique.store import backups
from pratique.store.backups import Backup
from pratique.store.database import Database

TABLE = Table("backup")
_TARGET: Final = flag("path", "path", metavar="FILE or FOLDER", nargs="?", default=".", help="Where it is written.")
_SOURCE: Final = flag("path", "path", metavar="FILE", help="A file of `pratique backup create`.")
_HOME: Final = flag("home", help="The home to make; default PRATIQUE_HOME.")


@TABLE.verb(
    "create",
    arguments=(_TARGET,),
    examples={
        "Into this folder, named after the moment": "pratique backup create",
        "Into a file": "pratique backup create /mnt/backups/monday.tar",
    },
)
def create(*, path: str) -> dict[str, Any]:
    """Write everything that the home cannot make anew into one file.

    In it are both databases, the content that they name, the keys, settings, locks of environments and logs
    of jobs. The platform goes on meanwhile. Whoever can read the file is the owner of what it holds: it is 0600.
    """
    home, now = Home.from_environment(), utc_now()
    if load_settings(home.root).database_url:
        raise InvalidInput(
            "the database is PostgreSQL's, which `pratique backup` does not copy",
            hint="pratique down, pg_dump the database, and copy the folder of the home beside it",
        )
    target = Path(path)
    if target.is_dir():
        target = target / f"pratique-{now:%Y%m%dT%H%M%S}.tar"
    target = target.absolute()
    if home.database.exists():
        _tell(home, housekeeping.BACKED_UP, {"path": str(target)})  # Before it is made, so that it is in it, too.
    backup = backups.create(home, target, made_by=f"pratique {__version__}", now=now)
    say(f"{target}: {len(backup.files)} files, {backup.size / 1e6:.0f} MB")
    return _document(target, home, backup)


@TABLE.verb(
    "restore",
    arguments=(_SOURCE, _HOME),
    examples={"Into a new home": "pratique backup restore monday.tar --home /srv/restored"},
)
def restore(*, path: str, home: str | None) -> dict[str, Any]:
    """Make a home from a backup, every file proven by its SHA-256.

    Only a home that is not there or empty is made, never one written over. `pratique up` then builds the
    environments, deploys what was served and runs the jobs that waited; a job that ran is told as lost.
    """
    target = Home(Path(home).expanduser().absolute()) if home else Home.from_environment()
    if target.root.is_dir() and (server_runs(target) or gateway_runs(target)):
        raise Conflict(f"the platform of {target.root} runs", hint="choose another home with --home")
    backup = backups.restore(Path(path).absolute(), target)
    _tell(target, housekeeping.RESTORED, {"path": str(Path(path).absolute()), "made_at": backup.made_at})
    say(f"{target.root}: {len(backup.files)} files, {backup.size / 1e6:.0f} MB, of {backup.made_at}")
    say(f"start it with: PRATIQUE_HOME={target.root} pratique up")
    return _document(Path(path).absolute(), target, backup)


def _tell(home: Home, kind: str, facts: Mapping[str, Any]) -> None:
    """Write it into the journal of the home."""
    with closing(Database.at(home.database)) as database:
        if not housekeeping.tell(database, login_name(), kind, facts, now=utc_now()):
            warn(f"the home is an older version's, so its journal does not tell of this: {kind}")


def _document(path: Path, home: Home, backup: Backup) -> dict[str, Any]:
    if backup.lacking:
        warn(f"the database names content whose bytes are gone or damaged: {', '.join(backup.lacking[:3])}, …")
    return {
        "path": os.fspath(path),
        "home": str(home.root),
        "files": len(backup.files),
        "bytes": backup.size,
        "made_at": backup.made_at,
        "made_by": backup.made_by,
        "lacking": list(backup.lacking),
    }
