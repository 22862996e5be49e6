"""What the pickles of models would run: found out once for each content, by a program that runs none of it.

    <home>/scans/<manifest of the model>/scan.json      what was found
    <home>/scans/<manifest of the model>/console.log

The program (`compute.pickle_scan`) has a process and a sandbox of its own,
without a network; here only its report is read.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pratique.base.clock import utc_now
from pratique.compute import pickle_scan
from pratique.content.manifest import Manifest
from pratique.control import examinations
from pratique.engine import workshop
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.store import assets
from pratique.store.assets import AssetVersion

_SHOWN: Final = 4


@dataclass(frozen=True)
class Scan:
    """What was found in the files of one manifest."""

    place: Path
    report: Mapping[str, Any]

    @property
    def holds_pickles(self) -> bool:
        """Whether there is one at all."""
        return bool(self.report["pickles"])

    @property
    def is_harmless(self) -> bool:
        """Whether nothing was found that could do more than hold data."""
        return str(self.report["verdict"]) == "harmless"

    @property
    def sentence(self) -> str:
        """For people."""
        count = self.report["pickles"]
        if not count:
            return "no pickles"
        if self.is_harmless:
            return f"{count} pickles, which hold data alone"
        told = [_told(one) for one in self.report["found"] if one["verdict"] != "harmless"]
        more = f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else ""
        return f"{self.report['verdict']}: {'; '.join(told[:_SHOWN])}{more}"


def scan(bench: Workbench, manifest: Manifest) -> Scan:
    """Look into the files of `manifest`, unless that was done; a scan that fails is a finding too."""
    place = bench.home.root / "scans" / manifest.digest
    if not workshop.is_made(place):
        program = Path(pickle_scan.__file__)
        workshop.make(bench, place, manifest, python=Path(sys.executable), program=program)
    return Scan(place, _report(place))


def keep(bench: Workbench, version: AssetVersion, found: Scan) -> Manifest:
    """Write on the version of the model what was found, with the report as its content."""
    files = bench.blobs.put_folder(found.place)
    with bench.database.write() as tx:
        current = assets.version_by_id(tx, version.id)
        if current is not None:
            examinations.record(tx, current, "scan", found.sentence, files, now=utc_now())
    return files


def _told(one: Mapping[str, Any]) -> str:
    names = ", ".join(one["names"][:_SHOWN])
    return f"{one['path']}: {one['verdict']}{f', it names {names}' if names else ''}" + (
        f" ({one['reason']})" if one["reason"] else ""
    )


def _report(place: Path) -> dict[str, Any]:
    """What the program wrote; when it wrote nothing, nobody knows what the files would do."""
    try:
        report: dict[str, Any] = json.loads((place / pickle_scan.REPORT).read_text(encoding="utf-8"))
        whole = isinstance(report["found"], list) and report["verdict"] in pickle_scan.VERDICTS
    except (OSError, ValueError, TypeError, KeyError):
        whole, report = False, {}
    if whole:
        return report
    said = " ".join(last_lines(workshop.log_of(place), 3))[-300:]
    reason = f"the scan ended without a report: {said}"
    return {
        "verdict": "unreadable",
        "pickles": 1,
        "found": [{"path": "the model", "verdict": "unreadable", "names": [], "reason": reason}],
    }
