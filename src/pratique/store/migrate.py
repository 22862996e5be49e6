"""Brings a database to the schema of this version, or refuses one that is newer."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pratique.base.clock import utc_now
from pratique.base.errors import Conflict
from pratique.store.copies import copy_database
from pratique.store.database import Database


def migrate(database: Database) -> None:
    """Run every migration that `database` has not seen; does nothing when it has seen them all.

    A SQLite database that has rows is copied first, to a file beside it that is named after its schema and
    the moment. PostgreSQL is copied by whoever runs it, and undoes a migration that fails.
    Raises `Conflict` when the database was written by a newer Pratique.
    """
    config, scripts = _scripts()
    current = refuse_newer(database)
    if current == scripts.get_current_head():
        return
    if current is not None:
        copy_before(database, current)
    with database.change_schema() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def refuse_newer(database: Database) -> str | None:
    """The revision of the schema of `database`, None before the first; raises `Conflict` for one of the future."""
    _, scripts = _scripts()
    with database.read() as tx:
        current = MigrationContext.configure(tx).get_current_revision()
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise Conflict(
            f"this home was written by a newer Pratique (schema {current})",
            hint="install that version again; nothing was changed",
        )
    return current


def check_current(database: Database) -> None:
    """Raise `Conflict` unless the schema of `database` is the one of this version."""
    if not is_current(database):
        raise Conflict("this home was last used by an older Pratique", hint="bring it up to date with: pratique up")


def is_current(database: Database) -> bool:
    """Whether the schema of `database` is the one of this version; raises `Conflict` for one of the future."""
    _, scripts = _scripts()
    return refuse_newer(database) == scripts.get_current_head()


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # Alembic interpolates.
    return config, ScriptDirectory.from_config(config)


def copy_before(database: Database, revision: str) -> None:
    """Copy a SQLite database beside itself, named after its `revision` and this moment."""
    if database.url.get_backend_name() == "sqlite":
        path = Path(str(database.url.database)).absolute()
        copy_database(path, path.with_name(f"{path.name}.{revision}-{utc_now():%Y%m%dT%H%M%S}"))
