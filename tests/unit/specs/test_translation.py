"""What an environment becomes here, and that every difference is told."""

from typing import Any

import pytest
from packaging.requirements import Requirement

from pratique.base.errors import InvalidInput, NotYet
from pratique.compute.interpreters import OLDEST
from pratique.specs.curated import base_images, curated, curated_sets, of_image
from pratique.specs.translation import (
    CURATED,
    RELEASED_BEFORE,
    TRANSLATED,
    TRANSLATION,
    check_untranslated,
    facts,
    fill,
    translate,
)

PLAIN = {"dependencies": ["python=3.13", {"pip": ["numpy==2.1.0"]}]}
OLD = {"dependencies": ["python=3.8", {"pip": ["scikit-learn==0.24.2", "pandas"]}]}


def test_what_is_written_for_this_place_is_not_translated() -> None:
    assert translate({"conda_file": PLAIN}).notes == ()
    assert facts({"conda_file": PLAIN}) == {TRANSLATED: "false"}
    check_untranslated({"conda_file": PLAIN})


def test_an_image_beside_a_conda_file_is_not_used_and_that_is_told() -> None:
    spec = {"conda_file": PLAIN, "image": "mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04"}
    (note,) = translate(spec).notes
    assert note.startswith("image mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04 is not used")
    assert facts(spec)[TRANSLATED] == "true"


def test_strict_refuses_a_translation_with_every_note() -> None:
    spec = {"conda_file": {"channels": ["conda-forge"], "dependencies": ["python=3.13.1", "py-xgboost"]}}
    with pytest.raises(InvalidInput, match="--strict") as caught:
        check_untranslated(spec)
    assert [problem.message for problem in caught.value.problems] == facts(spec)[TRANSLATION].splitlines()
    assert len(caught.value.problems) == 4


def test_old_pins_get_companions_of_their_time_and_may_get_newer_ones() -> None:
    request = translate({"conda_file": OLD})
    assert (request.released_before, request.may_be_newer) == ("2021-05-28", True)
    assert "scikit-learn 0.24" in request.notes[-1]


def test_a_wished_day_is_taken_at_its_word() -> None:
    request = translate({"conda_file": OLD, "properties": {RELEASED_BEFORE: "2022-12-31"}})
    assert (request.released_before, request.may_be_newer) == ("2022-12-31", False)
    assert translate({"conda_file": OLD, "properties": {RELEASED_BEFORE: "none"}}).released_before is None


@pytest.mark.parametrize("day", ["2022", "20221231", "yesterday", "2022-13-01", "2022-12-31T00:00:00Z"])
def test_what_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(InvalidInput, match="expected a day such as 2022-12-31"):
        translate({"conda_file": OLD, "properties": {RELEASED_BEFORE: day}})


def test_a_day_among_the_tags_is_refused() -> None:
    with pytest.raises(InvalidInput, match="is no tag of an environment"):
        translate({"conda_file": OLD, "tags": {RELEASED_BEFORE: "2022-12-31"}})


# Images and curated environments.


@pytest.mark.parametrize(
    ("image", "python", "packages"),
    [
        ("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest", "3.8", False),
        ("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04:20240101.v1", "3.10", False),
        ("mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu22.04@sha256:ab12", "3.10", False),
        ("mcr.microsoft.com/azureml/curated/sklearn-1.5:33", "3.10", True),
        ("mcr.microsoft.com/azureml/minimal-py312-inference:latest", "3.12", True),
        ("python:3.10-slim", "3.10", False),
        ("python:3.9.18-bookworm", "3.9", False),
        ("docker.io/library/python:3.12", "3.12", False),
        ("mcr.microsoft.com/mirror/docker/library/python:3.8", "3.8", False),
    ],
)
def test_a_known_image_stands_for_a_set(image: str, python: str, packages: bool) -> None:
    request = translate({"image": image})
    assert request.python == python
    assert bool(request.requirements) == packages
    assert request.notes[0].startswith(f"a set of pinned packages stands for {image}")


@pytest.mark.parametrize(
    "image",
    ["ubuntu:22.04", "python", "python:latest", "python:2.7", "mcr.microsoft.com/azureml/promptflow/x:1",
     "me/python:3.10", "mcr.microsoft.com/azureml/", "mcr.microsoft.com/azureml/curated/unknown:1"],
)  # fmt: skip
def test_an_image_that_is_not_known_is_refused_by_name(image: str) -> None:
    with pytest.raises(NotYet, match="it is not known what the image") as caught:
        translate({"image": image})
    assert image in str(caught.value)
    assert "conda_file" in caught.value.hint


def test_a_build_context_is_refused() -> None:
    with pytest.raises(NotYet, match="cannot be built on local compute"):
        translate({"build": {"path": "docker"}})


def test_a_filled_environment_is_complete_and_stays_as_it_is() -> None:
    once = fill({"image": "mcr.microsoft.com/azureml/curated/sklearn-1.5:33", "tags": {"a": "b"}})
    assert fill(once) == once
    assert translate(once) == translate({"image": "mcr.microsoft.com/azureml/curated/sklearn-1.5:33"})
    assert once["properties"][CURATED].startswith("mcr.microsoft.com/azureml/curated/sklearn-1.5:33: ")


def test_a_wished_day_wins_over_that_of_a_set() -> None:
    spec: dict[str, Any] = {
        "image": "mcr.microsoft.com/azureml/curated/sklearn-1.5",
        "properties": {RELEASED_BEFORE: "2025-06-01"},
    }
    assert translate(spec).released_before == "2025-06-01"


def test_names_are_found_in_any_case_and_belong_to_one_set() -> None:
    assert curated("azureml-SKLEARN-1.0-ubuntu20.04-py38-cpu") is not None
    assert curated("no-such") is None
    names = [name.lower() for one in (*curated_sets(), *base_images()) for name in one.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("one", curated_sets(), ids=lambda one: str(one.names[0]))
def test_a_set_is_pinned_and_has_a_day_and_a_python_that_runs_here(one: Any) -> None:
    assert one.before is not None
    assert tuple(map(int, one.python.split("."))) >= OLDEST
    assert all(str(Requirement(text).specifier).startswith("==") for text in one.packages)


def test_a_base_image_has_no_packages() -> None:
    assert all(one.packages == () for one in base_images())
    assert of_image("mcr.microsoft.com/azureml/base:latest") is not None
