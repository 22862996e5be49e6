"""A model in a deployment stays, whoever asks; and what becomes of labels."""

from collections.abc import Callable
from typing import Any

import pytest

from pratique.base.errors import Conflict, NotFound
from pratique.control import assets, registry

WAYS: dict[str, Callable[[Any, Any], object]] = {
    "az and REST": lambda w, tx: assets.delete(tx, w.owner, "dev", "models", "credit", "1", now=w.now),
    "az by label": lambda w, tx: assets.delete(tx, w.owner, "dev", "models", "credit", "@champion", now=w.now),
    "MLflow, a version": lambda w, tx: registry.delete_version(tx, w.owner, "dev", "credit", "1", now=w.now),
    "MLflow, the name": lambda w, tx: registry.delete(tx, w.owner, "dev", "credit", now=w.now),
    "MLflow, renaming": lambda w, tx: registry.rename(tx, w.owner, "dev", "credit", "other", now=w.now),
}


@pytest.fixture
def deployed(world: Any) -> Any:
    """A model with the label champion, in a deployment."""
    path = world.upload({"MLmodel": b""}, "model")
    world.asset("models", "credit", type="mlflow_model", path=path)
    with world.database.write() as tx:
        registry.set_alias(tx, world.owner, "dev", "credit", "champion", "1", now=world.now)
    world.endpoint()
    world.deployment(model="azureml:credit@champion")
    return world


@pytest.mark.parametrize("way", WAYS)
def test_a_model_in_a_deployment_is_deleted_through_no_client(deployed: Any, way: str) -> None:
    with deployed.database.write() as tx, pytest.raises(Conflict, match="is used by deployment credit/blue"):
        WAYS[way](deployed, tx)
    with deployed.database.read() as tx:
        assert assets.get(tx, deployed.owner, "dev", "models", "credit", "1").version == "1"


def test_a_model_in_a_deployment_can_be_archived_and_its_label_still_means_it(deployed: Any) -> None:
    with deployed.database.write() as tx:
        assets.update(tx, deployed.owner, "dev", "models", "credit", "1", {"is_archived": True}, now=deployed.now)
        assert assets.get(tx, deployed.owner, "dev", "models", "credit", "@champion").version == "1"
        with pytest.raises(NotFound):
            assets.get(tx, deployed.owner, "dev", "models", "credit", "@latest")


def test_a_deleted_version_takes_its_labels_along(world: Any) -> None:
    for text in "ab":
        world.asset("models", "credit", text=text)
    with world.database.write() as tx:
        registry.set_alias(tx, world.owner, "dev", "credit", "champion", "2", now=world.now)
        assets.delete(tx, world.owner, "dev", "models", "credit", "2", now=world.now)
        with pytest.raises(NotFound):
            assets.get(tx, world.owner, "dev", "models", "credit", "@champion")
        assert registry.get(tx, world.owner, "dev", "credit").aliases == {}
        assert assets.get(tx, world.owner, "dev", "models", "credit", "@latest").version == "1"
