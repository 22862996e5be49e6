"""Workspaces into which only that comes which an approval of a run was given for."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from pratique.base.errors import (
    PromotionRefused,
)
from pratique.content.manifest import Entry, Manifest
from pratique.control import assets as versions
from pratique.control import (
    deployments,
    endpoints,
    promotion,
    workspaces,
)
from pratique.control.actor import PLATFORM, Actor
from pratique.store import assets, holdings
from pratique.store.assets import AssetVersion
from pratique.store.delivery_runs import Run
from pratique.store.deployments import OnlineDeployment

from .conftest import TWO, Scene


def spec_of(scene: Scene, workspace: str, text: str) -> dict[str, Any]:
    """What `model create` sends, for a model with that content."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    manifest = Manifest([Entry("model.bin", digest, len(text))])
    with scene.database.write() as tx:
        holdings.hold(tx, workspace, "blob", [(digest, len(text))], now=scene.now)
        holdings.add_manifest(tx, workspace, manifest, now=scene.now)
    return {"name": "credit", "type": "mlflow_model", "path": f"upload:{manifest.digest}/model.bin"}


def register(scene: Scene, actor: Actor, workspace: str, text: str) -> AssetVersion:
    made = scene.do(versions.create, actor, workspace, "models", spec_of(scene, workspace, text))
    assert isinstance(made, AssetVersion)
    return made


@pytest.fixture
def guarded(scene: Scene) -> Scene:
    """With the workspace qa-1, which takes only what was approved."""
    scene.do(
        workspaces.create, PLATFORM, {"name": "qa-1", "tags": {"pratique.promotion": "approved-only"}}, group="rg"
    )  # fmt: skip
    return scene


def as_run(scene: Scene, run: Run) -> Actor:
    return replace(scene.people["own"], run=run.id)


def test_what_was_approved_comes_in_and_nothing_else(guarded: Scene) -> None:
    guarded.check("approval")
    run = guarded.queue(TWO)
    task = as_run(guarded, run)
    made = register(guarded, task, "dev", "trained")
    with pytest.raises(PromotionRefused, match="is not what run"):
        register(guarded, task, "qa-1", "trained")
    guarded.end(run)
    assert [one["digest"] for one in guarded.asked(run).bound["used"]] == [made.manifest]
    guarded.answer(run, "bob")
    assert register(guarded, task, "qa-1", "trained").manifest == made.manifest
    with pytest.raises(PromotionRefused) as refused:
        register(guarded, task, "qa-1", "swapped")
    with guarded.database.write() as tx:
        assert promotion.void(tx, run.id, reason=refused.value.message, now=guarded.now) == 1
    assert guarded.asked(run).state == "voided"
    assert "so that approval is void" in guarded.told("ApprovalVoided")[0]["reason"]
    with pytest.raises(PromotionRefused):
        register(guarded, task, "qa-1", "trained too late")


def test_what_another_run_was_approved_for_does_not_count(guarded: Scene) -> None:
    guarded.check("approval")
    first, second = guarded.queue(TWO), guarded.queue(TWO)
    register(guarded, as_run(guarded, first), "dev", "trained")
    for run in (first, second):
        guarded.end(run)
        guarded.answer(run, "bob")
    with pytest.raises(PromotionRefused):
        register(guarded, as_run(guarded, second), "qa-1", "trained")
    assert register(guarded, as_run(guarded, first), "qa-1", "trained").version == "1"


def test_a_person_registers_nothing_in_a_workspace_of_approved_things(guarded: Scene) -> None:
    with pytest.raises(PromotionRefused, match="takes only what an approval"):
        register(guarded, guarded.people["own"], "qa-1", "by hand")
    assert register(guarded, guarded.people["own"], "dev", "by hand").version == "1"


def deploy(scene: Scene, actor: Actor, model: str) -> OnlineDeployment:
    """Wish a deployment in qa-1."""
    spec = {"name": "blue", "model": model}
    return scene.do(deployments.write, actor, "qa-1", "credit", spec, all_traffic=False)  # type: ignore[no-any-return]


@pytest.fixture
def behind(guarded: Scene) -> Scene:
    """With an endpoint in qa-1."""
    guarded.do(endpoints.write, PLATFORM, "qa-1", {"name": "credit"}, sealer=guarded.sealer)
    return guarded


def approved(scene: Scene, text: str) -> tuple[Run, Actor, AssetVersion]:
    """A run that trained `text`, was approved, and registered it in qa-1."""
    run = scene.queue(TWO)
    task = as_run(scene, run)
    register(scene, task, "dev", text)
    scene.end(run)
    scene.answer(run, "bob")
    return run, task, register(scene, task, "qa-1", text)


@pytest.mark.parametrize("wanted", ["azureml:credit@latest", "azureml:credit", "azureml:credit@production"])
def test_a_model_without_a_version_is_the_one_that_was_approved(behind: Scene, wanted: str) -> None:
    behind.check("approval")
    first, task, mine = approved(behind, "first")
    _, _, newer = approved(behind, "second")
    made = deploy(behind, task, wanted)
    assert (made.resolved["model"]["version"], made.resolved["model"]["manifest"]) == (mine.version, mine.manifest)
    said = behind.look(deployments.frozen, task, made)
    assert f"{wanted} is credit:1" in said
    assert f"which run {first.id} has an approval for" in said
    named = deploy(behind, behind.people["own"], f"azureml:credit:{newer.version}")  # A person redeploys what is there.
    assert behind.look(deployments.frozen, behind.people["own"], named) == ""
    assert named.resolved["model"]["manifest"] == newer.manifest


def test_what_was_not_approved_is_deployed_by_no_run_and_voids_its_approval(behind: Scene) -> None:
    behind.check("approval")
    _, _, theirs = approved(behind, "theirs")
    run, task, _ = approved(behind, "mine")
    with pytest.raises(PromotionRefused, match=f"deployment credit/blue: its content {theirs.manifest:.12}") as refused:
        deploy(behind, task, f"azureml:credit:{theirs.version}")
    assert refused.value.run == run.id
    with behind.database.write() as tx:
        assert promotion.void(tx, run.id, reason=refused.value.message, now=behind.now) == 1
    with pytest.raises(PromotionRefused, match=r"\(nothing\)"):
        deploy(behind, task, "azureml:credit@latest")


def test_elsewhere_the_latest_is_the_latest(behind: Scene) -> None:
    behind.check("approval")
    _, task, _ = approved(behind, "first")
    newer = register(behind, behind.people["own"], "dev", "newer")
    behind.do(endpoints.write, PLATFORM, "dev", {"name": "credit"}, sealer=behind.sealer)
    spec = {"name": "blue", "model": "azureml:credit@latest"}
    made = behind.do(deployments.write, task, "dev", "credit", spec, all_traffic=False)
    assert made.resolved["model"]["version"] == newer.version
    assert behind.look(deployments.frozen, task, made) == ""


def test_an_approval_shows_the_candidate_beside_the_champion(guarded: Scene) -> None:
    guarded.check("approval")
    first = guarded.queue(TWO)
    register(guarded, as_run(guarded, first), "dev", "old")
    guarded.end(first)
    guarded.answer(first, "bob")
    champion = register(guarded, as_run(guarded, first), "qa-1", "old")
    second = guarded.queue(TWO)
    candidate = register(guarded, as_run(guarded, second), "dev", "new")
    with guarded.database.write() as tx:
        assets.change_version(tx, champion.id, tags={"auc": "0.8"})
        assets.change_version(tx, candidate.id, tags={"auc": "0.85", "note": "text"})
    guarded.end(second)
    (report,) = guarded.look(promotion.evaluation, second, guarded.asked(second).bound)
    assert (report["model"], report["metrics"]) == ("dev/credit:2", {"auc": 0.85})
    assert (report["champion"], report["champion_metrics"]) == ("qa-1/credit:1", {"auc": 0.8})
