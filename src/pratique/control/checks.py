"""Approvals and checks: whether a stage of a run may begin. None exist yet, so every stage may."""

from datetime import datetime

from pratique.delivery.pipeline import Stage
from pratique.delivery.run.needs import Kind
from pratique.delivery.run.outcomes import Admission
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run


def ask(
    tx: Transaction, run: Run, stage: Stage, needs: frozenset[tuple[Kind, str]], *, now: datetime
) -> Admission | None:
    """What the checks of everything that `stage` uses say of it; None when somebody has to answer first.

    Called in the transaction that settles the run, and again whenever something
    happened to it while it has no answer: asking twice must change nothing.
    Whoever has the answer writes it with `delivery_runs.admit`, which refuses
    when the run was cancelled or has ended.
    """
    del tx, run, stage, needs, now
    return Admission.ADMITTED
