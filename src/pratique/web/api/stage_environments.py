"""Stage environments, their checks, and approvals, those of steps among them, with what each is given for."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from pratique.base.clock import iso, utc_now
from pratique.control import approvals, promotion, stage_environments
from pratique.control.actor import Actor
from pratique.control.approvals import Approval
from pratique.specs.key_types import Text
from pratique.store.asked_checks import AskedCheck
from pratique.store.database import Transaction
from pratique.store.stage_environments import EnvironmentCheck, StageEnvironment
from pratique.web.api.fields import RequestBody
from pratique.web.auth import KNOWN, allow_somewhere
from pratique.web.platform import Here

router = APIRouter(prefix="/delivery", tags=["delivery"])
Reader = Annotated[Actor, Depends(allow_somewhere("stage_environments/read"))]
Writer = Annotated[Actor, Depends(allow_somewhere("stage_environments/write"))]
Deleter = Annotated[Actor, Depends(allow_somewhere("stage_environments/delete"))]
CheckReader = Annotated[Actor, Depends(allow_somewhere("checks/read"))]
CheckWriter = Annotated[Actor, Depends(allow_somewhere("checks/write"))]
# Whom an approval names may see and answer it without any role, so the verbs ask.
Somebody = Annotated[Actor, Depends(KNOWN)]


class EnvironmentBody(RequestBody):
    """A new environment."""

    name: Text
    description: Text = ""


class CheckBody(RequestBody):
    """A new check; what its settings may say depends on its kind."""

    kind: Text
    settings: dict[str, Any] = Field(default_factory=dict)
    timeout_minutes: int | None = None


class DecisionBody(RequestBody):
    """What somebody answers, and the digest of what they were shown."""

    approves: bool
    comment: str = ""
    binding: Text = ""


def document(environment: StageEnvironment) -> dict[str, Any]:
    """An environment as Azure DevOps prints it."""
    lock = {"run": environment.lock_run, "stage": environment.lock_stage} if environment.lock_run else None
    return {
        "id": environment.id,
        "name": environment.name,
        "description": environment.description,
        "project": {"name": environment.project},
        "createdBy": {"displayName": str(environment.created_by.get("name", ""))},
        "createdOn": iso(environment.created_at),
        "lock": lock,
    }


@router.get("/projects/{project}/environments")
def every(platform: Here, actor: Reader, project: str) -> list[dict[str, Any]]:
    """The environments of a project."""
    with platform.database.read() as tx:
        return [document(one) for one in stage_environments.every(tx, actor, project)]


@router.post("/projects/{project}/environments", status_code=201)
def create(platform: Here, actor: Writer, project: str, body: EnvironmentBody) -> dict[str, Any]:
    """Make an environment."""
    with platform.database.write() as tx:
        return document(
            stage_environments.create(tx, actor, project, body.name, description=body.description, now=utc_now())
        )


@router.get("/projects/{project}/environments/{environment}")
def get(platform: Here, actor: Reader, project: str, environment: str) -> dict[str, Any]:
    """One environment, by name or id."""
    with platform.database.read() as tx:
        return document(stage_environments.get(tx, actor, project, environment))


@router.delete("/projects/{project}/environments/{environment}", status_code=204)
def delete(platform: Here, actor: Deleter, project: str, environment: str) -> None:
    """Remove an environment with its checks."""
    with platform.database.write() as tx:
        stage_environments.delete(tx, actor, project, environment, now=utc_now())


@router.get("/projects/{project}/environments/{environment}/checks")
def checks(platform: Here, actor: CheckReader, project: str, environment: str) -> list[dict[str, Any]]:
    """The checks of an environment."""
    with platform.database.read() as tx:
        return [_check(one) for one in stage_environments.checks(tx, actor, project, environment)]


@router.post("/projects/{project}/environments/{environment}/checks", status_code=201)
def add_check(platform: Here, actor: CheckWriter, project: str, environment: str, body: CheckBody) -> dict[str, Any]:
    """Have every stage that deploys to an environment asked this from now on."""
    with platform.database.write() as tx:
        made = stage_environments.add_check(
            tx, actor, project, environment, body.kind, body.settings, timeout_minutes=body.timeout_minutes,
            now=utc_now(),
        )  # fmt: skip
    return _check(made)


@router.delete("/projects/{project}/environments/{environment}/checks/{check}", status_code=204)
def remove_check(platform: Here, actor: CheckWriter, project: str, environment: str, check: int) -> None:
    """Ask this no more."""
    with platform.database.write() as tx:
        stage_environments.remove_check(tx, actor, project, environment, check, now=utc_now())


@router.get("/projects/{project}/approvals")
def every_approval(
    platform: Here,
    actor: Somebody,
    project: str,
    state: Annotated[str, Query(max_length=10)] = "",
    run: Annotated[int | None, Query(ge=0)] = None,
) -> list[dict[str, Any]]:
    """The approvals of a project, or of one run of it, that the caller may see, newest first."""
    with platform.database.read() as tx:
        return [_approval(one) for one in approvals.every(tx, actor, project, state=state, run=run)]


@router.get("/approvals/{approval}")
def get_approval(platform: Here, actor: Somebody, approval: str) -> dict[str, Any]:
    """One approval, with what it is given for and every check that its stage asked."""
    with platform.database.read() as tx:
        return _whole(tx, approvals.get(tx, actor, approval))


@router.post("/approvals/{approval}")
def decide(platform: Here, actor: Somebody, approval: str, body: DecisionBody) -> dict[str, Any]:
    """Answer an approval."""
    with platform.database.write() as tx:
        found = approvals.decide(
            tx, actor, approval, approves=body.approves, comment=body.comment, binding_digest=body.binding,
            now=utc_now(),
        )  # fmt: skip
        return _whole(tx, found)


def _check(check: EnvironmentCheck) -> dict[str, Any]:
    return {
        "id": check.id,
        "type": check.kind,
        "settings": dict(check.settings),
        "timeout": check.timeout_minutes,
        "createdBy": {"displayName": str(check.created_by.get("name", ""))},
        "createdOn": iso(check.created_at),
    }


def _approval(approval: Approval) -> dict[str, Any]:
    asked, run = approval.asked, approval.run
    return {
        "id": asked.id,
        "type": asked.kind,
        "status": asked.state,
        "reason": asked.reason,
        "run": {"id": run.id, "name": run.number},
        "stage": asked.stage,
        "job": asked.settings.get("job"),
        "environment": asked.environment or None,
        "instructions": str(asked.settings.get("instructions") or ""),
        "approvers": list(approval.approvers),
        "minRequiredApprovers": approval.wanted,
        "executionOrder": "inSequence" if asked.settings.get("in_order") else "anyOrder",
        "requestedBy": {"displayName": str(asked.requested_by.get("name", ""))},
        "steps": [{key: one.get(key) for key in ("name", "approves", "comment", "at")} for one in asked.answers],
        "createdOn": iso(asked.asked_at),
        "expiresOn": iso(asked.expires_at) if asked.expires_at else None,
        "binding": str(asked.bound.get("digest", "")),
    }


def _whole(tx: Transaction, approval: Approval) -> dict[str, Any]:
    return _approval(approval) | {
        "bound": dict(approval.asked.bound),
        "evaluation": promotion.evaluation(tx, approval.run, approval.asked.bound),
        "checks": [_asked(one) for one in promotion.asked_beside(tx, approval.asked)],
    }


def _asked(asked: AskedCheck) -> dict[str, Any]:
    return {"type": asked.kind, "environment": asked.environment, "status": asked.state, "reason": asked.reason}
