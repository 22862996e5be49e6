"""The files that Envoy watches: what is published in each, and whether Envoy has taken what was written.

Envoy says in its statistics which version of a file it has, and how often it
refused one. When it is down the files are written all the same: it starts with
them.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InternalError, Unavailable
from pratique.gateway.admin import Admin, Kind
from pratique.gateway.files import write_private
from pratique.gateway.render import discovery
from pratique.gateway.render.discovery import Discovery

_TAKEN_WITHIN: Final = timedelta(seconds=30)
"""Envoy takes a version in milliseconds; a thousand endpoints on a busy machine need a second or two."""

_REFUSED_WITHIN: Final = 0.3
"""Seconds after which Envoy is asked whether it has refused a file, and each time twice as many after that.

Looking for that keeps it from taking the file, if it just needs longer: it has two hundred thousand counters.
"""

_LONGEST_PAUSE: Final = 0.01
"""Seconds between two looks whether Envoy has a version: what we wait longer is what a change takes longer."""

Signature = tuple[int, int, int]


@dataclass(frozen=True)
class Step:
    """One file to write, and the statistics in which Envoy says what it made of it."""

    file: Path
    wanted: Discovery
    statistic: str

    @property
    def version(self) -> str:
        return f"{self.statistic}.version_text"

    @property
    def refusals(self) -> tuple[str, str]:
        return f"{self.statistic}.update_rejected", f"{self.statistic}.update_failure"


class WatchedFiles:
    """The files of one gateway; whoever calls holds its lock."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin
        self._taken: dict[Path, str] = {}
        self._known: dict[Path, tuple[Signature | None, Discovery]] = {}
        self._refusals: dict[str, Mapping[str, Any]] = {}

    def known(self) -> dict[Path, Discovery]:
        """What this process has read or written, file by file, whatever is there now."""
        return {file: held for file, (_, held) in self._known.items() if held.version}

    def published(self, file: Path) -> Discovery:
        """A published file; `NOTHING` when it is missing or damaged, it is then written anew."""
        signature = _signature(file)
        if signature is None or self._known.get(file, (None,))[0] != signature:
            self._known[file] = (signature, discovery.read(file))
        return self._known[file][1]

    def take(self, step: Step) -> bool:
        """Write one file and wait for Envoy; True when it has it, False when Envoy is down."""
        before, version = self.published(step.file), step.wanted.version
        is_same = before.version == version
        if is_same and version == self._taken.get(step.file):
            # Envoy had it, and one that was started since has begun with it.
            return True
        refused = self._refusals.get(step.statistic)
        if refused is None:
            refused = self._counted(step)
        if not is_same:
            write_private(step.file, step.wanted.content)
            self._known[step.file] = (_signature(step.file), step.wanted)
        if refused is None or not self._await(step, version, refused, before):
            return False
        self._taken[step.file] = version
        return True

    def _await(self, step: Step, version: str, refused: Mapping[str, Any], before: Discovery) -> bool:
        """Wait until Envoy has `version`; False when it is down. Raises `InternalError` when it refuses it."""
        began = time.monotonic()
        pause, counted_after = 0.001, _REFUSED_WITHIN
        while (passed := time.monotonic() - began) < _TAKEN_WITHIN.total_seconds():
            said = self._asked(re.escape(step.version), "TextReadouts")
            if said is None:
                return False
            if said.get(step.version) == version:
                return True
            if passed > counted_after:
                counted_after, found = 2 * passed, self._counted(step) or {}
                if any(found.get(name, 0) > refused.get(name, 0) for name in step.refusals):
                    break
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        if before.version:
            write_private(step.file, before.content)
        raise InternalError(
            f"Envoy did not take {step.file.name}; the routes before it stay",
            hint="its reason is in the log of the service envoy: pratique status",
        )

    def _counted(self, step: Step) -> Mapping[str, Any] | None:
        """How often Envoy has refused such a file so far; None when it is down."""
        found = self._asked("|".join(map(re.escape, step.refusals)), "Counters")
        if found is not None:
            self._refusals[step.statistic] = found
        return found

    def _asked(self, pattern: str, kind: Kind) -> Mapping[str, Any] | None:
        """What Envoy says of itself, however busy it is; None when it is down.

        One that is busy may not be taken for one that is down: what it routes to would be stopped.
        """
        deadline = time.monotonic() + _TAKEN_WITHIN.total_seconds()
        while True:
            try:
                return self._admin.statistics(pattern, kind=kind)
            except Unavailable:
                return None
            except TimeoutError as error:
                if time.monotonic() > deadline:
                    raise InternalError("Envoy lives and does not answer", hint="pratique status") from error


def _signature(file: Path) -> Signature | None:
    """What changes with a file; None when there is none."""
    try:
        facts = file.stat()
    except OSError:
        return None
    return facts.st_ino, facts.st_mtime_ns, facts.st_size
