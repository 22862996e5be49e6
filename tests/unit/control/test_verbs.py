"""Every verb by every role: who may not changes nothing, and who may writes exactly one event with the change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from pratique.base.errors import Forbidden, NotFound
from pratique.content.manifest import Entry, Manifest
from pratique.control import (
    assets,
    components,
    computes,
    deployments,
    endpoints,
    events,
    groups,
    jobs,
    uploads,
    workspaces,
)
from pratique.control.actor import Actor, Grant
from pratique.control.permissions import ASSIGNABLE, is_permitted
from pratique.store import events as journal
from pratique.store.database import Transaction

ROLES: Final = (*ASSIGNABLE, "Job", "Tracking")
EMPTY: Final = Manifest([])
CONDA: Final = {"conda_file": {"dependencies": ["python=3.11"]}}


@dataclass(frozen=True)
class Verb:
    """One verb of control."""

    run: Callable[[Any, Transaction, Actor], object]
    action: str
    event: str = ""
    """The type of its event; none for a verb that only reads."""
    scope: str = "/workspaces/dev"


def _model(**said: Any) -> Any:
    return lambda world, tx, actor: assets.create(
        tx, actor, "dev", "models", {"name": "new", "path": world.path, **said}, now=world.now
    )


VERBS: Final = {
    "groups.create": Verb(
        lambda w, tx, actor: groups.create(tx, actor, "new", location="", tags={}, now=w.now),
        "groups/write", "Pratique.ResourceGroupWritten", "/groups/new",
    ),
    "groups.get": Verb(lambda _, tx, actor: groups.get(tx, actor, "team"), "groups/read", scope="/groups/team"),
    "groups.delete": Verb(
        lambda w, tx, actor: groups.delete(tx, actor, "empty", now=w.now),
        "groups/delete", "Pratique.ResourceGroupDeleted", "/groups/empty",
    ),
    "workspaces.create": Verb(
        lambda w, tx, actor: workspaces.create(tx, actor, {"name": "new"}, group="team", now=w.now),
        "workspaces/write", "Pratique.WorkspaceCreated", "/workspaces/new",
    ),
    "workspaces.update": Verb(
        lambda w, tx, actor: workspaces.update(tx, actor, "dev", {"description": "x"}, now=w.now),
        "workspaces/write", "Pratique.WorkspaceUpdated",
    ),
    "workspaces.delete": Verb(
        lambda w, tx, actor: workspaces.delete(tx, actor, "qa-1", now=w.now),
        "workspaces/delete", "Pratique.WorkspaceDeleted", "/workspaces/qa-1",
    ),
    "uploads.add_manifest": Verb(
        lambda w, tx, actor: uploads.add_manifest(tx, actor, "dev", EMPTY, now=w.now), "content/write"
    ),
    "uploads.add_blob": Verb(
        lambda w, tx, actor: uploads.add_blob(tx, actor, "dev", "22" * 32, 2, now=w.now), "content/write"
    ),
    "uploads.manifest": Verb(lambda w, tx, actor: uploads.manifest(tx, actor, "dev", w.path[7:71]), "content/read"),
    "uploads.check_blob": Verb(lambda _, tx, actor: uploads.check_blob(tx, actor, "dev", "11" * 32), "content/read"),
    "data.create": Verb(
        lambda w, tx, actor: assets.create(tx, actor, "dev", "data", {"name": "new", "path": w.path}, now=w.now),
        "data/write", "Pratique.DataRegistered",
    ),
    "environments.create": Verb(
        lambda w, tx, actor: assets.create(tx, actor, "dev", "environments", {"name": "new", **CONDA}, now=w.now),
        "environments/write", "Pratique.EnvironmentRegistered",
    ),
    "components.create": Verb(
        lambda w, tx, actor: components.create(
            tx, actor, "dev", {"name": "new", "type": "command", "command": "true", "environment": CONDA}, now=w.now
        ),
        "components/write", "Pratique.ComponentRegistered",
    ),
    "computes.write": Verb(
        lambda w, tx, actor: computes.write(tx, actor, "dev", {"name": "new", "type": "amlcompute"}, now=w.now),
        "computes/write", "Pratique.ComputeCreated",
    ),
    "computes.every": Verb(lambda _, tx, actor: computes.every(tx, actor, "dev"), "computes/read"),
    "models.create": Verb(_model(), "models/write", "Microsoft.MachineLearningServices.ModelRegistered"),
    "models.get": Verb(lambda _, tx, actor: assets.get(tx, actor, "dev", "models", "m", "1"), "models/read"),
    "models.versions": Verb(lambda _, tx, actor: assets.versions(tx, actor, "dev", "models", "m"), "models/read"),
    "models.newest": Verb(lambda _, tx, actor: assets.newest_of_each(tx, actor, "dev", "models"), "models/read"),
    "data.newest": Verb(lambda _, tx, actor: assets.newest_of_each(tx, actor, "dev", "data"), "data/read"),
    "models.update": Verb(
        lambda w, tx, actor: assets.update(tx, actor, "dev", "models", "m", "1", {"stage": "x"}, now=w.now),
        "models/write", "Pratique.AssetUpdated",
    ),
    "models.delete": Verb(
        lambda w, tx, actor: assets.delete(tx, actor, "dev", "models", "m", "1", now=w.now),
        "models/delete", "Pratique.AssetDeleted",
    ),
    "jobs.create": Verb(
        lambda w, tx, actor: jobs.create(tx, actor, "dev", {"command": "x", "environment": CONDA}, git={}, now=w.now),
        "jobs/write", "Pratique.JobCreated",
    ),
    "jobs.get": Verb(lambda _, tx, actor: jobs.get(tx, actor, "dev", "j"), "jobs/read"),
    "jobs.newest": Verb(lambda _, tx, actor: jobs.newest(tx, actor, "dev", limit=9, archived=True), "jobs/read"),
    "jobs.cancel": Verb(
        lambda w, tx, actor: jobs.cancel(tx, actor, "dev", "j", now=w.now), "jobs/cancel", "Pratique.JobCancelRequested"
    ),
    "jobs.update": Verb(
        lambda w, tx, actor: jobs.update(tx, actor, "dev", "j", {"tags": {"a": "b"}}, now=w.now),
        "jobs/write", "Pratique.JobUpdated",
    ),
    "jobs.archive": Verb(
        lambda w, tx, actor: jobs.update(tx, actor, "dev", "j", {"is_archived": True}, now=w.now),
        "jobs/write", "Pratique.JobArchived",
    ),
    "endpoints.write": Verb(
        lambda w, tx, actor: endpoints.write(tx, actor, "dev", {"name": "new"}, sealer=w.sealer, now=w.now),
        "endpoints/write", "Pratique.EndpointCreated",
    ),
    "endpoints.update": Verb(
        lambda w, tx, actor: endpoints.update(tx, actor, "dev", "one", {"description": "x"}, now=w.now),
        "endpoints/write", "Pratique.EndpointUpdated",
    ),
    "endpoints.get": Verb(lambda _, tx, actor: endpoints.get(tx, actor, "dev", "one"), "endpoints/read"),
    "endpoints.every": Verb(lambda _, tx, actor: endpoints.every(tx, actor, "dev"), "endpoints/read"),
    "endpoints.keys": Verb(
        lambda w, tx, actor: endpoints.keys(tx, actor, "dev", "one", sealer=w.sealer, now=w.now),
        "endpoints/keys", "Pratique.EndpointKeysRead",
    ),
    "endpoints.regenerate_key": Verb(
        lambda w, tx, actor: endpoints.regenerate_key(
            tx, actor, "dev", "one", "primary", sealer=w.sealer, now=w.now
        ),
        "endpoints/keys", "Pratique.EndpointKeyRegenerated",
    ),
    "endpoints.delete": Verb(
        lambda w, tx, actor: endpoints.delete(tx, actor, "dev", "one", now=w.now),
        "endpoints/delete", "Pratique.EndpointDeleteRequested",
    ),
    "deployments.write": Verb(
        lambda w, tx, actor: deployments.write(
            tx, actor, "dev", "one", {"name": "new", "model": "azureml:m:1"}, all_traffic=True, now=w.now
        ),
        "deployments/write", "Pratique.DeploymentCreated",
    ),
    "deployments.rewrite": Verb(
        lambda w, tx, actor: deployments.write(
            tx, actor, "dev", "one", {"name": "blue", "model": {"path": w.path, "type": "mlflow_model"}},
            all_traffic=True, now=w.now,
        ),
        "deployments/write", "Pratique.DeploymentUpdated",
    ),
    "deployments.get": Verb(lambda _, tx, actor: deployments.get(tx, actor, "dev", "one", "blue"), "deployments/read"),
    "deployments.every": Verb(lambda _, tx, actor: deployments.every(tx, actor, "dev", "one"), "deployments/read"),
    "deployments.delete": Verb(
        lambda w, tx, actor: deployments.delete(tx, actor, "dev", "one", "blue", now=w.now),
        "deployments/delete", "Pratique.DeploymentDeleteRequested",
    ),
    "events.after": Verb(lambda _, tx, actor: events.after(tx, actor, 0, limit=1), "events/read"),
}  # fmt: skip


@dataclass(frozen=True)
class Stage:
    """What the verbs of the table find."""

    world: Any
    path: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world, name)


@pytest.fixture
def stage(world: Any) -> Stage:
    with world.database.write() as tx:
        groups.create(tx, world.owner, "empty", location="", tags={}, now=world.now)
        uploads.add_blob(tx, world.owner, "dev", "11" * 32, 1, now=world.now)
        manifest = Manifest([Entry("MLmodel", "11" * 32, 1)])
        uploads.add_manifest(tx, world.owner, "dev", manifest, now=world.now)
    stage = Stage(world, f"upload:{manifest.digest}/model")
    world.asset("models", "m", type="mlflow_model")
    world.job(name="j")
    world.endpoint("one")
    world.deployment("blue", "one")
    return stage


def attempt(stage: Stage, verb: Verb, actor: Actor) -> bool:
    """Whether `actor` may; the transaction is undone after the verb."""

    class Undo(Exception):
        pass

    try:
        with stage.database.write() as tx:
            verb.run(stage, tx, actor)
            raise Undo
    except Undo:
        return True
    except Forbidden:
        return False


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_writes_its_event_with_its_change_or_neither(stage: Stage, name: str) -> None:
    verb, before = VERBS[name], stage.told()
    attempt(stage, verb, stage.owner)
    assert stage.told() == before
    with stage.database.write() as tx:
        verb.run(stage, tx, stage.owner)
        told = journal.after(tx, len(before))
    assert [event.type for event in told] == ([verb.event] if verb.event else [])
    for event in told:
        assert (event.actor, event.time) == (dict(stage.owner.to_document()), stage.now)
        assert event.source in ("/", verb.scope)
    with stage.database.read() as tx:
        assert journal.first_broken(tx) is None


@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_exactly_what_its_table_grants(stage: Stage, role: str) -> None:
    """Each at the scope of the verb, with reading of workspaces, so that what is refused is the verb itself."""
    before = stage.told()
    wrong = []
    for name, verb in VERBS.items():
        sees = (Grant("Sees", f"/workspaces/{name}", frozenset({"workspaces/read"})) for name in ("dev", "qa-1"))
        nearby = Grant(role, verb.scope), Grant(role, "/workspaces/dev"), Grant(role, "/groups/team"), *sees
        actor = Actor("7", "eve", "user", nearby)
        may = is_permitted(actor, verb.action, verb.scope)
        did = attempt(stage, verb, actor)
        # What a verb has to look at first asks for its own permission, which the roles of parts do not have.
        if did != may and (did or role in ASSIGNABLE):
            wrong.append(f"{role} {'did' if did else 'was refused'} {name}")
    assert wrong == []
    assert stage.told() == before


def test_who_has_no_role_there_sees_nothing_there(stage: Stage) -> None:
    eve = Actor("7", "eve", "user", (Grant("Owner", "/workspaces/other"), Grant("Owner", "/groups/other")))
    for name, verb in VERBS.items():
        if name == "events.after":
            continue  # There is an Owner of somewhere, so it answers, with nothing.
        with (
            pytest.raises((Forbidden, NotFound), match=r"may not do|there is no workspace"),
            stage.database.write() as tx,
        ):
            verb.run(stage, tx, eve)
