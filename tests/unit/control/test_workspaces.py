"""Workspaces and their groups: made idempotently, removed only when empty, seen only by members."""

from typing import Any

import pytest

from pratique.base.errors import Conflict, Forbidden, InvalidInput, NotFound
from pratique.control import endpoints, groups, roles, workspaces
from pratique.control.actor import PLATFORM, Actor, Grant
from pratique.store import jobs as job_rows
from pratique.store import principals
from pratique.store.principals import Principal
from pratique.store.workspaces import Workspace

LEAD = Actor("3", "lea", "user", (Grant("Contributor", "/groups/team"), Grant("Contributor", "/workspaces/dev")))


def create(world: Any, name: str = "dev", *, group: str = "team", actor: Actor | None = None, **spec: Any) -> Workspace:
    with world.database.write() as tx:
        return workspaces.create(tx, actor or world.owner, {"name": name, **spec}, group=group, now=world.now)


def update(world: Any, **changes: Any) -> Workspace:
    with world.database.write() as tx:
        return workspaces.update(tx, world.owner, "dev", changes, now=world.now)


def delete(world: Any, name: str = "dev") -> None:
    with world.database.write() as tx:
        workspaces.delete(tx, world.owner, name, now=world.now)


def make_group(world: Any, name: str = "other", **said: Any) -> Any:
    with world.database.write() as tx:
        return groups.create(tx, world.owner, name, **{"location": "", "tags": {}, "now": world.now} | said)


def test_the_same_file_again_changes_nothing(world: Any) -> None:
    made = create(world, "new", description="words", tags={"a": "b"})
    assert create(world, "new", description="words", tags={"a": "b"}) == made
    assert [event.type for event in world.told()] == ["Pratique.WorkspaceCreated"]


def test_what_a_file_does_not_say_stays(world: Any) -> None:
    made = create(world, "new", description="words", display_name="New", location="here", tags={"a": "b"})
    assert create(world, "new") == made
    assert create(world, "new", group="") == made
    assert create(world, "new", tags={"c": "d"}).tags == {"a": "b", "c": "d"}


def test_a_workspace_stays_in_its_group(world: Any) -> None:
    make_group(world)
    with pytest.raises(Conflict, match="'dev' belongs to resource group 'team'"):
        create(world, "dev", group="other")


def test_a_new_workspace_needs_a_group_that_is_there(world: Any) -> None:
    with pytest.raises(NotFound, match="no resource group 'nowhere'"):
        create(world, "new", group="nowhere")
    with pytest.raises(InvalidInput, match="needs a resource group"):
        create(world, "new", group="")


def test_who_may_make_workspaces_in_a_group_makes_a_new_one_there_and_changes_no_foreign_one(world: Any) -> None:
    make_group(world)
    create(world, "foreign", group="other")
    assert create(world, "new", actor=LEAD).created_by["name"] == "lea"
    for name, group in (("another", "other"), ("foreign", "team"), ("foreign", "other"), ("qa-1", "team")):
        with pytest.raises(Forbidden):
            create(world, name, group=group, actor=LEAD, description="mine")


@pytest.mark.parametrize("name", ["", "ab", "Dev", "a/b", "-ab", "api", "default", "x" * 34, "..", "dev\0"])
def test_a_crooked_or_reserved_name_makes_no_workspace(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        create(world, name)


def test_an_update_refuses_every_key_that_cannot_change_at_once(world: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        update(world, description="x", resource_group="other", name="qa-1")
    assert [problem.key for problem in caught.value.problems] == ["resource_group", "name"]
    update(world, display_name="dev")
    assert world.told() == []
    assert update(world, tags={"a": "b"}).tags == {"a": "b"}


def test_a_foreign_workspace_is_as_one_that_is_not_there(world: Any) -> None:
    with world.database.read() as tx:
        assert [one.name for one in workspaces.every(tx, world.reader)] == ["dev"]
        for name in ("qa-1", "nothing"):
            with pytest.raises(NotFound, match=f"no workspace '{name}'"):
                workspaces.get(tx, world.reader, name)


def test_a_workspace_that_serves_or_runs_stays(world: Any) -> None:
    world.endpoint()
    world.deployment()
    with pytest.raises(Conflict, match="still serves credit/blue") as caught:
        delete(world)
    assert "online-endpoint delete --name credit --workspace-name dev" in caught.value.hint
    delete(world, "qa-1")


def test_a_workspace_whose_job_runs_stays(world: Any) -> None:
    job = world.job(name="train")
    with pytest.raises(Conflict, match="still runs job train"):
        delete(world)
    with world.database.write() as tx:
        job_rows.change(tx, job.id, status="Failed")
    delete(world)
    with world.database.read() as tx, pytest.raises(NotFound):
        workspaces.get(tx, world.owner, "dev")


def test_what_was_in_a_workspace_is_gone_with_it(world: Any) -> None:
    world.asset("models", "credit")
    world.endpoint()
    delete(world)
    create(world)
    assert world.asset("models", "credit").version == "1"
    with world.database.read() as tx:
        assert endpoints.every(tx, world.owner, "dev") == []


@pytest.mark.parametrize("scope", ["/workspaces/qa-1", "/groups/other"])
def test_a_role_does_not_wait_for_a_namesake_of_what_was_deleted(world: Any, scope: str) -> None:
    make_group(world)
    with world.database.write() as tx:
        principals.add(tx, Principal("p", "user", "eve", "", None, None, world.now))
        roles.assign(tx, PLATFORM, role="Owner", assignee="eve", scope=scope, now=world.now)
        workspaces.delete(tx, world.owner, "qa-1", now=world.now)
        groups.delete(tx, world.owner, "other", now=world.now)
        left = principals.assignments(tx, principal="p")
    assert [row.scope for row in left] == []


def test_a_group_with_workspaces_stays(world: Any) -> None:
    with world.database.write() as tx:
        with pytest.raises(Conflict, match="still has workspaces: dev, qa-1") as caught:
            groups.delete(tx, world.owner, "team", now=world.now)
        assert "workspace delete --name dev" in caught.value.hint
        with pytest.raises(NotFound, match="no resource group 'other'"):
            groups.delete(tx, world.owner, "other", now=world.now)


def test_the_same_group_again_changes_nothing_and_keeps_its_location(world: Any) -> None:
    made = make_group(world, location="westeurope", tags={"a": "b"})
    assert make_group(world, tags={"a": "b"}) == made
    assert len(world.told()) == 1
    assert make_group(world, tags={}).location == "westeurope"
    assert len(world.told()) == 2


def test_groups_are_seen_by_those_who_have_a_role_there(world: Any) -> None:
    make_group(world)
    with world.database.write() as tx:
        assert [group.name for group in groups.every(tx, LEAD)] == ["team"]
        assert [group.name for group in groups.every(tx, world.owner)] == ["other", "team"]
        assert groups.every(tx, world.reader) == []
        assert groups.get(tx, LEAD, "team").name == "team"
        for forbidden in (
            lambda: groups.get(tx, LEAD, "other"),
            lambda: groups.delete(tx, LEAD, "other", now=world.now),
        ):
            with pytest.raises(Forbidden):
                forbidden()


@pytest.mark.parametrize("name", ["", "a/b", "a.", "a b", "x" * 91, "a\0"])
def test_a_crooked_name_makes_no_group(world: Any, name: str) -> None:
    with pytest.raises(InvalidInput):
        make_group(world, name)
