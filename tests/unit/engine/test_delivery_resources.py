"""What a run is given: variable groups, secrets of vaults and tokens of service connections."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pratique.base.errors import (
    Forbidden,
    NotFound,
    PratiqueError,
    Unauthenticated,
)
from pratique.control import (
    delivery_permissions,
    principals,
    roles,
    secrets,
    service_connections,
    variable_groups,
    vaults,
)
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential
from pratique.control.grants import actor_for, actor_of, exchanged
from pratique.control.secrets import NewSecret
from pratique.control.service_connections import NewConnection
from pratique.control.variable_groups import NewGroup, Value
from pratique.store import delivery_runs as rows
from pratique.store import events
from pratique.store.delivery_runs import Run

from .conftest import TWO, Scene

CANARY = "canary-group-secret"


# --- variable groups and service connections ------------------------------------------------------------------------

WITH_GROUP = """
variables: [{group: dev-vars}]
steps:
- bash: echo $(plain) $(hidden)
"""
WITH_CONNECTION = """
variables: {connection: aml-dev}
steps:
- task: AzureCLI@2
  inputs: {azureSubscription: $(connection), scriptType: bash, scriptLocation: inlineScript, inlineScript: az account show}
"""  # noqa: E501 - a file of a user.


def variables(scene: Scene, run: Run) -> dict[str, Any]:
    (unit,) = scene.units(run)
    return {one.name: one for one in scene.message(unit).variables}


def test_a_group_gives_its_values_to_the_deliveries_that_may_read_it(scene: Scene) -> None:
    values = {"plain": Value("yes"), "hidden": Value(CANARY, is_secret=True)}
    own = scene.people["own"]
    scene.do(variable_groups.create, own, "p", NewGroup("dev-vars", values), sealer=scene.sealer)
    with pytest.raises(Forbidden) as refused:
        scene.queue(WITH_GROUP)
    assert "may not use the variable group 'dev-vars'" in str(refused.value)
    group = scene.look(variable_groups.get, own, "p", "dev-vars").group
    scene.do(delivery_permissions.allow, own, variable_groups.resource_of(group), "d")
    run = scene.queue(WITH_GROUP)
    found = variables(scene, run)
    assert (found["plain"].value, found["plain"].is_secret) == ("yes", False)
    assert (found["hidden"].value, found["hidden"].is_secret) == (CANARY, True)


def test_a_group_that_is_not_there_is_refused_before_anything_runs(scene: Scene) -> None:
    with pytest.raises(Forbidden, match="no variable group 'dev-vars'"):
        scene.queue(WITH_GROUP)


def test_a_connection_whose_name_the_file_makes_is_looked_for_before_anything_runs(scene: Scene) -> None:
    text = WITH_CONNECTION.replace("{connection: aml-dev}", "{env: dev, connection: aml-$(env)}")
    with pytest.raises(Forbidden, match="no service connection 'aml-dev'"):
        scene.queue(text)


def test_a_permission_that_is_taken_away_meanwhile_ends_the_stage(scene: Scene) -> None:
    own = scene.people["own"]
    scene.check("approval")
    principals_made = scene.do(
        principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now)
    )
    scene.do(
        service_connections.create, own, "p",
        NewConnection("aml-dev", principal=principals_made.name, workspace="dev", is_for_all=True),
    )  # fmt: skip
    text = TWO.replace(
        "[{bash: promote}]",
        "[{task: AzureCLI@1, inputs: {azureSubscription: aml-dev, scriptLocation: inlineScript, inlineScript: x}}]",
    )
    run = scene.queue(text)
    scene.do(service_connections.update, own, "p", "aml-dev", {"is_for_all": False})
    scene.end(run)
    assert scene.stages(run)["QA"] == "Failed"
    assert "may not use the service connection 'aml-dev'" in scene.told("CheckFailed")[0]["reason"]
    reasons = {one.name: one.reason for one in scene.look(rows.stages_of, run.id)}
    assert "may not use the service connection 'aml-dev'" in reasons["QA"]


def test_a_vaults_secret_is_read_by_the_groups_own_right_and_told_once_per_run(scene: Scene) -> None:
    own = scene.people["own"]
    scene.do(vaults.create, own, "kv-dev", group="rg")
    for name in ("hidden", "plain", "unchosen"):
        scene.do(secrets.put, own, "kv-dev", name, NewSecret(f"{CANARY}-{name}"), sealer=scene.sealer)
    scene.do(
        variable_groups.create, own, "p",
        NewGroup("dev-vars", vault="kv-dev", chosen=["hidden", "plain"], is_for_all=True), sealer=scene.sealer,
    )  # fmt: skip
    run = scene.queue(WITH_GROUP)
    found = variables(scene, run)
    assert (found["hidden"].value, found["hidden"].is_secret) == (f"{CANARY}-hidden", True)
    assert "unchosen" not in found
    read = scene.told("SecretRead")
    assert sorted((one["name"], one["actor"], one["run"]) for one in read) == [
        ("hidden", "p/dev-vars", run.id),
        ("plain", "p/dev-vars", run.id),
    ]
    assert CANARY not in json.dumps([str(one) for one in scene.look(events.after, 0, limit=1000)])
    group = scene.look(variable_groups.get, own, "p", "dev-vars").group
    scene.do(vaults.delete_policy, own, "kv-dev", f"variable-group:{group.id}")
    refused = scene.queue(WITH_GROUP)
    failed = scene.look(rows.get, refused.id)
    assert (failed.result, "may not read the vault" in failed.error["message"]) == ("failed", True)


def test_whoever_may_not_read_a_vault_cannot_hand_it_on_to_a_group(scene: Scene) -> None:
    scene.do(vaults.create, scene.people["own"], "kv-dev", group="rg")
    with scene.database.write() as tx:
        roles.assign(tx, PLATFORM, role="Contributor", assignee="ann", scope="/", now=scene.now)
        ann = actor_for(tx, roles.find_principal(tx, "ann"))
    with pytest.raises(Forbidden, match="may not get secrets"):
        scene.do(variable_groups.create, ann, "p", NewGroup("g", vault="kv-dev"), sealer=scene.sealer)


def test_a_unit_gets_a_token_of_the_connections_principal_that_ends_with_it(scene: Scene) -> None:
    own = scene.people["own"]
    made = scene.do(principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now))
    scene.do(roles.assign, PLATFORM, role="Reader", assignee="ci", scope="/workspaces/dev")
    wanted = NewConnection("aml-dev", principal="ci", workspace="dev", is_for_all=True)
    scene.do(service_connections.create, own, "p", wanted)
    run = scene.queue(WITH_CONNECTION)
    (unit,) = scene.units(run)
    (given,) = scene.message(unit).connections
    assert (given.name, given.workspace, given.resource_group, given.client_id) == ("aml-dev", "dev", "rg", made.id)
    now = datetime.now(UTC)
    with scene.database.read() as tx:
        actor = actor_of(tx, scene.issuer.verify(given.secret, now=now))
        again = exchanged(
            tx, scene.issuer, given.secret, client_id=made.id, lasting=timedelta(hours=1), now=now
        )  # fmt: skip
        assert actor == actor_of(tx, scene.issuer.verify(again, now=now))
        with pytest.raises(Unauthenticated):
            exchanged(tx, scene.issuer, given.secret, client_id="own", lasting=timedelta(hours=1), now=now)
    assert (actor.name, actor.run, [grant.role for grant in actor.grants]) == ("ci", run.id, ["Reader"])
    assert given.secret not in repr(unit)
    scene.end(run)
    for token in (given.secret, again):
        with pytest.raises(Unauthenticated, match="has ended"), scene.database.read() as tx:
            actor_of(tx, scene.issuer.verify(token, now=now))


def test_a_connection_is_made_only_by_who_could_be_its_principal_anyway(scene: Scene) -> None:
    scene.do(principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now))
    wanted = NewConnection("aml-dev", principal="ci", workspace="dev")
    for who in ("ann", "rob", "eve"):
        with pytest.raises(PratiqueError, match=r"may not do service_connections/write"):
            scene.do(service_connections.create, scene.people[who], "p", wanted)
    with pytest.raises(NotFound, match="no workspace"):
        scene.do(service_connections.create, scene.people["own"], "p", replace(wanted, workspace="absent"))
    with pytest.raises(PratiqueError, match="is a user"):
        scene.do(service_connections.create, scene.people["own"], "p", replace(wanted, principal="ann"))


def test_a_connection_may_be_about_no_workspace_for_what_makes_them(scene: Scene) -> None:
    scene.do(principals.create_service_principal, PLATFORM, "ci", credential=Credential("", "$x", scene.now))
    wanted = NewConnection("infrastructure", principal="ci")
    made = scene.do(service_connections.create, scene.people["own"], "p", wanted)
    assert (made.connection.workspace, made.connection.resource_group) == ("", "")


def test_a_connection_that_is_not_there_is_refused_before_anything_runs(scene: Scene) -> None:
    with pytest.raises(Forbidden, match="no service connection 'aml-dev'"):
        scene.queue(WITH_CONNECTION.replace("$(connection)", "aml-dev"))
