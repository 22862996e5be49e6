"""What a run of a delivery made or read, by digest: models, environments, deployments; and secrets, by version."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from pratique.store.rows import insert_new, values_of
from pratique.store.schema import run_uses


@dataclass(frozen=True)
class Use:
    """One thing that a run made or read."""

    run: int
    workspace: str
    """Or the vault, of a secret."""
    kind: str
    """models, data, environments, deployments, secrets, …"""
    digest: str
    name: str
    """With its version: ``credit-risk:3``."""
    is_made: bool
    at: datetime


def note(tx: Connection, use: Use) -> bool:
    """Write a use; whether it is the first of its run. What was read and is then made counts as made."""
    table = run_uses.c
    keys = {key: getattr(use, key) for key in ("run", "workspace", "kind", "digest", "name")}
    here = [table[key] == value for key, value in keys.items()]
    known = tx.execute(select(table.is_made).where(*here)).first()
    if known is None:
        insert_new(tx, run_uses, [vars(use)], list(keys))
        return True
    if use.is_made and not known.is_made:
        tx.execute(update(run_uses).where(*here).values(is_made=True))
    return False


def of_run(tx: Connection, run: int, kinds: Collection[str] = ()) -> list[Use]:
    """What a run used, of `kinds` only when some are named, in an order that does not change."""
    wanted = select(run_uses).where(run_uses.c.run == run)
    if kinds:
        wanted = wanted.where(run_uses.c.kind.in_(list(kinds)))
    order = (run_uses.c.workspace, run_uses.c.kind, run_uses.c.name, run_uses.c.digest)
    return values_of(Use, tx.execute(wanted.order_by(*order)))
