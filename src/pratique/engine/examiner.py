"""Finds out what was asked about versions of models: claims a question, works outside transactions, writes the answer.

What is cut off is claimed again, and finds the program that still works on it.
"""

from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, NotFound
from pratique.base.logging import get_logger
from pratique.content.manifest import Manifest
from pratique.control.assets import manifest_of
from pratique.engine import conversion, model_profiles, pickles, trust
from pratique.engine.abandon import Left, while_wanted
from pratique.engine.failures import error_document
from pratique.engine.heartbeat import LEASE, heartbeat
from pratique.engine.loop import Stop
from pratique.engine.workbench import Workbench
from pratique.store import assets, examinations
from pratique.store.assets import AssetVersion
from pratique.store.examinations import Examination
from pratique.store.leases import Lease

_log = get_logger(__name__)


class Examiner:
    """Works on one question at a time."""

    def __init__(self, bench: Workbench, stop: Stop) -> None:
        self._bench = bench
        self._stop = stop

    def step(self) -> bool:
        """Claim a question and answer it; False when there is none."""
        with self._bench.database.read() as tx:
            if not examinations.any_waiting(tx, now=utc_now()):
                return False
        with self._bench.database.write() as tx:
            claimed = examinations.claim(tx, now=utc_now(), lasting=LEASE)
        if claimed is None:
            return False
        examination, lease = claimed
        with heartbeat(lambda: self._renew(lease)), suppress(Left):
            self._finish(lease, self._answered(examination, lease))
        return True

    def _answered(self, examination: Examination, lease: Lease) -> Mapping[str, Any]:
        """The columns that say how it ended."""
        try:
            report = while_wanted(partial(self._work, examination), say=partial(self._tell, lease), check=self._check)
        except Left:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the user's model or environment does ends here.
            _log.info("examination.failed", kind=examination.kind, reason=str(error))
            return {"status": "Failed", "error": error_document(error)}
        return {"status": "Completed", "report": report}

    def _work(self, examination: Examination, say: conversion.Say) -> dict[str, Any]:
        version, manifest = self._model(examination)
        if examination.kind == "scan":
            seen = pickles.scan(self._bench, manifest)
            return {**seen.report, "sentence": seen.sentence, "files": pickles.keep(self._bench, version, seen).digest}
        trust.check(self._bench, version.workspace, manifest, what=f"model {version.name}:{version.version}")
        if examination.kind == "conversion":
            found = conversion.convert(self._bench, manifest, say)
            files = conversion.keep(self._bench, version, found)
            return {**found.report, "sentence": found.sentence, "files": files.digest}
        return model_profiles.profile(self._bench, version, manifest, examination, say)

    def _model(self, examination: Examination) -> tuple[AssetVersion, Manifest]:
        with self._bench.database.read() as tx:
            version = assets.version_by_id(tx, examination.version_id)
            if version is None:
                raise NotFound("the version of the model is gone")
            manifest = manifest_of(tx, version)
        if damaged := self._bench.blobs.verify(manifest):
            raise ComputeFailed(
                f"the stored model was changed: {', '.join(damaged[:3])}", hint="register it again; nothing was run"
            )
        return version, manifest

    def _finish(self, lease: Lease, outcome: Mapping[str, Any]) -> None:
        with self._bench.database.write() as tx:
            examinations.finish(tx, lease, ended_at=utc_now(), progress="", **outcome)

    def _tell(self, lease: Lease, line: str) -> None:
        with self._bench.database.write() as tx:
            examinations.tell(tx, lease, line)

    def _check(self) -> None:
        if self._stop.is_wished:
            raise Left("the engine stops")

    def _renew(self, lease: Lease) -> bool:
        with self._bench.database.write() as tx:
            return examinations.renew(tx, lease, now=utc_now(), lasting=LEASE)
