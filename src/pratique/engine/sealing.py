"""Seals the journal: signs what was told since the last look, twice a second and without being woken.

What does not follow the last seal is not signed: the step fails, which the
platform's state shows, until somebody has looked.
"""

from pratique.base.clock import utc_now
from pratique.control import journal_key
from pratique.control.journal_key import JournalKey
from pratique.engine.workbench import Workbench
from pratique.store import seals


class JournalSealer:
    """Writes the next seal."""

    def __init__(self, bench: Workbench) -> None:
        self._database = bench.database
        self._key = JournalKey(bench.home.keys)

    def step(self) -> bool:
        """Seal one batch; whether there may be more to seal at once."""
        seal = journal_key.seal(self._database, self._key, now=utc_now())
        # What was told meanwhile waits for the next look: signing every few events is what would cost.
        return seal is not None and seal.last - seal.first + 1 == seals.MOST
