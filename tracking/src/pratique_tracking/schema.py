"""The tables of MLflow's database, made aside and put in their place whole.

MLflow makes its tables by dozens of steps, each on disk before the next. When
it is killed in between, it finds some of them at its next start, makes the
first again, fails, and does so at every start after that. So the file has its
name only when all the steps are done.
"""

import os

_ASIDE = ".making"


def make_schema(database: str) -> None:
    """Make the SQLite file `database` with MLflow's tables; does nothing when it is there."""
    if os.path.exists(database):
        return
    aside = f"{database}{_ASIDE}"
    for left_over in (aside, f"{aside}-journal", f"{aside}-wal", f"{aside}-shm"):
        if os.path.exists(left_over):
            os.unlink(left_over)
    _make_tables(aside)
    _to_disk(aside, os.O_RDWR)
    os.replace(aside, database)
    _to_disk(os.path.dirname(os.path.abspath(database)), os.O_RDONLY)


def _make_tables(path: str) -> None:
    from mlflow.store.db.utils import _initialize_tables, create_sqlalchemy_engine

    engine = create_sqlalchemy_engine(f"sqlite:///{path}")
    try:
        _initialize_tables(engine)
    finally:
        engine.dispose()


def _to_disk(path: str, mode: int) -> None:
    handle = os.open(path, mode)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
