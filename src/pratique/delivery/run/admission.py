"""May a stage begin? What its approvals and checks say, given everything that is known; a pure function.

    category   static            branch control
               dynamic           approval, business hours, model gate, REST
               lock              exclusive lock

The categories come one after the other, the checks of one together; the first
that ends badly ends it all. A check of a later category is not asked, and its
time does not run, before every earlier one has passed.

What has to be asked outside, metrics of a run or somebody's REST API, is not
asked here: `Found.asks_outside` says that it is wanted, and the next call has it
among the facts.

Nothing here has a clock: who asks says what time it is, and is told when to
ask again if nothing happens before.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Final
from zoneinfo import ZoneInfo

from pratique.delivery.run.outcomes import Admission

APPROVAL: Final = "approval"
BRANCH_CONTROL: Final = "branch_control"
BUSINESS_HOURS: Final = "business_hours"
MODEL_GATE: Final = "model_gate"
REST: Final = "rest"
EXCLUSIVE_LOCK: Final = "exclusive_lock"
VALIDATION: Final = "manual_validation"
"""What a step asks; no environment has it as a check, and it admits no stage."""
ASKED_OF_PEOPLE: Final = (APPROVAL, VALIDATION)
CATEGORIES: Final[tuple[frozenset[str], ...]] = (
    frozenset({BRANCH_CONTROL}),
    frozenset({APPROVAL, BUSINESS_HOURS, MODEL_GATE, REST}),
    frozenset({EXCLUSIVE_LOCK}),
)
KINDS: Final = tuple(sorted(kind for category in CATEGORIES for kind in category))
DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
SEQUENTIAL: Final = "sequential"
_LOOK_AGAIN: Final = timedelta(seconds=5)
"""While somebody who came earlier is about to take a lock that is free."""
_READ_AGAIN: Final = timedelta(seconds=30)
"""After metrics could not be read."""


class State(StrEnum):
    """How far one check is."""

    PENDING = "pending"
    """Not asked yet: an earlier category has not passed."""
    WAITING = "waiting"
    PASSED = "passed"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True)
class Answer:
    """What one person said."""

    who: str
    """The id of a principal."""
    name: str
    approves: bool
    comment: str
    at: datetime
    entries: tuple[str, ...] = ()
    """The named approvers for whom they could say it: themselves, and the groups that they were in then."""


@dataclass(frozen=True)
class Check:
    """One check as it was when the stage asked it."""

    id: str
    kind: str
    settings: Mapping[str, Any]
    state: State
    requested_by: str = ""
    """The id of whoever queued the run."""
    expires_at: datetime | None = None
    """Set as soon as it is asked."""
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """The metrics of a model version, by name."""

    name: str
    metrics: Mapping[str, float] = field(default_factory=dict)
    unread: str = ""
    """Why more metrics are not known now, those of the run that trained it; empty when these are all."""
    is_asked: bool = True
    """Whether `unread` is the answer of somebody who asked; else it is to be asked now."""


@dataclass(frozen=True)
class Reply:
    """What somebody's REST API said."""

    holds: bool
    said: str


@dataclass(frozen=True)
class Contest:
    """Who else is about the lock of an environment."""

    holder: tuple[int, str] | None = None
    """The run and stage that hold it."""
    waiting: frozenset[int] = frozenset()
    """The runs that wait for it or are about to, this one among them or not."""


@dataclass(frozen=True)
class Facts:
    """What checks are judged by."""

    run: int
    stage: str
    branch: str
    lock_behavior: str = ""
    contests: Mapping[str, Contest] = field(default_factory=dict)
    """By the check's id."""
    candidates: Mapping[str, Evidence | None] = field(default_factory=dict)
    """By the check's id; None when there is no candidate."""
    champions: Mapping[str, Evidence | None] = field(default_factory=dict)
    replies: Mapping[str, Reply] = field(default_factory=dict)
    """By the check's id, those that were asked just now."""
    due: Mapping[str, datetime | None] = field(default_factory=dict)
    """By the check's id: when it is asked again."""


@dataclass(frozen=True)
class Found:
    """What one check says now."""

    state: State
    reason: str = ""
    look_again: datetime | None = None
    asks_outside: bool = False
    """Whether something has to be asked outside before more can be said."""


@dataclass(frozen=True)
class Outcome:
    """What all of them say now."""

    admission: Admission | None
    found: Mapping[str, Found]
    """By the check's id, those that were judged."""
    asked: frozenset[str] = frozenset()
    """Those whose turn has come with this: their time begins."""
    look_again: datetime | None = None


def outcome(checks: Sequence[Check], facts: Facts, now: datetime) -> Outcome:
    """What the checks of one stage say of it.

    A check that has to be asked first is only named in `asked`: give it its
    `expires_at`, write it as waiting, and call again.
    """
    found: dict[str, Found] = {}
    for category in CATEGORIES:
        members = [check for check in checks if check.kind in category]
        if asked := frozenset(check.id for check in members if check.state is State.PENDING):
            return Outcome(None, found, asked)
        found |= {check.id: judged(check, facts, now) for check in members}
        states = [found[check.id].state for check in members]
        if State.FAILED in states:
            return Outcome(Admission.REJECTED, found)
        if State.EXPIRED in states:
            return Outcome(Admission.EXPIRED, found)
        if any(state is not State.PASSED for state in states):
            times = [found[one.id].look_again for one in members if found[one.id].state is State.WAITING]
            known = [moment for moment in times if moment is not None]
            return Outcome(None, found, look_again=min(known) if known else None)
    return Outcome(Admission.ADMITTED, found)


def judged(check: Check, facts: Facts, now: datetime) -> Found:
    """What one check says now; what has ended stays as it ended, but for hours, which can close again."""
    if check.state in (State.FAILED, State.EXPIRED) or (
        check.state is State.PASSED and check.kind not in (BUSINESS_HOURS, EXCLUSIVE_LOCK)
    ):
        return Found(check.state)
    match check.kind:
        case "approval" | "manual_validation":
            return _in_time(_approval(check), check, now, late=State.EXPIRED)
        case "branch_control":
            return _branch(check, facts)
        case "business_hours":
            return _in_time(_hours(check, now), check, now, late=State.FAILED)
        case "model_gate":
            return _in_time(_gate(check, facts, now), check, now, late=State.FAILED)
        case "rest":
            return _in_time(_rest(check, facts, now), check, now, late=State.FAILED)
        case "exclusive_lock":
            return _in_time(_lock(check, facts, now), check, now, late=State.EXPIRED)
        case _:
            return Found(State.FAILED, f"there is no check of the kind {check.kind}")


def _in_time(found: Found, check: Check, now: datetime, *, late: State) -> Found:
    if found.state is not State.WAITING or check.expires_at is None:
        return found
    if now >= check.expires_at:
        return Found(late, f"nothing came of it in time: {found.reason}")
    again = found.look_again
    soonest = min(again, check.expires_at) if again else check.expires_at
    return Found(State.WAITING, found.reason, soonest, found.asks_outside)


# --- approvals ------------------------------------------------------------------------------------------------------


def quorum(settings: Mapping[str, Any]) -> int:
    """How many must approve: what was said, else all that are named, else one."""
    return int(settings.get("minimum") or len(settings.get("approvers") or ()) or 1)


def refusal(check: Check, who: str, *, has_role: bool, groups: Collection[str] = ()) -> str:
    """Why `who` (an id), who is in these groups, may not answer this approval now; empty when they may."""
    named = [str(one) for one in check.settings.get("approvers") or ()]
    mine = entries_of(check, who, groups)
    if named and not mine:
        return "you are not one of its approvers"
    if not named and not has_role:
        return "you have no role that decides approvals there, such as Approver"
    if who == check.requested_by and not check.settings.get("allow_self"):
        return "you queued this run yourself, and self-approval is off"
    if any(answer.who == who for answer in check.answers):
        return "you have answered already"
    if check.settings.get("in_order"):
        is_next = named[len(check.answers) : len(check.answers) + 1]
        return "somebody is asked before you" if is_next and is_next[0] not in mine else ""
    said = [answer.entries or (answer.who,) for answer in check.answers]
    if named and not check.settings.get("minimum") and _spoken_for([*said, mine]) == _spoken_for(said):
        return "all for whom you could answer have answered already"
    return ""


def entries_of(check: Check, who: str, groups: Collection[str]) -> tuple[str, ...]:
    """The named approvers for whom `who` (an id), who is in these groups, may answer."""
    return tuple(str(one) for one in check.settings.get("approvers") or () if one == who or one in groups)


def _spoken_for(answers: Sequence[Sequence[str]]) -> int:
    """For how many approvers these answers speak at most, each answer for one of those that it could.

    So one person in two groups is not both of them, and who answers first takes no group from who can
    speak for no other: a largest matching of answers and approvers, found along augmenting paths.
    """
    taken: dict[str, int] = {}

    def finds_place(answer: int, tried: set[str]) -> bool:
        for entry in answers[answer]:
            if entry not in tried:
                tried.add(entry)
                if entry not in taken or finds_place(taken[entry], tried):
                    taken[entry] = answer
                    return True
        return False

    return sum(finds_place(answer, set()) for answer in range(len(answers)))


def _approval(check: Check) -> Found:
    for answer in check.answers:
        if not answer.approves:
            said = f": {answer.comment}" if answer.comment else ""
            return Found(State.FAILED, f"rejected by {answer.name}{said}")
    given = [answer.name for answer in check.answers]
    wanted = quorum(check.settings)
    if len(given) >= wanted:
        return Found(State.PASSED, f"approved by {', '.join(given)}")
    return Found(State.WAITING, f"{len(given)} of {wanted} approvals")


# --- checks that nobody answers -------------------------------------------------------------------------------------


def _branch(check: Check, facts: Facts) -> Found:
    allowed = [str(one) for one in check.settings.get("branches") or ()]
    if any(fnmatchcase(facts.branch, pattern) for pattern in allowed):
        return Found(State.PASSED, f"{facts.branch} is allowed")
    return Found(State.FAILED, f"{facts.branch or 'a run without a branch'} is none of {', '.join(allowed)}")


def _hours(check: Check, now: datetime) -> Found:
    settings = check.settings
    zone = ZoneInfo(str(settings["time_zone"]))
    start, end = time.fromisoformat(str(settings["start"])), time.fromisoformat(str(settings["end"]))
    days = {DAYS.index(str(day)) for day in settings["days"]}
    here = now.astimezone(zone)
    if here.weekday() in days and start <= here.time().replace(tzinfo=None) < end:
        return Found(State.PASSED, f"{here:%A %H:%M} is within the hours")
    return Found(
        State.WAITING, f"{here:%A %H:%M} is outside the hours", _opens(here, start, days).astimezone(now.tzinfo)
    )


def _opens(here: datetime, start: time, days: set[int]) -> datetime:
    """The next opening after `here`, in its time zone."""
    for ahead in range(8):
        day = here.date() + timedelta(days=ahead)
        opening = datetime.combine(day, start, here.tzinfo)
        if day.weekday() in days and opening > here:
            return opening
    return here + timedelta(days=1)


def _lock(check: Check, facts: Facts, now: datetime) -> Found:
    contest = facts.contests.get(check.id, Contest())
    if contest.holder == (facts.run, facts.stage):
        return Found(State.PASSED, "it holds the lock")
    others = contest.waiting - {facts.run}
    is_sequential = facts.lock_behavior == SEQUENTIAL
    if not is_sequential and (later := [run for run in others if run > facts.run]):
        return Found(State.EXPIRED, f"run {max(later)} came later and waits for the same environment")
    if contest.holder is not None:
        return Found(State.WAITING, f"run {contest.holder[0]} holds the lock")
    if is_sequential and (earlier := [run for run in others if run < facts.run]):
        # Nobody gives back a lock that nobody holds, so it is looked at again.
        return Found(State.WAITING, f"run {min(earlier)} came earlier and goes first", now + _LOOK_AGAIN)
    return Found(State.PASSED, "the lock is free")


def _gate(check: Check, facts: Facts, now: datetime) -> Found:
    """The candidate has every metric, reaches every minimum and is as far from the champion as was said."""
    candidate, champion = facts.candidates.get(check.id), facts.champions.get(check.id)
    if candidate is None:
        return Found(State.FAILED, f"this run made no version of the model {check.settings.get('model')}")
    rules = check.settings.get("metrics") or ()
    if not rules:
        return Found(State.FAILED, "no metric is declared")
    names = {str(rule["name"]) for rule in rules}
    of_champion = {str(rule["name"]) for rule in rules if rule.get("margin") is not None}
    for one, wanted in ((candidate, names), (champion, of_champion)):
        if one is not None and one.unread and not wanted <= {*one.metrics}:
            again = now + _READ_AGAIN if one.is_asked else now
            return Found(State.WAITING, one.unread, again, asks_outside=not one.is_asked)
    said = [_rule(rule, candidate, champion) for rule in rules]
    who = f"{candidate.name} against {champion.name}" if champion else f"{candidate.name}, no champion yet"
    reason = f"{who}: {'; '.join(words for _, words in said)}"
    return Found(State.PASSED if all(holds for holds, _ in said) else State.FAILED, reason)


def _rule(rule: Mapping[str, Any], candidate: Evidence, champion: Evidence | None) -> tuple[bool, str]:
    name = str(rule["name"])
    mine = candidate.metrics.get(name)
    if mine is None or not math.isfinite(mine):
        return False, f"{candidate.name} has no metric {name}"
    sign = -1.0 if rule.get("direction") == "lower" else 1.0
    limit = rule.get("threshold")
    if limit is not None and sign * mine < sign * float(limit):
        return False, f"{name} {mine:g} does not reach {float(limit):g}"
    margin = rule.get("margin")
    if margin is None or champion is None:
        return True, f"{name} {mine:g}"
    theirs = champion.metrics.get(name)
    if theirs is None or not math.isfinite(theirs):
        return False, f"{champion.name} has no metric {name}"
    gained = sign * (mine - theirs)
    words = f"{name} {mine:g} beside {theirs:g}"
    if gained < float(margin):
        return False, f"{words}, better by {gained:g} and not by {float(margin):g}"
    return True, words


def _rest(check: Check, facts: Facts, now: datetime) -> Found:
    """What the API that is asked said; whatever is no clear yes is a no, for now or for good."""
    reply = facts.replies.get(check.id)
    if reply is None:
        due = facts.due.get(check.id)
        if due is None or due <= now:
            return Found(State.WAITING, "it is being asked", now, asks_outside=True)
        return Found(State.WAITING, look_again=due)
    if reply.holds:
        return Found(State.PASSED, reply.said)
    minutes = int(check.settings.get("interval_minutes") or 0)
    if not minutes:
        return Found(State.FAILED, reply.said)
    return Found(State.WAITING, reply.said, now + timedelta(minutes=minutes))
