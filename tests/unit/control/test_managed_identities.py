"""Managed identities: what runs gets short-lived tokens of its own, with the roles that its identity has."""

from datetime import timedelta
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, Unauthenticated
from pratique.control import endpoints as endpoint_verbs
from pratique.control import managed_identities, roles, vaults, workspaces
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.grants import actor_of, token_of_job
from pratique.control.tokens import Issuer
from pratique.store import deployments, endpoints, jobs
from pratique.store.jobs import Job

DOOR = "http://127.0.0.1:7070"
HOUR = timedelta(hours=1)
MANAGED = {"identity": {"type": "managed"}}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("keys"), DOOR)


@pytest.fixture
def job(world: Any) -> Job:
    """A running job in dev, whose identity may read that workspace."""
    job: Job = world.job(**MANAGED)
    with world.database.write() as tx:
        managed_identities.ensure(tx, "workspaces/dev", now=world.now)
        roles.assign(tx, PLATFORM, role="Reader", assignee="workspaces/dev", scope="/workspaces/dev", now=world.now)
    return job


def token_of(world: Any, issuer: Issuer, job: Job, audience: str = "pratique", client_id: str = "") -> str:
    proof = managed_identities.proof_of_job(issuer, job, lasting=HOUR, now=world.now)
    with world.database.read() as tx:
        return managed_identities.token(tx, issuer, proof, audience=audience, asked=client_id, now=world.now)[1]


def whose(world: Any, issuer: Issuer, token: str) -> Actor:
    with world.database.read() as tx:
        return actor_of(tx, issuer.verify(token, now=world.now))


def test_a_job_acts_as_its_identity_with_the_roles_that_it_has_now(world: Any, issuer: Issuer, job: Job) -> None:
    actor = whose(world, issuer, token_of(world, issuer, job))
    assert (actor.name, actor.kind) == ("workspaces/dev", "managed_identity")
    assert actor.grants == (Grant("Reader", "/workspaces/dev"),)


def test_a_token_and_the_proof_end_with_the_job(world: Any, issuer: Issuer, job: Job) -> None:
    token = token_of(world, issuer, job)
    with world.database.write() as tx:
        jobs.change(tx, job.id, status="Completed")
    with pytest.raises(Unauthenticated, match="has ended"):
        whose(world, issuer, token)
    with pytest.raises(Unauthenticated, match="has ended"):
        token_of(world, issuer, job)


def test_a_proof_is_no_token_and_a_token_is_no_proof(world: Any, issuer: Issuer, job: Job) -> None:
    proof = managed_identities.proof_of_job(issuer, job, lasting=HOUR, now=world.now)
    with pytest.raises(Unauthenticated):
        whose(world, issuer, proof)
    for other in (token_of_job(issuer, job, lasting=HOUR, now=world.now), token_of(world, issuer, job), "", "a.b.c"):
        with pytest.raises(Unauthenticated), world.database.read() as tx:
            managed_identities.token(tx, issuer, other, audience="pratique", now=world.now)


def test_a_token_for_another_names_it_and_lasts_an_hour(world: Any, issuer: Issuer, job: Job) -> None:
    token = token_of(world, issuer, job, "https://storage.azure.com/")
    claims = issuer.verify(token, now=world.now, audiences=("https://storage.azure.com/",))
    assert claims["exp"] - claims["iat"] == 3600
    with pytest.raises(Unauthenticated):
        whose(world, issuer, token)
    with pytest.raises(InvalidInput, match="is no identity"):
        token_of(world, issuer, job, client_id="another")


def test_a_deployment_acts_as_the_identity_of_its_endpoint_until_it_is_gone(world: Any, issuer: Issuer) -> None:
    world.endpoint("credit")
    deployment = world.deployment("blue", "credit")
    proof = managed_identities.proof_of_deployment(issuer, deployment, now=world.now)
    with world.database.read() as tx:
        own, token = managed_identities.token(tx, issuer, proof, audience="pratique", now=world.now)
    variables = managed_identities.variables(DOOR, proof, [own])
    assert own.name == "workspaces/dev/endpoints/credit"
    assert variables["IDENTITY_ENDPOINT"] == f"{DOOR}/identity/token"
    assert (variables["IDENTITY_HEADER"], variables["DEFAULT_IDENTITY_CLIENT_ID"]) == (proof, own.id)
    assert whose(world, issuer, token).id == own.id
    with world.database.write() as tx:
        deployments.remove(tx, deployment.id)
    with pytest.raises(Unauthenticated, match="does not exist any more"):
        whose(world, issuer, token)


def test_an_identity_goes_with_what_it_belongs_to_and_another_of_the_name_has_none_of_its_rights(
    world: Any, issuer: Issuer
) -> None:
    with world.database.write() as tx:
        made = workspaces.create(tx, world.owner, {"name": "lab"}, group="team", now=world.now)
        first = managed_identities.find(tx, "workspaces/lab")
        assert first is not None
        roles.assign(tx, PLATFORM, role="Owner", assignee=first.id, scope="/workspaces/dev", now=world.now)
        kv = vaults.create(tx, world.owner, "kv-dev", group="team", now=world.now)
        vaults.set_policy(tx, world.owner, "kv-dev", first.id, ["get"], now=world.now)
        workspaces.delete(tx, world.owner, made.name, now=world.now)
        assert managed_identities.find(tx, "workspaces/lab") is None
        assert [name for _, name in vaults.policies(tx, kv)] != ["workspaces/lab"]
        workspaces.create(tx, world.owner, {"name": "lab"}, group="team", now=world.now)
        second = managed_identities.find(tx, "workspaces/lab")
        assert second is not None
        assert second.id != first.id
        assert roles.every(tx, PLATFORM, assignee=second.id) == []


def test_an_endpoint_that_is_gone_takes_its_identity_along(world: Any) -> None:
    world.endpoint("credit")
    with world.database.write() as tx:
        known = endpoints.get(tx, "dev", "credit")
        assert known is not None
        assert managed_identities.find(tx, "workspaces/dev/endpoints/credit") is not None
        endpoint_verbs.gone(tx, PLATFORM, known, now=world.now)
        assert managed_identities.find(tx, "workspaces/dev/endpoints/credit") is None


@pytest.mark.parametrize(
    ("identity", "asked"),
    [
        ({"type": "managed"}, True),
        ({"type": "managed_identity"}, True),
        ({"type": "user_identity"}, True),
        ({"type": "aml_token"}, False),
        (None, False),
    ],
)
def test_only_a_file_that_says_as_whom_it_acts_asks_for_one(identity: Any, asked: bool) -> None:
    assert managed_identities.is_asked_for({"identity": identity}) is asked
