"""Removes the folders that jobs have worked in, when that keeps nobody waiting."""

from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Final

from pratique.content.removal import remove_trees
from pratique.engine.attempts import Attempt, worked_in

_MANY: Final = 32
"""So many are not kept for later: together they may be large."""


class Tidying:
    """What one worker has still to remove. What a killed server leaves is the sweeper's."""

    def __init__(self) -> None:
        self._ended: list[Attempt] = []
        self._thread: Thread | None = None

    def later(self, attempt: Attempt) -> None:
        """Remember an attempt that has ended, and whose results are stored."""
        self._ended.append(attempt)
        if len(self._ended) >= _MANY:
            self.begin()

    def begin(self) -> None:
        """Remove all beside other work: a disk takes long for it while others write."""
        if self._ended and not (self._thread and self._thread.is_alive()):
            self._thread = Thread(target=tidy, args=[self._taken()], name="tidying", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Remove all, and return when that is done."""
        tidy(self._taken())
        if self._thread:
            self._thread.join()

    def _taken(self) -> list[Path]:
        ended, self._ended = self._ended, []
        return [attempt.folder for attempt in ended]


def tidy(folders: Sequence[Path]) -> None:
    """Remove everything from the attempts' `folders` but the files at their top."""
    remove_trees([place for folder in folders for place in worked_in(folder)])
