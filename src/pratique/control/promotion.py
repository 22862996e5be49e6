"""Promotion that proves itself: what runs made and read, and what may come into a workspace that takes only approved.

A workspace with the tag ``pratique.promotion: approved-only`` takes a model
from a task of a delivery's run alone, and only with a digest that an approval
of that run was given for. Anything else is refused, and a run that tried has
its approvals voided, with the reason. A person may deploy again what is
registered there: it came in by an approval.

Whether a call belongs to a run is told by its token (`Actor.run`), which the
platform made for the unit; a header or a variable could be anybody's.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pratique.base.errors import PromotionRefused
from pratique.control import checks
from pratique.control.actor import Actor
from pratique.control.approval_bindings import approved_digests
from pratique.control.model_gate import evidence_of
from pratique.delivery.run import admission
from pratique.specs.references import Asset, parse_reference
from pratique.store import asked_checks, assets, delivery_runs, run_uses, workspaces
from pratique.store.asked_checks import AskedCheck
from pratique.store.assets import AssetVersion
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run
from pratique.store.run_uses import Use

MODELS: Final = "models"
DEPLOYMENTS: Final = "deployments"


def is_approved_only(tx: Transaction, workspace: str) -> bool:
    """Whether a workspace takes only what was approved."""
    found = workspaces.get(tx, workspace)
    return found is not None and workspaces.is_approved_only(found.tags)


def check_model(tx: Transaction, actor: Actor, workspace: str, digest: str | None, *, what: str) -> None:
    """Raise `PromotionRefused` unless a model with that content may be registered there."""
    if is_approved_only(tx, workspace):
        _check(tx, actor, workspace, digest, what=what, is_known=False)


def check_deployed(tx: Transaction, actor: Actor, workspace: str, digest: str | None, *, what: str) -> None:
    """Raise `PromotionRefused` unless a model with that content may be deployed there; None is no model at all."""
    if is_approved_only(tx, workspace):
        registered = {one.manifest for one in assets.all_versions(tx, workspace, MODELS)}
        _check(tx, actor, workspace, digest, what=what, is_known=digest in registered)


def frozen(tx: Transaction, actor: Actor, workspace: str, wanted: str) -> AssetVersion | None:
    """The version of `workspace` that a run means by a reference to a model that names none, such as `@latest`.

    Where only what was approved may come in, it is the newest of those which an
    approval of the run was given for, whatever is registered meanwhile. None where
    the reference stays as it is: in other workspaces, for people, and for a
    version that is named.
    """
    if actor.run is None or not is_approved_only(tx, workspace):
        return None
    reference = parse_reference(wanted)
    if not isinstance(reference, Asset) or reference.version or reference.registry:
        return None
    if reference.noun not in (None, MODELS) or reference.workspace not in (None, workspace):
        return None
    approved = approved_in_run(tx, actor.run)
    known = [one for one in assets.versions(tx, workspace, MODELS, reference.name) if one.manifest in approved]
    return max(known, key=lambda one: (one.created_at, one.ordinal or 0), default=None)


def words_of_frozen(actor: Actor, what: str, wanted: str, name: str, version: str, digest: str) -> str:
    """What is said of a reference that was frozen."""
    return (
        f"{what}: {wanted} is {name}:{version} ({digest[:12]}), which run {actor.run} has an approval for, "
        "whatever else is registered"
    )


def approved_in_run(tx: Transaction, run: int) -> frozenset[str]:
    """The digests of models that the approvals of a run were given for, those which count."""
    passed = [one for one in asked_checks.of_run(tx, run) if one.kind == admission.APPROVAL and one.state == "passed"]
    return frozenset().union(*(approved_digests(one.bound, MODELS) for one in passed))


def note(
    tx: Transaction, actor: Actor, workspace: str, kind: str, name: str, digest: str | None, *, is_made: bool,
    now: datetime,
) -> None:  # fmt: skip
    """Write down that the run of `actor` made or read something; nothing for an actor without a run."""
    if actor.run is not None and digest:
        run_uses.note(tx, Use(actor.run, workspace, kind, digest, name, is_made=is_made, at=now))


def digest_of(document: Mapping[str, Any]) -> str:
    """What a document is, however its keys are ordered."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()


def void(tx: Transaction, run: int, *, reason: str, now: datetime) -> int:
    """Let no approval of a run count any more; how many did."""
    count = 0
    for row in asked_checks.of_run(tx, run):
        if row.kind == admission.APPROVAL and row.state == "passed":
            voided = replace(row, state="voided", reason=reason, ended_at=now, look_at=None)
            asked_checks.change(tx, voided)
            platform = {"id": "platform", "name": "pratique", "type": "platform"}
            checks.tell(tx, platform, "Pratique.ApprovalVoided", voided, now=now, data={"reason": reason})
            count += 1
    if count:
        delivery_runs.touch(tx, run)
    return count


def evaluation(tx: Transaction, run: Run, bound: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each model that the run made, with its metrics beside those of the champion that it would replace."""
    made = [one for one in bound.get("used", ()) if one["kind"] == MODELS and one["made"]]
    del run
    report = []
    for one in made:
        name, _, version = str(one["name"]).rpartition(":")
        found = assets.version(tx, str(one["workspace"]), MODELS, name, version)
        if found is None:
            continue
        champion = _champion(tx, found)
        report.append(
            {
                "model": f"{found.workspace}/{found.name}:{found.version}",
                "digest": str(one["digest"]),
                "metrics": dict(evidence_of(found).metrics),
                "champion": f"{champion.workspace}/{champion.name}:{champion.version}" if champion else None,
                "champion_metrics": dict(evidence_of(champion).metrics) if champion else None,
            }
        )
    return report


def asked_beside(tx: Transaction, asked: AskedCheck) -> list[AskedCheck]:
    """Everything else that the stage of an approval asked."""
    return [one for one in asked_checks.of_run(tx, asked.run, asked.stage) if one.id != asked.id]


def _champion(tx: Transaction, candidate: AssetVersion) -> AssetVersion | None:
    """The newest version with other content: of a workspace that takes only approved ones, else of its own."""
    guarded = [one.name for one in workspaces.every(tx) if workspaces.is_approved_only(one.tags)]
    for workspace in (*(name for name in guarded if name != candidate.workspace), candidate.workspace):
        others = [
            one for one in assets.versions(tx, workspace, MODELS, candidate.name) if one.manifest != candidate.manifest
        ]
        if others:
            return max(others, key=lambda one: (one.created_at, one.ordinal or 0))
    return None


def _check(tx: Transaction, actor: Actor, workspace: str, digest: str | None, *, what: str, is_known: bool) -> None:
    if actor.run is None:
        if is_known:
            return
        raise PromotionRefused(
            f"{what}: workspace {workspace!r} takes only what an approval of a run was given for",
            hint="promote it with a pipeline whose stage deploys to an environment with an approval",
        )
    approved = approved_in_run(tx, actor.run)
    if digest is None or digest not in approved:
        shown = digest[:12] if digest else "nothing"
        known = ", ".join(sorted(one[:12] for one in approved)) or "nothing"
        raise PromotionRefused(
            f"{what}: its content {shown} is not what run {actor.run} has an approval for ({known}), "
            "so that approval is void",
            hint="approve again what is to be promoted: pratique pipelines run",
            run=actor.run,
        )
