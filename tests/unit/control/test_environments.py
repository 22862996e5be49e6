"""Registering environments, and what an `environment:` means: a registered, a curated or an inline one."""

from typing import Any

import pytest

from pratique.base.errors import AlreadyExists, NotFound, NotYet
from pratique.control import environments
from pratique.control.assets import DIGEST
from pratique.specs.translation import RELEASED_BEFORE, TRANSLATED, TRANSLATION
from pratique.store.assets import AssetVersion

CONDA = {"channels": ["conda-forge"], "dependencies": ["python=3.8", "scikit-learn=0.24.2"]}


def create(world: Any, **spec: Any) -> AssetVersion:
    with world.database.write() as tx:
        return environments.create(tx, world.owner, "dev", {"name": "sk", **spec}, now=world.now)


def resolve(world: Any, wanted: Any) -> dict[str, Any]:
    with world.database.read() as tx:
        return environments.resolve(tx, "dev", wanted)


def test_what_was_translated_is_among_the_properties(world: Any) -> None:
    version = create(world, conda_file=CONDA)
    assert version.properties[TRANSLATED] == "true"
    assert "channel conda-forge is not used" in version.properties[TRANSLATION].splitlines()
    assert "scikit-learn 0.24" in version.properties[TRANSLATION].splitlines()[-1]


def test_the_translation_is_part_of_the_digest(world: Any) -> None:
    digests = {
        create(world, conda_file=CONDA).properties[DIGEST],
        create(world, conda_file=CONDA, properties={RELEASED_BEFORE: "2022-01-01"}).properties[DIGEST],
        create(world, conda_file=CONDA, properties={RELEASED_BEFORE: "none"}).properties[DIGEST],
    }
    assert len(digests) == 3
    assert create(world, conda_file=CONDA).properties[DIGEST] in digests


def test_another_day_is_another_content(world: Any) -> None:
    create(world, version="1", conda_file=CONDA)
    create(world, version="1", conda_file=CONDA, description="the same")
    with pytest.raises(AlreadyExists):
        create(world, version="1", conda_file=CONDA, properties={RELEASED_BEFORE: "2022-01-01"})


def test_an_image_that_is_not_known_is_registered_and_refused_where_it_is_used(world: Any) -> None:
    version = create(world, image="ubuntu:22.04")
    assert "ubuntu:22.04" in version.properties[environments.REFUSED]
    with pytest.raises(NotYet, match=r"ubuntu:22\.04"):
        resolve(world, "azureml:sk:1")


def test_a_resolved_environment_has_a_conda_file_whatever_it_was(world: Any) -> None:
    create(world, image="python:3.10")
    found = resolve(world, "azureml:sk@latest")
    assert (found["name"], found["version"]) == ("sk", "1")
    assert found["spec"]["conda_file"] == {"dependencies": ["python=3.10"]}


@pytest.mark.parametrize(
    "text",
    [
        "azureml://registries/azureml/environments/sklearn-1.5/labels/latest",
        "azureml://registries/azureml/environments/sklearn-1.5/versions/33",
        "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu@latest",
        "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:1",
        "azureml:AzureML-sklearn-1.0-ubuntu20.04-py38-cpu",
    ],
)
def test_a_curated_name_stands_for_its_set(world: Any, text: str) -> None:
    found = resolve(world, text)
    assert (found["name"], found["version"]) == ("", "")
    assert any("scikit-learn==1." in text for text in found["spec"]["conda_file"]["dependencies"][1]["pip"])
    assert RELEASED_BEFORE in found["spec"]["properties"]


def test_an_environment_of_the_workspace_comes_before_a_curated_one_of_its_name(world: Any) -> None:
    name = "AzureML-sklearn-1.0-ubuntu20.04-py38-cpu"
    create(world, name=name, conda_file=CONDA)
    assert resolve(world, f"azureml:{name}@latest")["name"] == name


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("azureml://registries/azureml/environments/no-such/labels/latest", NotYet),
        ("azureml:AzureML-no-such@latest", NotFound),
        ("azureml://registries/other/environments/sklearn-1.5/labels/latest", NotYet),
        ("azureml:sklearn-1.5@latest", NotFound),
    ],
)
def test_what_is_not_known_is_refused_by_name(world: Any, text: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"no-such|other|sklearn-1\.5"):
        resolve(world, text)
