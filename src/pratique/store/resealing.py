"""Everything sealed in the database, sealed again: what a new master key asks for."""

from typing import Any

from sqlalchemy import Connection, Table, select, update

from pratique.store.schema import Sealed, metadata
from pratique.store.sealing import Sealer


def sealed_columns() -> list[tuple[str, str]]:
    """Every column of sealed texts, as (table, column)."""
    return [(table.name, column) for table in metadata.sorted_tables for column in _sealed(table)]


def seal_again(tx: Connection, sealer: Sealer) -> int:
    """Open every sealed text and seal it with the key that seals now; how many there were.

    A damaged text raises `InternalError`, and then nothing is written.
    """
    return sum(_seal_table(tx, table, sealer) for table in metadata.sorted_tables)


def _sealed(table: Table) -> dict[str, str]:
    """Column → how its context is made of its row."""
    return {column.name: column.type.context for column in table.columns if isinstance(column.type, Sealed)}


def _seal_table(tx: Connection, table: Table, sealer: Sealer) -> int:
    if not (contexts := _sealed(table)):
        return 0
    count = 0
    for row in tx.execute(select(table)).all():
        facts = dict(row._mapping)
        values = {name: _again(sealer, facts[name], how.format(**facts)) for name, how in contexts.items()}
        changed: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
        if changed:
            this = [column == facts[column.name] for column in table.primary_key.columns]
            tx.execute(update(table).where(*this).values(**changed))
            count += len(changed)
    return count


def _again(sealer: Sealer, text: str | None, context: str) -> str | None:
    return sealer.seal(sealer.open(text, context=context), context=context) if text else None
