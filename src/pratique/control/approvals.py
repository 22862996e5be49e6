"""Approvals, and what steps ask people: shown with what they are given for, and answered by a person who may.

Of two answers at once one is first; what comes after the end of a question,
by an answer, its time or a cancelled run, changes nothing and says so.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from pratique.base.clock import iso
from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from pratique.control import checks, projects
from pratique.control.actor import Actor, check_is_itself
from pratique.control.approval_bindings import binding
from pratique.control.permissions import is_permitted, project_scope, stage_environment_scope
from pratique.delivery.run import admission
from pratique.delivery.run.admission import Facts, State
from pratique.store import asked_checks, delivery_runs, delivery_units, principals
from pratique.store.asked_checks import AskedCheck
from pratique.store.database import Transaction
from pratique.store.delivery_runs import Run

LONGEST_COMMENT: Final = 2_000


@dataclass(frozen=True)
class Approval:
    """One question to people, with the run that asks it."""

    asked: AskedCheck
    run: Run
    approvers: Sequence[str]
    """Names; empty: whoever has the role."""
    wanted: int


def every(tx: Transaction, actor: Actor, project: str, *, state: str = "", run: int | None = None) -> list[Approval]:
    """The approvals of a project that the caller may see, newest first; only those in `state` or of `run`."""
    projects.get(tx, actor, project)
    states = [state] if state else ()
    found = asked_checks.in_project(tx, project, kinds=admission.ASKED_OF_PEOPLE, states=states, run=run)
    names = _named_as(tx, actor)
    return [_whole(tx, row) for row in found if _may_see(actor, names, row)]


def get(tx: Transaction, actor: Actor, id: str) -> Approval:  # noqa: A002 - the column's name.
    """One approval; raises `NotFound`, also for one that the caller may not see."""
    row = asked_checks.get(tx, id) if id.isprintable() else None
    if row is None or row.kind not in admission.ASKED_OF_PEOPLE or not _may_see(actor, _named_as(tx, actor), row):
        raise NotFound(f"there is no approval {id[:64]!r}", hint="pratique pipelines approval list")
    return _whole(tx, row)


def decide(
    tx: Transaction,
    actor: Actor,
    id: str,  # noqa: A002 - the column's name.
    *,
    approves: bool,
    comment: str = "",
    binding_digest: str = "",
    now: datetime,
) -> Approval:
    """Answer for the caller; raises `Conflict` when it is over, `Forbidden` when they may not.

    `binding_digest` is of what the caller was shown: if that has changed, it is a `Conflict` too.
    """
    found = get(tx, actor, id)
    row, run, groups = found.asked, found.run, _named_as(tx, actor)
    _check_open(row, run, now)
    _check_may_answer(actor, row, groups)
    if len(comment) > LONGEST_COMMENT or "\0" in comment:
        raise InvalidInput(f"a comment has at most {LONGEST_COMMENT:,} characters")
    bound = _bound(tx, run, row, shown=binding_digest)
    answer = {
        "who": actor.id, "name": actor.name, "approves": approves, "comment": comment, "at": iso(now),
        "binding": bound.get("digest", ""),
        "entries": list(admission.entries_of(checks.check_of(row), actor.id, groups)),
    }  # fmt: skip
    answered = _judged(replace(row, bound=bound, answers=[*row.answers, answer]), run, now)
    asked_checks.change(tx, answered)
    _tell(tx, actor, answered, answer, now=now)
    if row.kind == admission.VALIDATION:
        delivery_units.look_at(tx, str(row.settings["unit"]), now=now)
    else:
        delivery_runs.touch(tx, run.id)
    return get(tx, actor, id)


def _check_open(row: AskedCheck, run: Run, now: datetime) -> None:
    if run.cancel_requested or run.is_completed:
        by = f" by {run.canceled_by.get('name')}" if run.canceled_by else ""
        word = f"was cancelled{by}" if run.cancel_requested else "has ended"
        raise Conflict(f"run {run.id} {word}: this approval is asked no more")
    if row.state != "waiting":
        raise Conflict(f"this approval is {row.state}: {row.reason or 'it was answered'}")
    if row.expires_at is not None and now >= row.expires_at:
        raise Conflict("the time of this approval is over")


def _check_may_answer(actor: Actor, row: AskedCheck, groups: Collection[str]) -> None:
    """Raise `Forbidden` unless the caller, a person who is in these groups, may answer now."""
    if why := admission.refusal(checks.check_of(row), actor.id, has_role=_has_role(actor, row), groups=groups):
        raise Forbidden(
            f"{actor.name} may not answer this approval: {why}",
            hint="the role Approver decides there: pratique role assignment create --role Approver "
            f"--assignee NAME --scope {_scope(row)}",
        )
    if actor.run is not None:
        raise Forbidden("a task of a run does not answer approvals")
    check_is_itself(actor, "answer approvals")


def _bound(tx: Transaction, run: Run, row: AskedCheck, *, shown: str) -> Mapping[str, Any]:
    """What the answer is given for; `Conflict` when that is not any more what was `shown`, a digest or empty."""
    current = binding(tx, run, row.stage, row.bound.get("after", ()))
    if shown and shown != current["digest"]:
        raise Conflict(
            "what this approval is for has changed since it was shown",
            hint=f"look at it again: pratique pipelines approval show --id {row.id}",
        )
    return row.bound if row.answers else current  # The first answer is for what is there now, and so are later ones.


def _judged(row: AskedCheck, run: Run, now: datetime) -> AskedCheck:
    """The question with what its answers come to so far."""
    judged = admission.judged(checks.check_of(row), Facts(run.id, row.stage, run.branch), now)
    if judged.state is State.WAITING:
        return replace(row, reason=judged.reason)
    return replace(row, state=judged.state.value, ended_at=now, look_at=None, reason=judged.reason)


def _tell(tx: Transaction, actor: Actor, answered: AskedCheck, answer: Mapping[str, Any], *, now: datetime) -> None:
    kind = "Pratique.ApprovalGiven" if answer["approves"] else "Pratique.ApprovalRefused"
    data = {"comment": answer["comment"], "binding": answer["binding"], "state": answered.state}
    if as_group := _names(tx, *(one for one in answer["entries"] if one != actor.id)):
        data["groups"] = as_group
    checks.tell(tx, actor.to_document(), kind, answered, now=now, data=data)


def _has_role(actor: Actor, row: AskedCheck) -> bool:
    """Whether the caller's roles answer it; what a step asks, whoever may run the pipeline answers as well."""
    is_of_step = row.kind == admission.VALIDATION
    return is_permitted(actor, "approvals/decide", _scope(row)) or (
        is_of_step and is_permitted(actor, "deliveries/run", project_scope(row.project))
    )


def _scope(row: AskedCheck) -> str:
    """Where a role has to be to answer: at the environment, or for a step at the project."""
    if row.kind == admission.VALIDATION:
        return project_scope(row.project)
    return stage_environment_scope(row.project, row.environment)


def _named_as(tx: Transaction, actor: Actor) -> frozenset[str]:
    """The ids by which the caller can be an approver: their own, and the groups that they are in now."""
    return frozenset({actor.id, *(group.id for group in principals.groups_of(tx, actor.id))})


def _names(tx: Transaction, *ids: str) -> list[str]:
    """What those of `ids` are called that are still there."""
    return [found.name for one in ids if (found := principals.get(tx, one))]


def _may_see(actor: Actor, names: Collection[str], row: AskedCheck) -> bool:
    if not {*names}.isdisjoint(row.settings.get("approvers") or ()):
        return True
    return is_permitted(actor, "approvals/read", _scope(row)) or _has_role(actor, row)


def _whole(tx: Transaction, row: AskedCheck) -> Approval:
    run = delivery_runs.get(tx, row.run)
    assert run is not None  # noqa: S101 - the row goes with its run.
    names = _names(tx, *map(str, row.settings.get("approvers") or ()))
    return Approval(row, run, names, admission.quorum(row.settings))
