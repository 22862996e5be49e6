"""Identities that somebody makes and names in files: who may, as whom what runs acts, and what ends."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound, Unauthenticated
from pratique.control import assigned_identities, groups, managed_identities, principals, roles, sessions
from pratique.control import endpoints as endpoint_verbs
from pratique.control import jobs as job_verbs
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.control.blame import blame
from pratique.control.credentials import new_credential
from pratique.control.grants import actor_of
from pratique.control.tokens import Issuer
from pratique.store import assigned_identities as rows
from pratique.store import jobs
from pratique.store.assigned_identities import AssignedIdentity
from pratique.store.jobs import Job

HOUR = timedelta(hours=1)
CONDA = {"conda_file": {"dependencies": ["python=3.11"]}}
AZURE = "/subscriptions/s/resourceGroups/team/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
SCIENTIST = Actor("7", "sam", "user", (Grant("AzureML Data Scientist", "/workspaces/dev"),))


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("keys"), "http://127.0.0.1:7070")


def identity(world: Any, name: str = "scorer") -> AssignedIdentity:
    with world.database.write() as tx:
        return assigned_identities.create(tx, world.owner, "team", name, now=world.now)


def token(world: Any, issuer: Issuer, proof: str, asked: str = "") -> tuple[str, str]:
    """The name of the identity, and its token."""
    with world.database.read() as tx:
        own, made = managed_identities.token(tx, issuer, proof, audience="pratique", asked=asked, now=world.now)
    return own.name, made


def of_job(world: Any, issuer: Issuer, job: Job) -> str:
    return managed_identities.proof_of_job(issuer, job, lasting=HOUR, now=world.now)


def endpoint_with(world: Any, *named: Any) -> Any:
    return world.endpoint("credit", identity={"type": "user_assigned", "user_assigned_identities": [*named]})


def actor_with(actor: Actor, other: Actor) -> Actor:
    """`actor` with the roles of `other`."""
    return replace(actor, grants=other.grants)


def test_it_is_made_once_and_keeps_its_id(world: Any) -> None:
    made = identity(world)
    with world.database.write() as tx:
        again = assigned_identities.create(tx, world.owner, "team", "scorer", tags={"a": "b"}, now=world.now)
        same = assigned_identities.create(tx, world.owner, "team", "scorer", now=world.now)
    assert again == replace(made, tags={"a": "b"})
    assert same == again
    types = [event.type for event in world.told() if "Identity" in event.type]
    assert types == ["Pratique.IdentityCreated", "Pratique.IdentityUpdated"]


def test_a_job_acts_as_the_identity_that_it_names_with_its_roles(world: Any, issuer: Issuer) -> None:
    made = identity(world)
    with world.database.write() as tx:
        roles.assign(tx, PLATFORM, role="Reader", assignee=made.id, scope="/workspaces/qa-1", now=world.now)
    for said in ({"client_id": made.id}, {"object_id": made.id}, {"msi_resource_id": f"{AZURE}/scorer"}):
        job = world.job(identity={"type": "managed", **said})
        name, its = token(world, issuer, of_job(world, issuer, job))
        assert name == "groups/team/identities/scorer"
        with world.database.read() as tx:
            actor = actor_of(tx, issuer.verify(its, now=world.now))
        assert (actor.id, actor.kind, actor.grants) == (
            made.id, "managed_identity", (Grant("Reader", "/workspaces/qa-1"),),
        )  # fmt: skip
    told = [event for event in world.told() if event.type == "Pratique.JobCreated"]
    assert told[-1].data["identities"] == ["groups/team/identities/scorer"]


def test_the_id_of_the_workspaces_own_identity_means_that(world: Any, issuer: Issuer) -> None:
    with world.database.write() as tx:
        own = managed_identities.ensure(tx, "workspaces/dev", now=world.now)
    job = world.job(identity={"type": "managed", "client_id": own.id})
    assert token(world, issuer, of_job(world, issuer, job))[0] == "workspaces/dev"


def test_every_step_of_a_pipeline_acts_as_its_own(world: Any, issuer: Issuer) -> None:
    made, other = identity(world), identity(world, "loader")
    step = {"type": "command", "component": {"type": "command", "command": "true", "environment": CONDA}}
    spec = {
        "type": "pipeline", "identity": {"type": "managed", "client_id": made.id},
        "jobs": {"one": step, "two": {**step, "identity": {"type": "managed", "client_id": other.id}}},
    }  # fmt: skip
    with world.database.write() as tx:
        root = job_verbs.create(tx, world.owner, "dev", spec, git={}, now=world.now)
        steps = {job.step: job for job in jobs.children(tx, root)}
    names = {name: token(world, issuer, of_job(world, issuer, job))[0] for name, job in steps.items()}
    assert names == {"one": "groups/team/identities/scorer", "two": "groups/team/identities/loader"}


def test_who_may_run_jobs_may_not_therefore_act_as_any_identity(world: Any) -> None:
    made = identity(world)
    spec = {"command": "true", "environment": CONDA, "identity": {"type": "managed", "client_id": made.id}}
    with pytest.raises(Forbidden, match="identities/assign"), world.database.write() as tx:
        job_verbs.create(tx, SCIENTIST, "dev", spec, git={}, now=world.now)
    allowed = replace(SCIENTIST, grants=(*SCIENTIST.grants, Grant("Managed Identity Operator", "/groups/team")))
    with world.database.write() as tx:
        assert job_verbs.create(tx, allowed, "dev", spec, git={}, now=world.now).resolved["identity"]["id"] == made.id


def test_user_identity_acts_as_who_submitted_it_until_the_job_has_ended(world: Any, issuer: Issuer) -> None:
    with world.database.write() as tx:
        sam = principals.create_user(
            tx, PLATFORM, "sam", display_name="Sam", credential=new_credential(now=world.now), now=world.now
        )
        spec = {"command": "true", "environment": CONDA, "identity": {"type": "user_identity"}}
        job = job_verbs.create(tx, replace(SCIENTIST, id=sam.id), "dev", spec, git={}, now=world.now)
    name, its = token(world, issuer, of_job(world, issuer, job))
    with world.database.read() as tx:
        actor = actor_of(tx, issuer.verify(its, now=world.now))
    assert (name, actor.id, actor.to_document()["job"]) == ("sam", sam.id, f"dev/{job.name}")
    with world.database.write() as tx:  # What would outlast the job, or be the word of a person, is not the job's.
        for may_not in (
            lambda: sessions.make_link(tx, actor_with(actor, world.owner), now=world.now),
            lambda: principals.reset_credential(
                tx, actor, "sam", credential=new_credential(now=world.now), now=world.now
            ),
            lambda: job_verbs.create(tx, actor_with(actor, SCIENTIST), "dev", spec, git={}, now=world.now),
        ):
            with pytest.raises(Forbidden, match="acts as sam, and may not"):
                may_not()
    with world.database.write() as tx:
        jobs.change(tx, job.id, status="Completed")
    with pytest.raises(Unauthenticated, match="has ended"), world.database.read() as tx:
        actor_of(tx, issuer.verify(its, now=world.now))


def test_what_a_job_submits_has_no_user(world: Any) -> None:
    actor = Actor("job:1", "j", "job", (Grant("Contributor", "/workspaces/dev"),))
    spec = {"command": "true", "environment": CONDA, "identity": {"type": "user_identity"}}
    with pytest.raises(InvalidInput, match="a job submits this"), world.database.write() as tx:
        job_verbs.create(tx, actor, "dev", spec, git={}, now=world.now)


def test_a_deployment_has_the_identities_of_its_endpoint_and_says_which_one(world: Any, issuer: Issuer) -> None:
    made, other = identity(world), identity(world, "loader")
    endpoint_with(world, {"resource_id": f"{AZURE}/scorer"})
    proof = managed_identities.proof_of_deployment(issuer, world.deployment(), now=world.now)
    assert token(world, issuer, proof)[0] == "groups/team/identities/scorer"
    endpoint_with(world, f"{AZURE}/scorer", {"resource_id": f"{AZURE}/loader", "client_id": other.id})
    with pytest.raises(InvalidInput, match="has 2 identities"):
        token(world, issuer, proof)
    assert token(world, issuer, proof, asked=made.id)[0] == "groups/team/identities/scorer"
    assert token(world, issuer, proof, asked=f"{AZURE}/loader")[0] == "groups/team/identities/loader"
    with world.database.read() as tx:
        own = managed_identities.find(tx, "workspaces/dev/endpoints/credit")
    assert own is not None
    with pytest.raises(InvalidInput, match="is no identity of what runs here"):
        token(world, issuer, proof, asked=own.id)


def test_the_same_file_again_changes_nothing_and_another_may_not_add_an_identity(world: Any) -> None:
    identity(world), identity(world, "loader")
    first = endpoint_with(world, {"resource_id": f"{AZURE}/scorer"})
    assert endpoint_with(world, f"{AZURE}/scorer").generation == first.generation
    kept = {"type": "user_assigned", "user_assigned_identities": [f"{AZURE}/scorer"]}
    more = {**kept, "user_assigned_identities": [f"{AZURE}/scorer", f"{AZURE}/loader"]}
    with world.database.write() as tx:
        spec = {"name": "credit", "description": "x", "identity": kept}
        endpoint_verbs.write(tx, SCIENTIST, "dev", spec, sealer=world.sealer, now=world.now)
    with pytest.raises(Forbidden, match="identities/assign"), world.database.write() as tx:
        endpoint_verbs.write(tx, SCIENTIST, "dev", {**spec, "identity": more}, sealer=world.sealer, now=world.now)


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"type": "managed", "client_id": "nobody"}, NotFound, "identity.client_id: there is no identity 'nobody'"),
        ({"type": "managed", "msi_resource_id": "/workspaces/dev"}, InvalidInput, "is not the id of an identity"),
        ({"type": "aml_token", "client_id": "x"}, InvalidInput, "goes with type: managed"),
        ({"type": "user_identity", "object_id": "x"}, InvalidInput, "goes with type: managed"),
    ],
)
def test_what_a_job_cannot_act_as_is_refused_by_its_key(
    world: Any, said: dict[str, str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        world.job(identity=said)


def test_two_words_for_two_identities_are_refused(world: Any) -> None:
    made = identity(world)
    identity(world, "loader")
    with pytest.raises(InvalidInput, match="names another identity"):
        endpoint_with(world, {"client_id": made.id, "resource_id": f"{AZURE}/loader"})
    with pytest.raises(InvalidInput, match="needs an identity"):
        endpoint_with(world)
    with pytest.raises(InvalidInput, match="goes with type: user_assigned"):
        world.endpoint("credit", identity={"type": "system_assigned", "user_assigned_identities": [made.id]})


def test_one_that_was_deleted_opens_nothing_and_another_of_its_name_is_another(world: Any, issuer: Issuer) -> None:
    made = identity(world)
    job = world.job(identity={"type": "managed", "client_id": made.id})
    proof = of_job(world, issuer, job)
    _, its = token(world, issuer, proof)
    with world.database.write() as tx:
        operator = "Managed Identity Operator"
        where = f"{AZURE}/scorer"
        given = roles.assign(tx, PLATFORM, role=operator, assignee=made.id, scope=where, now=world.now).assignment
        assert given.scope == "/groups/team/identities/scorer"
        assigned_identities.delete(tx, world.owner, "team", "scorer", now=world.now)
        assert rows.by_id(tx, made.id) is None
    other = identity(world)
    assert other.id != made.id
    with world.database.read() as tx:
        assert [one for one in roles.every(tx, PLATFORM) if one.assignment.scope == given.scope] == []
        with pytest.raises(Unauthenticated, match="does not exist any more"):
            actor_of(tx, issuer.verify(its, now=world.now))
    with pytest.raises(Unauthenticated, match="stands for no identity"):
        token(world, issuer, proof)


def test_a_group_keeps_its_identities_and_who_may_not_see_them_finds_none(world: Any) -> None:
    identity(world)
    with world.database.write() as tx:
        groups.create(tx, world.owner, "other", location="", tags={}, now=world.now)
        assigned_identities.create(tx, world.owner, "other", "scorer", now=world.now)
    with pytest.raises(Conflict, match="still has identities: scorer"), world.database.write() as tx:
        groups.delete(tx, world.owner, "other", now=world.now)
    with world.database.read() as tx:
        assert assigned_identities.every(tx, SCIENTIST) == []
        with pytest.raises(NotFound):
            assigned_identities.get(tx, SCIENTIST, "team", "scorer")
    with pytest.raises(Forbidden), world.database.write() as tx:
        assigned_identities.create(tx, SCIENTIST, "team", "mine", now=world.now)


def test_the_history_of_an_endpoint_names_its_identities(world: Any) -> None:
    identity(world)
    endpoint_with(world, f"{AZURE}/scorer")
    world.deployment()
    with world.database.write() as tx:
        endpoint_verbs.update(tx, world.owner, "dev", "credit", {"traffic": {"blue": 100}}, now=world.now)
        told = blame(tx, world.owner, "dev", "credit", at=world.now)
    assert any("acted as groups/team/identities/scorer" in one["text"] for one in told["sentences"])
