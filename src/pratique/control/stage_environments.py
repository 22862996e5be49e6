"""Stage environments: what stages deploy to, with the approvals and checks that each has.

Whoever may write environments makes one; only an Owner says what is checked,
and removes one, because without it there is nothing to check.
"""

import re
import zoneinfo
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time
from typing import Any, Final

from pratique.base.errors import AlreadyExists, Conflict, InvalidInput, NotFound, Problem
from pratique.base.names import check_name
from pratique.control import projects
from pratique.control.actor import PLATFORM, Actor
from pratique.control.permissions import permit, project_scope, stage_environment_scope
from pratique.control.roles import find_assignee
from pratique.delivery.run import admission
from pratique.store import asked_checks, counters, events, principals, stage_environments
from pratique.store.database import Transaction
from pratique.store.events import Event
from pratique.store.stage_environments import EnvironmentCheck, StageEnvironment

IDS: Final = "stage environments"
CHECK_IDS: Final = "environment checks"
LONGEST_TIMEOUT: Final = 43_200
"""Minutes of thirty days, which Azure DevOps has as well."""
_TIMEOUTS: Final[Mapping[str, int]] = {admission.BUSINESS_HOURS: 1_440}
_LONGEST_TEXT: Final = 2_000
_MOST_TEXTS: Final = 20
_LONGEST_INTERVAL: Final = 1_440
"""Minutes of a day."""
_METHODS: Final = ("GET", "POST", "PUT", "PATCH")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


def create(
    tx: Transaction, actor: Actor, project: str, name: str, *, description: str = "", now: datetime
) -> StageEnvironment:
    """Make an environment, at first without checks; raises `AlreadyExists`."""
    projects.get(tx, actor, project)
    permit(actor, "stage_environments/write", project_scope(project))
    check_name("stage environment", name)
    if stage_environments.named(tx, project, name):
        raise AlreadyExists(f"there is an environment {name!r} already in project {project!r}")
    return _made(tx, actor, project, name, description, now=now)


def ensure(tx: Transaction, project: str, name: str, *, now: datetime) -> StageEnvironment:
    """The environment that a pipeline deploys to; one that nobody made is made, without checks, and told of."""
    check_name("stage environment", name)
    return stage_environments.named(tx, project, name) or _made(tx, PLATFORM, project, name, "", now=now)


def get(tx: Transaction, actor: Actor, project: str, which: str) -> StageEnvironment:
    """The environment of a project by name or id; raises `NotFound`."""
    projects.get(tx, actor, project)
    permit(actor, "stage_environments/read", project_scope(project))
    found = stage_environments.named(tx, project, which)
    if found is None and which.isdecimal() and len(which) < 10:
        by_id = stage_environments.get(tx, int(which))
        found = by_id if by_id and by_id.project == project else None
    if found is None:
        raise NotFound(
            f"there is no environment {which[:128]!r} in project {project!r}",
            hint=f"pratique pipelines environment create --name {which[:128]} --project {project}",
        )
    return found


def every(tx: Transaction, actor: Actor, project: str) -> list[StageEnvironment]:
    """The environments of a project, by name."""
    projects.get(tx, actor, project)
    permit(actor, "stage_environments/read", project_scope(project))
    return stage_environments.every(tx, project)


def delete(tx: Transaction, actor: Actor, project: str, which: str, *, now: datetime) -> None:
    """Remove an environment with its checks; `Conflict` while a stage waits at it or holds its lock."""
    known = get(tx, actor, project, which)
    permit(actor, "stage_environments/delete", project_scope(project))
    waiting = [one for kind in admission.KINDS for one in asked_checks.waiting_for(tx, known.id, kind=kind)]
    if waiting or known.lock_run is not None:
        run = waiting[0].run if waiting else known.lock_run
        raise Conflict(
            f"run {run} waits at the environment {known.name!r}, or deploys to it",
            hint=f"pratique pipelines runs cancel --id {run} --project {project}",
        )
    stage_environments.remove(tx, known.id)
    # A role must not wait for an environment that somebody makes later under the same name.
    principals.unassign_from(tx, stage_environment_scope(project, known.name))
    _tell(tx, actor, "Pratique.StageEnvironmentDeleted", known, now=now)


def add_check(
    tx: Transaction,
    actor: Actor,
    project: str,
    which: str,
    kind: str,
    settings: Mapping[str, Any],
    *,
    timeout_minutes: int | None = None,
    now: datetime,
) -> EnvironmentCheck:
    """Have every stage that deploys to an environment asked this from now on; raises `InvalidInput`."""
    known = get(tx, actor, project, which)
    permit(actor, "checks/write", stage_environment_scope(project, known.name))
    if kind not in _CHECKED:
        raise _wrong("kind", f"there is no check {kind[:40]!r}: expected {', '.join(admission.KINDS)}")
    limit = timeout_minutes if timeout_minutes is not None else _TIMEOUTS.get(kind, LONGEST_TIMEOUT)
    if not 1 <= limit <= LONGEST_TIMEOUT:
        raise _wrong("timeout", f"expected 1 to {LONGEST_TIMEOUT} minutes; got {limit}")
    wanted = _CHECKED[kind](tx, settings)
    made = EnvironmentCheck(
        counters.next_number(tx, CHECK_IDS), known.id, kind, wanted, limit, now, actor.to_document()
    )
    stage_environments.add_check(tx, made)
    _tell(tx, actor, "Pratique.CheckAdded", known, now=now, data={"check": made.id, "kind": kind})
    return made


def checks(tx: Transaction, actor: Actor, project: str, which: str) -> list[EnvironmentCheck]:
    """The checks of an environment, in the order of their making."""
    known = get(tx, actor, project, which)
    permit(actor, "checks/read", stage_environment_scope(project, known.name))
    return stage_environments.checks(tx, known.id)


def remove_check(tx: Transaction, actor: Actor, project: str, which: str, check: int, *, now: datetime) -> None:
    """Ask this no more; stages that asked it already go on as they were asked."""
    known = get(tx, actor, project, which)
    permit(actor, "checks/write", stage_environment_scope(project, known.name))
    found = next((one for one in stage_environments.checks(tx, known.id) if one.id == check), None)
    if found is None:
        raise NotFound(
            f"the environment {known.name!r} has no check {check}",
            hint=f"pratique pipelines environment check list --environment {known.name} --project {project}",
        )
    stage_environments.remove_check(tx, check)
    _tell(tx, actor, "Pratique.CheckRemoved", known, now=now, data={"check": check, "kind": found.kind})


# --- what each kind of check may say --------------------------------------------------------------------------------


def _approval(tx: Transaction, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("approvers", "minimum", "in_order", "allow_self", "instructions"))
    approvers = [find_assignee(tx, str(one)) for one in said.get("approvers") or ()]
    if machines := [one.name for one in approvers if one.kind == "managed_identity"]:
        raise _wrong("approvers", f"{machines[0]!r} is a managed identity, which approves nothing")
    ids = [*dict.fromkeys(one.id for one in approvers)]
    minimum, has_groups = said.get("minimum"), any(one.kind == "group" for one in approvers)
    if minimum is not None and (minimum < 1 or (ids and minimum > len(ids) and not has_groups)):
        raise _wrong("minimum", f"expected 1 to {len(ids) or 'as many as there are approvers'}; got {minimum}")
    if said.get("in_order") and not ids:
        raise _wrong("in_order", "an order needs approvers that are named")
    return {
        "approvers": ids,
        "minimum": minimum,
        "in_order": bool(said.get("in_order")),
        "allow_self": bool(said.get("allow_self")),
        "instructions": _text(said, "instructions"),
    }


def _branches(_tx: Transaction, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("branches",))
    branches = [str(one) for one in said.get("branches") or ()]
    short = [one for one in branches if not one.startswith("refs/")]
    if not branches or short:
        got = f"; got {short[0]!r}" if short else ""
        raise _wrong("branches", f"expected full names such as refs/heads/main or refs/heads/release/*{got}")
    return {"branches": branches}


def _hours(_tx: Transaction, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("days", "start", "end", "time_zone"))
    days = [str(one).lower() for one in said.get("days") or admission.DAYS[:5]]
    if strange := [one for one in days if one not in admission.DAYS]:
        raise _wrong("days", f"{strange[0]!r} is no day: expected {', '.join(admission.DAYS)}")
    start, end = _time(said, "start"), _time(said, "end")
    if not start < end:
        raise _wrong("end", f"expected a time after {start}; got {end}")
    zone = str(said.get("time_zone") or "UTC")
    try:
        zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _wrong("time_zone", f"{zone[:64]!r} is no time zone, such as UTC or Europe/Berlin") from error
    return {"days": days, "start": start, "end": end, "time_zone": zone}


def _gate(_tx: Transaction, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("workspace", "model", "champion_workspace", "champion_label", "metrics"))
    for key in ("workspace", "model"):
        check_name("workspace" if key == "workspace" else "asset", str(said.get(key) or ""))
    rules = [_rule(one) for one in said.get("metrics") or ()]
    if not rules:
        raise _wrong("metrics", "expected at least one, such as auc:higher:margin=0.0")
    return {
        "workspace": said["workspace"],
        "model": said["model"],
        "champion_workspace": str(said.get("champion_workspace") or said["workspace"]),
        "champion_label": str(said.get("champion_label") or ""),
        "metrics": rules,
    }


def _rule(said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("name", "direction", "threshold", "margin"))
    direction = said.get("direction") or "higher"
    if not said.get("name") or direction not in ("higher", "lower"):
        raise _wrong("metrics", "each has a name and a direction, higher or lower")
    if said.get("threshold") is None and said.get("margin") is None:
        raise _wrong("metrics", f"{said['name']}: expected a threshold, a margin over the champion, or both")
    numbers = {key: float(said[key]) for key in ("threshold", "margin") if said.get(key) is not None}
    return {"name": str(said["name"]), "direction": direction, **numbers}


def _rest(_tx: Transaction, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ("url", "method", "headers", "body", "success", "interval_minutes"))
    url, method = _text(said, "url"), str(said.get("method") or "POST").upper()
    if not url.startswith(("http://", "https://")) or not url.isprintable() or " " in url:
        raise _wrong("url", "expected http://… on loopback, or https://…")
    if method not in _METHODS:
        raise _wrong("method", f"expected {', '.join(_METHODS)}")
    minutes = int(said.get("interval_minutes") or 0)
    if not 0 <= minutes <= _LONGEST_INTERVAL:
        raise _wrong("interval_minutes", f"expected 0 (asked once) to {_LONGEST_INTERVAL}; got {minutes}")
    headers, success = _texts(said, "headers"), _texts(said, "success")
    if strange := [name for name, value in headers.items() if not _HEADER.fullmatch(name) or not value.isprintable()]:
        raise _wrong("headers", f"{strange[0][:40]!r} is no header")
    return {
        "url": url, "method": method, "headers": headers, "body": _text(said, "body"), "success": success,
        "interval_minutes": minutes,
    }  # fmt: skip


def _texts(said: Mapping[str, Any], key: str) -> dict[str, str]:
    found = said.get(key) or {}
    if (
        not isinstance(found, Mapping)
        or len(found) > _MOST_TEXTS
        or not all(isinstance(v, str) for v in found.values())
    ):
        raise _wrong(key, f"expected up to {_MOST_TEXTS} names with texts")
    return {str(name): _text(found, str(name)) for name in found}


def _lock(_tx: Transaction, said: Mapping[str, Any]) -> dict[str, Any]:
    _only(said, ())
    return {}


_CHECKED: Final[Mapping[str, Callable[[Transaction, Mapping[str, Any]], dict[str, Any]]]] = {
    admission.APPROVAL: _approval,
    admission.BRANCH_CONTROL: _branches,
    admission.BUSINESS_HOURS: _hours,
    admission.MODEL_GATE: _gate,
    admission.REST: _rest,
    admission.EXCLUSIVE_LOCK: _lock,
}


def _only(said: Mapping[str, Any], known: Sequence[str]) -> None:
    if strange := sorted(set(said) - set(known)):
        raise _wrong(strange[0], f"unknown key; known: {', '.join(known) or 'none'}")


def _time(said: Mapping[str, Any], key: str) -> str:
    try:
        return time.fromisoformat(str(said.get(key) or "")).strftime("%H:%M")
    except ValueError as error:
        raise _wrong(key, f"expected a time such as 09:00; got {str(said.get(key))[:20]!r}") from error


def _text(said: Mapping[str, Any], key: str) -> str:
    text = str(said.get(key) or "")
    if len(text) > _LONGEST_TEXT:
        raise _wrong(key, f"at most {_LONGEST_TEXT:,} characters")
    return text


def _wrong(key: str, said: str) -> InvalidInput:
    return InvalidInput(f"{key}: {said}", problems=[Problem(said, key=key)])


def _made(
    tx: Transaction, actor: Actor, project: str, name: str, description: str, *, now: datetime
) -> StageEnvironment:
    number = counters.next_number(tx, IDS)
    made = StageEnvironment(number, project, name, description, None, None, now, actor.to_document())
    stage_environments.add(tx, made)
    _tell(tx, actor, "Pratique.StageEnvironmentCreated", made, now=now)
    return made


def _tell(
    tx: Transaction,
    actor: Actor,
    kind: str,
    environment: StageEnvironment,
    *,
    now: datetime,
    data: Mapping[str, Any] | None = None,
) -> None:
    facts = {"name": environment.name, "project": environment.project, **(data or {})}
    subject = f"environments/{environment.name}"
    event = Event(kind, subject, project_scope(environment.project), actor.to_document(), facts)
    events.append(tx, event, now=now)
