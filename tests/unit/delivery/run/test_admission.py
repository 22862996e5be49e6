"""Approvals and checks, decided from what is known: one table for each kind, then how they work together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pratique.delivery.run.admission import (
    Answer,
    Check,
    Contest,
    Evidence,
    Facts,
    State,
    entries_of,
    judged,
    outcome,
    quorum,
    refusal,
)
from pratique.delivery.run.outcomes import Admission

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # A Friday.
FACTS = Facts(run=7, stage="QA", branch="refs/heads/main")
W, P, F, X = State.WAITING, State.PASSED, State.FAILED, State.EXPIRED


def check(kind: str, state: State = W, **settings: Any) -> Check:
    return Check("c", kind, settings, state, requested_by="ann", expires_at=NOW + timedelta(days=30))


def answered(who: str, approves: bool = True) -> Answer:
    return Answer(who, who, approves, "because", NOW)


# --- approvals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "answers", "state"),
    [
        ({}, [], W),
        ({}, ["bob"], P),
        ({"approvers": ["bob", "eve"]}, ["bob"], W),
        ({"approvers": ["bob", "eve"]}, ["bob", "eve"], P),
        ({"approvers": ["bob", "eve"], "minimum": 1}, ["eve"], P),
        ({"minimum": 2}, ["bob"], W),
        ({"minimum": 2}, ["bob", "eve"], P),
    ],
)
def test_an_approval_passes_with_as_many_as_it_wants(settings: Any, answers: list[str], state: State) -> None:
    asked = replace(check("approval", **settings), answers=tuple(answered(who) for who in answers))
    assert judged(asked, FACTS, NOW).state is state


def test_one_rejection_ends_it_whoever_approved() -> None:
    asked = replace(check("approval", minimum=3), answers=(answered("bob"), answered("eve", approves=False)))
    found = judged(asked, FACTS, NOW)
    assert (found.state, found.reason) == (F, "rejected by eve: because")


def test_nobody_in_time_is_expired_and_never_passed() -> None:
    asked = check("approval")
    assert judged(asked, FACTS, NOW + timedelta(days=30)).state is X
    assert judged(asked, FACTS, NOW).look_again == asked.expires_at


@pytest.mark.parametrize(
    ("settings", "who", "role", "before", "why"),
    [
        ({}, "bob", True, [], ""),
        ({}, "bob", False, [], "no role"),
        ({"approvers": ["bob"]}, "bob", False, [], ""),
        ({"approvers": ["eve"]}, "bob", True, [], "not one of its approvers"),
        ({}, "ann", True, [], "self-approval is off"),
        ({"approvers": ["ann"]}, "ann", True, [], "self-approval is off"),
        ({"allow_self": True}, "ann", True, [], ""),
        ({"allow_self": True, "approvers": ["bob"]}, "ann", True, [], "not one of its approvers"),
        ({"minimum": 2}, "bob", True, ["bob"], "answered already"),
        ({"approvers": ["bob", "eve"], "in_order": True}, "eve", True, [], "before you"),
        ({"approvers": ["bob", "eve"], "in_order": True}, "bob", True, [], ""),
        ({"approvers": ["bob", "eve"], "in_order": True}, "eve", True, ["bob"], ""),
    ],
)
def test_only_those_whom_an_approval_lets_answer_it_may(
    settings: Any, who: str, role: bool, before: list[str], why: str
) -> None:
    asked = replace(check("approval", **settings), answers=tuple(answered(one) for one in before))
    said = refusal(asked, who, has_role=role)
    assert why in said
    assert bool(said) is bool(why)


GROUPS = {"bob": {"A", "B"}, "eve": {"A"}, "rob": {"B"}, "ann": {"A"}}
"""Who is in which group."""


@pytest.mark.parametrize(
    ("settings", "people", "why"),
    [
        ({"approvers": ["A"]}, ["eve"], ""),
        ({"approvers": ["A"]}, ["rob"], "not one of its approvers"),
        ({"approvers": ["A"]}, ["ann"], "self-approval is off"),
        ({"approvers": ["A", "B"]}, ["bob", "bob"], "answered already"),
        ({"approvers": ["A", "B"]}, ["bob", "eve"], ""),  # Bob answered first, and is not only of A.
        ({"approvers": ["A", "B"]}, ["bob", "rob"], ""),
        ({"approvers": ["A", "eve"]}, ["eve", "bob"], ""),
        ({"approvers": ["A", "rob"]}, ["eve", "bob"], "all for whom you could answer"),
        ({"approvers": ["A"], "minimum": 2}, ["eve", "bob"], ""),
        ({"approvers": ["A", "B"], "in_order": True}, ["rob"], "before you"),
        ({"approvers": ["A", "B"], "in_order": True}, ["bob", "eve"], "before you"),
        ({"approvers": ["A", "B"], "in_order": True}, ["bob", "rob"], ""),
        ({"approvers": ["rob", "A"], "in_order": True}, ["rob", "eve"], ""),
    ],
)
def test_whoever_is_in_a_group_answers_for_it_and_nobody_is_two(settings: Any, people: list[str], why: str) -> None:
    """All but the last of `people` may answer, and the last as `why` says; whoever may, is enough."""
    asked = check("approval", **settings)
    for who in people[:-1]:
        assert refusal(asked, who, has_role=False, groups=GROUPS[who]) == ""
        asked = answered_by(asked, who)
        assert judged(asked, FACTS, NOW).state is W
    said = refusal(asked, people[-1], has_role=False, groups=GROUPS[people[-1]])
    assert why in said
    assert bool(said) is bool(why)
    if not why:
        assert judged(answered_by(asked, people[-1]), FACTS, NOW).state is P


def answered_by(asked: Check, who: str) -> Check:
    """A check with one more answer."""
    said = replace(answered(who), entries=entries_of(asked, who, GROUPS[who]))
    return replace(asked, answers=(*asked.answers, said))


@pytest.mark.parametrize(("settings", "count"), [({}, 1), ({"approvers": ["a", "b"]}, 2), ({"minimum": 3}, 3)])
def test_how_many_must_approve(settings: Any, count: int) -> None:
    assert quorum(settings) == count


# --- branches and hours ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("branches", "branch", "state"),
    [
        (["refs/heads/main"], "refs/heads/main", P),
        (["refs/heads/main"], "refs/heads/Main", F),
        (["refs/heads/release/*"], "refs/heads/release/1.2", P),
        (["refs/heads/main"], "refs/pull/3/merge", F),
        (["main"], "refs/heads/main", F),
        (["refs/heads/main"], "", F),
        ([], "refs/heads/main", F),
    ],
)
def test_branch_control_lets_the_branches_pass_that_it_names(branches: list[str], branch: str, state: State) -> None:
    assert judged(check("branch_control", branches=branches), replace(FACTS, branch=branch), NOW).state is state


HOURS: dict[str, Any] = {"days": ["monday", "friday"], "start": "09:00", "end": "17:00", "time_zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("moment", "state", "opens"),
    [
        (datetime(2026, 11, 20, 8, 0, tzinfo=UTC), P, None),  # 9:00 in Berlin.
        (datetime(2026, 11, 20, 15, 59, tzinfo=UTC), P, None),
        (datetime(2026, 11, 20, 16, 0, tzinfo=UTC), W, datetime(2026, 11, 23, 8, 0, tzinfo=UTC)),
        (datetime(2026, 11, 20, 7, 0, tzinfo=UTC), W, datetime(2026, 11, 20, 8, 0, tzinfo=UTC)),
        (datetime(2026, 11, 24, 12, 0, tzinfo=UTC), W, datetime(2026, 11, 27, 8, 0, tzinfo=UTC)),
        (datetime(2026, 7, 3, 7, 0, tzinfo=UTC), P, None),  # Summer time.
    ],
)
def test_business_hours_admit_within_them_and_say_when_they_open(
    moment: datetime, state: State, opens: datetime | None
) -> None:
    asked = replace(check("business_hours", **HOURS), expires_at=moment + timedelta(days=30))
    found = judged(asked, FACTS, moment)
    assert (found.state, found.look_again) == (state, opens)


def test_hours_that_passed_close_again_and_end_badly_when_they_never_open() -> None:
    asked = check("business_hours", P, **HOURS)
    assert judged(asked, FACTS, NOW + timedelta(hours=8)).state is W
    assert judged(asked, FACTS, NOW + timedelta(days=32)).state is F


# --- the lock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behavior", "holder", "waiting", "state"),
    [
        ("", None, {7}, P),
        ("", (7, "QA"), {7}, P),
        ("", (3, "QA"), {7}, W),
        ("", (7, "Other"), {7}, W),
        ("", None, {5, 7}, P),
        ("", None, {7, 9}, X),
        ("", (3, "QA"), {7, 9}, X),
        ("runLatest", None, {7, 9}, X),
        ("sequential", None, {7}, P),
        ("sequential", (3, "QA"), {7}, W),
        ("sequential", None, {5, 7}, W),
        ("sequential", None, {7, 9}, P),
        ("sequential", (7, "QA"), {5, 7}, P),
    ],
)
def test_the_exclusive_lock_admits_one_run_at_a_time(
    behavior: str, holder: tuple[int, str] | None, waiting: set[int], state: State
) -> None:
    contest = Contest(holder, frozenset(waiting))
    facts = replace(FACTS, lock_behavior=behavior, contests={"c": contest})
    assert judged(check("exclusive_lock"), facts, NOW).state is state


# --- the model gate -------------------------------------------------------------------------------------------------


def rule(name: str = "auc", **values: Any) -> dict[str, Any]:
    return {"name": name, **values}


@pytest.mark.parametrize(
    ("rules", "mine", "theirs", "state"),
    [
        ([rule(margin=0)], {"auc": 0.8}, {"auc": 0.8}, P),
        ([rule(margin=0)], {"auc": 0.8}, {"auc": 0.81}, F),
        ([rule(margin=0.01)], {"auc": 0.8}, {"auc": 0.795}, F),
        ([rule(margin=0.01)], {"auc": 0.82}, {"auc": 0.8}, P),
        ([rule(margin=-0.05)], {"auc": 0.78}, {"auc": 0.8}, P),
        ([rule("rmse", margin=0, direction="lower")], {"rmse": 1.0}, {"rmse": 1.1}, P),
        ([rule("rmse", margin=0, direction="lower")], {"rmse": 1.2}, {"rmse": 1.1}, F),
        ([rule(threshold=0.7)], {"auc": 0.7}, {}, P),
        ([rule(threshold=0.7)], {"auc": 0.69}, {}, F),
        ([rule("rmse", threshold=2, direction="lower")], {"rmse": 2.1}, {}, F),
        ([rule(threshold=0.7, margin=0)], {"auc": 0.9}, None, P),
        ([rule(threshold=0.7, margin=0)], {"auc": 0.6}, None, F),
        ([rule(margin=0)], {}, {"auc": 0.8}, F),
        ([rule(margin=0)], {"auc": 0.8}, {}, F),
        ([rule(margin=0)], {"auc": float("nan")}, {"auc": 0.1}, F),
        ([rule(margin=0)], {"auc": 0.9}, {"auc": float("nan")}, F),
        ([rule(threshold=0.1)], {"auc": float("inf")}, {}, F),
        ([rule(margin=0), rule("f1", margin=0)], {"auc": 0.9, "f1": 0.5}, {"auc": 0.8, "f1": 0.6}, F),
        ([rule(margin=0), rule("f1", threshold=0.4)], {"auc": 0.9, "f1": 0.5}, {"auc": 0.8}, P),
        ([], {"auc": 1.0}, {"auc": 0.1}, F),
    ],
)
def test_the_model_gate_fails_closed(rules: Any, mine: Any, theirs: Any, state: State) -> None:
    champion = None if theirs is None else Evidence("credit:2", theirs)
    facts = replace(FACTS, candidates={"c": Evidence("credit:3", mine)}, champions={"c": champion})
    assert judged(check("model_gate", model="credit", metrics=rules), facts, NOW).state is state


def test_a_gate_without_a_candidate_fails() -> None:
    assert judged(check("model_gate", metrics=[rule(threshold=0)]), FACTS, NOW).state is F


def test_a_check_of_a_kind_that_nobody_knows_fails() -> None:
    assert judged(check("wish"), FACTS, NOW).state is F


# --- together -------------------------------------------------------------------------------------------------------


def several(**states: State) -> list[Check]:
    settings: dict[str, Any] = {"branch_control": {"branches": ["refs/heads/main"]}}
    expires = NOW + timedelta(days=30)
    return [
        Check(kind, kind, settings.get(kind, {}), state, "ann", None if state is State.PENDING else expires)
        for kind, state in states.items()
    ]


def test_a_stage_without_checks_is_admitted() -> None:
    assert outcome([], FACTS, NOW).admission is Admission.ADMITTED


def test_categories_are_asked_one_after_the_other() -> None:
    later = {"approval": State.PENDING, "exclusive_lock": State.PENDING}
    assert outcome(several(branch_control=State.PENDING, **later), FACTS, NOW).asked == {"branch_control"}
    assert outcome(several(branch_control=W, **later), FACTS, NOW).asked == {"approval"}
    waits = outcome(several(branch_control=P, approval=W, exclusive_lock=State.PENDING), FACTS, NOW)
    assert (waits.admission, waits.asked) == (None, frozenset())
    assert outcome(several(branch_control=P, approval=P, exclusive_lock=State.PENDING), FACTS, NOW).asked == {
        "exclusive_lock"
    }
    assert outcome(several(branch_control=P, approval=P, exclusive_lock=W), FACTS, NOW).admission is Admission.ADMITTED


def test_a_refused_branch_is_rejected_before_anybody_is_asked() -> None:
    found = outcome(several(branch_control=W, approval=State.PENDING), replace(FACTS, branch="refs/heads/x"), NOW)
    assert (found.admission, found.asked) == (Admission.REJECTED, frozenset())


@pytest.mark.parametrize(
    ("one", "other", "admission"),
    [
        (P, P, Admission.ADMITTED),
        (P, W, None),
        (F, W, Admission.REJECTED),
        (X, W, Admission.EXPIRED),
        (F, X, Admission.REJECTED),
        (F, P, Admission.REJECTED),
        (X, P, Admission.EXPIRED),
    ],
)
def test_one_bad_end_is_enough(one: State, other: State, admission: Admission | None) -> None:
    checks = [replace(check("approval", one), id="1"), replace(check("approval", other), id="2")]
    assert outcome(checks, FACTS, NOW).admission is admission


def test_somebody_looks_again_when_the_first_of_them_runs_out() -> None:
    early = replace(check("approval"), id="1", expires_at=NOW + timedelta(hours=1))
    assert outcome([early, replace(check("approval"), id="2")], FACTS, NOW).look_again == early.expires_at
