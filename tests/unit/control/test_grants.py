"""From claims to actors: roles are read now, and who is gone is nobody."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pratique.base.errors import Forbidden, Unauthenticated
from pratique.control import principals, roles
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.credentials import Credential
from pratique.control.grants import actor_of, token_for, token_of, token_of_job, token_of_service
from pratique.control.permissions import is_permitted
from pratique.control.tokens import Issuer
from pratique.store import groups, jobs, workspaces
from pratique.store.database import Database
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.principals import Principal
from pratique.store.workspaces import Workspace

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("keys"), "http://127.0.0.1:7070")


@pytest.fixture
def robot(database: Database, now: datetime) -> Principal:
    with database.write() as tx:
        credential = Credential("", "$argon2id$unused", now + HOUR)
        robot = principals.create_service_principal(tx, PLATFORM, "robot", credential=credential, now=now)
        principals.ensure_owner(tx, "ann", now=now)
        roles.assign(tx, PLATFORM, role="Reader", assignee="robot", scope="/", now=now)
    return robot


@pytest.fixture
def job(database: Database, now: datetime) -> Job:
    job = Job(
        "j1", "dev", "brave_boat", {}, {}, {}, "Running", 1, "", "", False, False, None, {}, now, now, None, {}
    )  # fmt: skip
    with database.write() as tx:
        groups.add(tx, ResourceGroup("team", "local", {}, now))
        workspaces.add(tx, Workspace("dev", "team", "local", "dev", "", {}, now, {}))
        jobs.add(tx, job)
    return job


def whose(database: Database, issuer: Issuer, token: str, now: datetime) -> Actor:
    with database.read() as tx:
        return actor_of(tx, issuer.verify(token, now=now))


def test_a_token_stands_for_its_principal_with_the_roles_of_now(
    database: Database, issuer: Issuer, robot: Principal, now: datetime
) -> None:
    token = token_of(issuer, robot, lasting=HOUR, now=now)
    assert whose(database, issuer, token, now).grants == (Grant("Reader", "/"),)
    with database.write() as tx:
        (row,) = roles.every(tx, PLATFORM, assignee="robot")
        roles.unassign(tx, PLATFORM, row.assignment.id, now=now)
    assert whose(database, issuer, token, now) == Actor(robot.id, "robot", "service_principal", ())


def test_the_token_of_a_deleted_principal_is_refused_even_when_the_name_is_taken_again(
    database: Database, issuer: Issuer, robot: Principal, now: datetime
) -> None:
    token = token_of(issuer, robot, lasting=HOUR, now=now)
    with database.write() as tx:
        principals.delete(tx, PLATFORM, robot.id, kind="service_principal", now=now)
        credential = Credential("", "$argon2id$unused", now + HOUR)
        principals.create_service_principal(tx, PLATFORM, "robot", credential=credential, now=now)
    with pytest.raises(Unauthenticated, match="does not exist any more"):
        whose(database, issuer, token, now)


@pytest.mark.parametrize("kind", ["user", "job", "platform", "service_principal ", "", "owner"])
def test_a_token_of_another_kind_is_refused(
    database: Database, issuer: Issuer, robot: Principal, now: datetime, kind: str
) -> None:
    token = issuer.issue(robot.id, kind=kind, name="robot", lasting=HOUR, now=now)
    with pytest.raises(Unauthenticated):
        whose(database, issuer, token, now)


def test_a_job_may_work_in_its_workspace_only(database: Database, issuer: Issuer, job: Job, now: datetime) -> None:
    actor = whose(database, issuer, token_of_job(issuer, job, lasting=HOUR, now=now), now)
    assert (actor.id, actor.name, actor.kind) == ("job:j1", "brave_boat", "job")
    assert is_permitted(actor, "runs/write", "/workspaces/dev")
    assert not is_permitted(actor, "runs/write", "/workspaces/qa")
    assert not is_permitted(actor, "jobs/write", "/workspaces/dev")


@pytest.mark.parametrize("status", jobs.TERMINAL)
def test_the_token_of_a_job_ends_with_the_job(
    database: Database, issuer: Issuer, job: Job, now: datetime, status: str
) -> None:
    token = token_of_job(issuer, job, lasting=HOUR, now=now)
    with database.write() as tx:
        jobs.change(tx, job.id, status=status)
    with pytest.raises(Unauthenticated, match="has ended"):
        whose(database, issuer, token, now)


def test_the_token_of_a_job_that_is_gone_is_refused(
    database: Database, issuer: Issuer, job: Job, now: datetime
) -> None:
    token = token_of_job(issuer, job, lasting=HOUR, now=now)
    with database.write() as tx:
        workspaces.remove(tx, "dev")
    with pytest.raises(Unauthenticated):
        whose(database, issuer, token, now)


@pytest.mark.parametrize("subject", ["j1", "job:", "job:nobody", "service:mlflow"])
def test_a_job_is_named_in_full(database: Database, issuer: Issuer, job: Job, now: datetime, subject: str) -> None:
    token = issuer.issue(subject, kind="job", name="x", lasting=HOUR, now=now)
    with pytest.raises(Unauthenticated):
        whose(database, issuer, token, now)


def test_the_tracking_server_may_keep_artifacts_and_nothing_else(
    database: Database, issuer: Issuer, now: datetime
) -> None:
    actor = whose(database, issuer, token_of_service(issuer, "mlflow", lasting=HOUR, now=now), now)
    assert is_permitted(actor, "artifacts/write", "/workspaces/any")
    assert not is_permitted(actor, "models/write", "/workspaces/any")
    assert not is_permitted(actor, "principals/read", "/")


def test_a_part_that_the_platform_does_not_have_gets_no_token(
    database: Database, issuer: Issuer, now: datetime
) -> None:
    with pytest.raises(ValueError, match="envoy"):
        token_of_service(issuer, "envoy", lasting=HOUR, now=now)
    for subject in ("service:envoy", "mlflow", "platform"):
        token = issuer.issue(subject, kind="platform", name="x", lasting=HOUR, now=now)
        with pytest.raises(Unauthenticated):
            whose(database, issuer, token, now)


def test_a_token_for_others_does_not_come_in_here(
    issuer: Issuer, robot: Principal, now: datetime, tmp_path: Path
) -> None:
    stranger = Issuer(tmp_path, issuer.issuer)
    with pytest.raises(Unauthenticated):
        issuer.verify(token_of(stranger, robot, lasting=HOUR, now=now), now=now)


def test_the_tokens_of_a_principal_end_with_its_secret_and_those_after_it_count(
    database: Database, issuer: Issuer, robot: Principal, now: datetime
) -> None:
    old = token_of(issuer, robot, lasting=HOUR, now=now)
    credential = Credential("", "$argon2id$unused", now + HOUR)
    with database.write() as tx:
        changed = principals.reset_credential(tx, PLATFORM, "robot", credential=credential, now=now)
    with pytest.raises(Unauthenticated, match="revoked"):
        whose(database, issuer, old, now)
    new = token_of(issuer, changed, lasting=HOUR, now=now)
    assert whose(database, issuer, new, now).name == "robot"
    with database.write() as tx:
        principals.revoke(tx, PLATFORM, "robot", now=now)
    with pytest.raises(Unauthenticated, match="revoked"):
        whose(database, issuer, new, now)


def test_a_token_for_another_says_who_and_opens_nothing_here_and_ends_with_its_proof(
    database: Database, issuer: Issuer, robot: Principal, now: datetime
) -> None:
    claims = issuer.verify(token_of(issuer, robot, lasting=HOUR, now=now), now=now)
    with database.read() as tx:
        token = token_for(tx, issuer, claims, "api://credit", lasting=HOUR * 9, now=now)
    with pytest.raises(Unauthenticated):
        whose(database, issuer, token, now)
    said = issuer.verify(token, now=now, audiences=("api://credit",))
    assert (said["sub"], said["exp"], said["aud"]) == (robot.id, claims["exp"], "api://credit")


def test_a_job_is_nobody_to_others_and_itself_here(database: Database, issuer: Issuer, job: Job, now: datetime) -> None:
    claims = issuer.verify(token_of_job(issuer, job, lasting=HOUR, now=now), now=now)
    with database.read() as tx:
        with pytest.raises(Forbidden, match="nobody to 'api://credit'"):
            token_for(tx, issuer, claims, "api://credit", lasting=HOUR, now=now)
        token = token_for(tx, issuer, claims, "https://ml.azure.com", lasting=HOUR, now=now)
    assert whose(database, issuer, token, now).kind == "job"
