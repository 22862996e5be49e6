"""The migrations build what `store.schema` describes, and refuse what they do not know."""

import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from pratique.base.errors import Conflict, StorageFailed
from pratique.store import jobs
from pratique.store.database import Database
from pratique.store.jobs import Job
from pratique.store.migrate import check_current, copy_before, migrate
from pratique.store.schema import metadata


def revision(tx: Connection) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


def checks(tx: Connection) -> dict[str, set[str | None]]:
    inspector = inspect(tx)
    return {table: {check["name"] for check in inspector.get_check_constraints(table)} for table in metadata.tables}


def test_the_migrations_build_exactly_the_tables_of_the_schema(empty_database: Database) -> None:
    migrate(empty_database)
    with empty_database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_build_the_checks_of_the_schema(empty_database: Database, tmp_path: Path) -> None:
    # Alembic compares no CHECK constraints, so they are compared with a database built from the schema.
    with empty_database.change_schema() as tx:
        metadata.create_all(tx)
        wanted = checks(tx)
        metadata.drop_all(tx)
    migrate(empty_database)
    with empty_database.read() as tx:
        assert checks(tx) == wanted
        assert wanted["jobs"] == {"ck_jobs_status", "ck_jobs_type", "ck_jobs_parent"}


def test_migrating_again_changes_nothing(database: Database) -> None:
    with database.read() as tx:
        before = revision(tx)
    migrate(database)
    with database.read() as tx:
        assert revision(tx) == before == "0001"


def test_two_servers_that_start_at_once_migrate_once(
    empty_database: Database, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    script = """
        import sys
        from pratique.store.database import Database
        from pratique.store.migrate import migrate
        input()
        migrate(Database(sys.argv[1]))
    """
    url = empty_database.url.render_as_string(hide_password=False)
    servers = [start_python(script, url) for _ in range(2)]
    for server in servers:
        _, complaints = server.communicate("go\n", timeout=120)
        assert server.returncode == 0, complaints
    with empty_database.read() as tx:
        assert revision(tx) == "0001"


def test_a_database_of_a_newer_version_is_refused_and_left_alone(database: Database) -> None:
    with database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Conflict, match="newer Pratique"):
        migrate(database)
    with database.read() as tx:
        assert revision(tx) == "9999"


def test_a_migration_that_fails_leaves_nothing_behind(empty_database: Database) -> None:
    def half_a_migration() -> None:
        with empty_database.change_schema() as tx:
            Operations(MigrationContext.configure(tx)).execute("CREATE TABLE half (id INTEGER)")
            raise RuntimeError("the power is cut")

    with pytest.raises(RuntimeError, match="power"):
        half_a_migration()
    with empty_database.read() as tx:
        assert inspect(tx).get_table_names() == []


def test_rebuilding_a_table_keeps_the_rows_that_point_to_it(
    database: Database, new_job: Callable[..., Job], now: datetime
) -> None:
    with database.write() as tx:
        jobs.add(tx, new_job("kept"))
    with database.change_schema() as tx:
        operations = Operations(MigrationContext.configure(tx))
        # PostgreSQL alters in place; asked to rebuild, it could not drop what others point to.
        recreate = "always" if tx.dialect.name == "sqlite" else "never"
        with operations.batch_alter_table("workspaces", recreate=recreate) as batch:  # type: ignore[arg-type]
            batch.alter_column("location", nullable=True)
    with database.read() as tx:
        assert jobs.get(tx, "dev", "kept") is not None


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "pratique.db").write_bytes(b"not a database, only a file of that name " * 100)
    database = Database.at(tmp_path / "pratique.db")
    with pytest.raises(StorageFailed, match="damaged"):
        migrate(database)
    database.close()


def test_an_older_database_is_copied_before_it_is_migrated(database: Database, tmp_path: Path) -> None:
    if database.url.get_backend_name() != "sqlite":
        return
    with database.write() as tx:
        # As an older version would have left it; the migration to come then fails, because its tables are there.
        tx.execute(text("UPDATE alembic_version SET version_num = '0000'"))
    copy_before(database, "0000")
    (copy,) = tmp_path.glob("pratique.db.0000-*")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(Database.at(copy)) as copied, copied.read() as tx:
        assert revision(tx) == "0000"
        assert [row.name for row in tx.execute(text("SELECT name FROM workspaces ORDER BY name"))] == ["dev", "qa"]


def test_a_database_that_is_up_to_date_is_not_copied(database: Database, tmp_path: Path) -> None:
    migrate(database)
    check_current(database)
    assert [*tmp_path.glob("pratique.db.*-*")] == []
