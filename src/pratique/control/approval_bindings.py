"""What an approval is given for: everything that is known of a run when somebody is asked.

Steps are scripts, so nobody can know what a later stage will do; but what it
will do it with is known: the commit, the expanded file, the artifacts, the
outputs of earlier stages, and every model, environment and deployment that
the run made or read through the API, by digest. If any of it changes before
the stage begins, what was approved is not what would run.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any, Final

from pratique.store import delivery_runs, delivery_units, run_uses
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run

USED: Final = ("models", "data", "environments", "components", "deployments")
"""Kinds of what an approval binds; secrets are read at the moment of use."""


def binding(tx: Transaction, run: Run, stage: str, before: Collection[str]) -> dict[str, Any]:
    """What is known of `run` now, as JSON; `before` are the stages that `stage` comes after.

    What stages beside it do shows only in what the run used: that is of the whole run.
    """
    units = [unit for unit in delivery_units.of_run(tx, run.id) if unit.stage in before]
    made_by = {unit.id for unit in units}
    known: dict[str, Any] = {
        "commit": run.version,
        "branch": run.branch,
        "sources": [_source(one) for one in run.sources],
        "text": _digest(run.text),
        "stage": stage,
        "after": sorted(before),
        "artifacts": {one.name: one.manifest for one in delivery_runs.artifacts_of(tx, run.id) if one.unit in made_by},
        "outputs": {f"{unit.key}:{name}": str(value) for unit in units for name, value in unit.outputs.items()},
        "used": [
            {"workspace": one.workspace, "kind": one.kind, "name": one.name, "digest": one.digest, "made": one.is_made}
            for one in run_uses.of_run(tx, run.id, USED)
        ],
    }
    return {**known, "digest": _digest(json.dumps(known, sort_keys=True))}


def approved_digests(bound: Mapping[str, Any], kind: str) -> frozenset[str]:
    """The digests of a kind in what an approval was given for."""
    return frozenset(str(one["digest"]) for one in bound.get("used", ()) if one["kind"] == kind)


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The parts that differ."""
    return sorted(key for key in {*before, *after} - {"digest"} if before.get(key) != after.get(key))


def _source(source: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(source[key]) for key in ("alias", "name", "ref", "commit", "manifest") if source.get(key)}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
