"""Groups, workspaces, principals, jobs, endpoints and deployments: what is written comes back, and belongs together."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from pratique.base.ids import new_id
from pratique.store import deployments, endpoints, groups, jobs, principals, replicas, workspaces
from pratique.store.database import Database
from pratique.store.deployments import OnlineDeployment
from pratique.store.endpoints import OnlineEndpoint
from pratique.store.groups import ResourceGroup
from pratique.store.jobs import Job
from pratique.store.principals import BrowserToken, Principal, RoleAssignment
from pratique.store.replicas import Replica
from pratique.store.workspaces import Workspace


@pytest.fixture
def ada(now: datetime) -> Principal:
    return Principal(new_id(), "user", "ada", "Ada", "hash", now, now)


@pytest.fixture
def endpoint(now: datetime) -> OnlineEndpoint:
    return OnlineEndpoint(
        new_id(), "dev", "credit", {"name": "credit"}, {"blue": 100}, {}, "sealed 1", "sealed 2",
        "Creating", None, 1, 0, now, now, {"name": "ada"},
    )  # fmt: skip


def deployment_of(endpoint: OnlineEndpoint, name: str, now: datetime, **values: Any) -> OnlineDeployment:
    facts: dict[str, Any] = {
        "id": new_id(), "endpoint_id": endpoint.id, "workspace": endpoint.workspace, "endpoint": endpoint.name,
        "name": name, "spec": {}, "resolved": {}, "all_traffic": False, "provisioning_state": "Creating",
        "error": None, "generation": 1, "revision": 1, "applied": 0, "applied_spec": {},
        "timings": {"ready": 0.25}, "retire_at": None,
        "created_at": now, "updated_at": now, "created_by": {"name": "ada"},
    }  # fmt: skip
    return OnlineDeployment(**(facts | values))


def test_a_group_and_a_workspace_come_back_as_they_were_written(database: Database, now: datetime) -> None:
    group = ResourceGroup("teams", "local", {"cost": "1"}, now)
    workspace = Workspace("prod", "teams", "local", "Production", "words", {"a": "b"}, now, {"name": "ada"}, "prod-1")
    with database.write() as tx:
        groups.add(tx, group)
        workspaces.add(tx, workspace)
    with database.read() as tx:
        assert groups.get(tx, "teams") == group
        assert workspaces.get(tx, "prod") == workspace
        assert workspaces.in_group(tx, "teams") == [workspace]
        assert [one.name for one in workspaces.every(tx)] == ["dev", "prod", "qa"]


def test_a_workspace_keeps_what_mlflow_knows_it_by_and_the_next_of_its_name_has_another(
    database: Database, now: datetime
) -> None:
    workspace = Workspace("new", "rg", "local", "New", "", {}, now, {"name": "ada"})
    known = []
    with database.write() as tx:
        for _ in range(2):
            workspaces.add(tx, workspace)
            workspaces.change(tx, replace(workspace, description="changed"))
            known.append(workspaces.tracking_of(tx, "new"))
            workspaces.remove(tx, "new")
        assert workspaces.tracking_of(tx, "new") is None
    assert len({*known}) == 2
    assert all(str(one).startswith("new-") for one in known)


def test_a_removed_workspace_takes_along_what_it_owns(
    database: Database, new_job: Callable[..., Job], endpoint: OnlineEndpoint, now: datetime
) -> None:
    with database.write() as tx:
        jobs.add(tx, new_job("a-job"))
        jobs.add(tx, new_job("a-job", workspace="qa"))
        endpoints.add(tx, endpoint)
        deployments.add(tx, deployment_of(endpoint, "blue", now))
        workspaces.remove(tx, "dev")
        assert [job.workspace for job in jobs.unfinished(tx)] == ["qa"]
        assert endpoints.every(tx) == []
        assert deployments.every(tx) == []


def test_a_job_comes_back_as_it_was_written(database: Database, new_job: Callable[..., Job], now: datetime) -> None:
    job = new_job(spec={"command": "python train.py", "inputs": {"x": 1.5}}, git={"branch": "ü"}, started_at=now)
    with database.write() as tx:
        jobs.add(tx, job)
    with database.read() as tx:
        assert jobs.get(tx, "dev", job.name) == jobs.by_id(tx, job.id) == job
        assert jobs.get(tx, "qa", job.name) is None


def test_jobs_are_listed_newest_first_without_archived_ones(
    database: Database, new_job: Callable[..., Job], now: datetime
) -> None:
    with database.write() as tx:
        for number in range(4):
            jobs.add(tx, new_job(f"job-{number}", created_at=now + timedelta(seconds=number), is_archived=number == 2))
        assert [job.name for job in jobs.newest(tx, "dev", limit=2)] == ["job-3", "job-1"]
        assert [job.name for job in jobs.newest(tx, "dev", limit=2, archived=True)] == ["job-3", "job-2"]


def test_only_unfinished_jobs_are_unfinished(database: Database, new_job: Callable[..., Job]) -> None:
    statuses = ("Queued", "Running", "Finalizing", "Completed", "Failed", "Canceled")
    with database.write() as tx:
        for status in statuses:
            jobs.add(tx, new_job(status.lower(), status=status))
        assert {job.status for job in jobs.unfinished(tx)} == {"Queued", "Running", "Finalizing"}
        assert not any(job.is_terminal for job in jobs.unfinished(tx))


def test_a_wish_raises_the_generation_of_an_endpoint(
    database: Database, endpoint: OnlineEndpoint, now: datetime
) -> None:
    later = now + timedelta(seconds=1)
    with database.write() as tx:
        endpoints.add(tx, endpoint)
        endpoints.wish(tx, endpoint.id, now=later, traffic={"blue": 90, "green": 10})
        found = endpoints.get(tx, "dev", "credit")
    assert found is not None
    assert (found.generation, found.traffic, found.updated_at) == (2, {"blue": 90, "green": 10}, later)


def test_a_result_for_an_older_wish_is_dropped(database: Database, endpoint: OnlineEndpoint, now: datetime) -> None:
    with database.write() as tx:
        endpoints.add(tx, endpoint)
        deployments.add(tx, deployment_of(endpoint, "blue", now))
        claimed = deployments.claim(tx, now=now, lasting=timedelta(minutes=1))
        assert claimed is not None
        blue, lease = claimed
        deployments.change(tx, blue.id, generation=2)
        assert not deployments.apply(tx, lease, blue, provisioning_state="Succeeded")
        found = deployments.by_id(tx, blue.id)
        assert found is not None
        assert deployments.apply(tx, lease, found, provisioning_state="Succeeded", applied=found.generation)
        again = deployments.get(tx, endpoint.id, "blue")
    assert again is not None
    assert (again.provisioning_state, again.applied) == ("Succeeded", 2)


def test_a_deployment_is_claimed_until_it_is_as_it_is_wished(
    database: Database, endpoint: OnlineEndpoint, now: datetime
) -> None:
    with database.write() as tx:
        endpoints.add(tx, endpoint)
        deployments.add(tx, deployment_of(endpoint, "blue", now))
        claimed = deployments.claim(tx, now=now, lasting=timedelta(minutes=1))
        assert claimed is not None
        blue, lease = claimed
        assert deployments.apply(tx, lease, blue, applied=blue.generation, provisioning_state="Succeeded")
        deployments.release(tx, lease)
        assert deployments.claim(tx, now=now, lasting=timedelta(minutes=1)) is None
        assert not deployments.any_wished(tx, now=now)


def test_two_deployments_of_one_name_fit_on_two_endpoints_only(
    database: Database, endpoint: OnlineEndpoint, now: datetime
) -> None:
    with database.write() as tx:
        endpoints.add(tx, endpoint)
        deployments.add(tx, deployment_of(endpoint, "blue", now))
    with pytest.raises(IntegrityError), database.write() as tx:
        deployments.add(tx, deployment_of(endpoint, "blue", now))


def test_a_removed_principal_loses_roles_and_sessions(database: Database, ada: Principal, now: datetime) -> None:
    session = BrowserToken("a" * 64, "session", ada.id, now + timedelta(hours=1))
    with database.write() as tx:
        principals.add(tx, ada)
        principals.assign(tx, RoleAssignment(new_id(), ada.id, "Owner", "/", now, {}))
        principals.add_browser_token(tx, session)
        assert principals.named(tx, "ada") == principals.get(tx, ada.id) == ada
        assert len(principals.assignments(tx, principal=ada.id)) == 1
        principals.remove(tx, ada.id)
        assert principals.assignments(tx) == []
        assert principals.browser_token(tx, session.token_hash, purpose="session", now=now) is None


def test_a_link_opens_once_and_not_after_its_time(database: Database, ada: Principal, now: datetime) -> None:
    minute = timedelta(minutes=1)
    with database.write() as tx:
        principals.add(tx, ada)
        for name in ("a", "b"):
            principals.add_browser_token(tx, BrowserToken(name * 64, "link", ada.id, now + minute))
        assert principals.take_browser_token(tx, "a" * 64, purpose="session", now=now) is None
        assert principals.take_browser_token(tx, "a" * 64, purpose="link", now=now) is not None
        assert principals.take_browser_token(tx, "a" * 64, purpose="link", now=now) is None
        assert principals.take_browser_token(tx, "b" * 64, purpose="link", now=now + minute) is None


def test_a_role_is_given_once_at_a_scope(database: Database, ada: Principal, now: datetime) -> None:
    with database.write() as tx:
        principals.add(tx, ada)
        principals.assign(tx, RoleAssignment(new_id(), ada.id, "Reader", "/workspaces/dev", now, {}))
        principals.assign(tx, RoleAssignment(new_id(), ada.id, "Reader", "/workspaces/qa", now, {}))
    with pytest.raises(IntegrityError), database.write() as tx:
        principals.assign(tx, RoleAssignment(new_id(), ada.id, "Reader", "/workspaces/dev", now, {}))
    with database.write() as tx:
        principals.unassign_from(tx, "/workspaces/dev")
        assert [one.scope for one in principals.assignments(tx)] == ["/workspaces/qa"]


def test_a_replica_is_written_by_whoever_knows_which_start_counts(
    database: Database, endpoint: OnlineEndpoint, now: datetime
) -> None:
    blue = deployment_of(endpoint, "blue", now)
    first, second = (Replica(blue.id, 1, slot, 0, "Starting", 0, 0, None, now) for slot in range(2))
    with database.write() as tx:
        endpoints.add(tx, endpoint)
        deployments.add(tx, blue)
        replicas.add(tx, second)
        replicas.add(tx, first)
        assert replicas.change(tx, first, now=now, state="Ready", start=1)
        assert not replicas.change(tx, first, now=now, state="Down"), "another start counts by now"
        assert not replicas.change(tx, second, now=now, among=["Ready"], state="Unready")
    with database.read() as tx:
        found = replicas.of_deployment(tx, blue.id)
        assert replicas.by_deployment(tx) == {blue.id: found}
    assert [(row.slot, row.start, row.state) for row in found] == [(0, 1, "Ready"), (1, 0, "Starting")]
    with database.write() as tx:
        replicas.remove(tx, found[0])
        replicas.remove_revision(tx, blue.id, 1)
        assert replicas.of_deployment(tx, blue.id) == []
        replicas.add(tx, first)
        deployments.remove(tx, blue.id)
        assert replicas.by_deployment(tx) == {}
