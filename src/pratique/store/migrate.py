"""Brings a database to the schema of this version, or refuses one that is newer."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from pratique.base.errors import Conflict
from pratique.store.database import Database


def migrate(database: Database) -> None:
    """Run every migration that `database` has not seen; does nothing when it has seen them all.

    Raises `Conflict` when the database was written by a newer Pratique.
    """
    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))  # Alembic interpolates.
    scripts = ScriptDirectory.from_config(config)
    with database.read() as tx:
        current = MigrationContext.configure(tx).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise Conflict(
            f"this home was written by a newer Pratique (schema {current})",
            hint="install that version again; nothing was changed",
        )
    with database.change_schema() as tx:
        config.attributes["connection"] = tx
        command.upgrade(config, "head")
