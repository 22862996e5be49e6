"""Sentences that can be checked against the code are checked."""

import re
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from pratique.base.errors import InvalidInput
from pratique.base.settings import SETTINGS
from pratique.control.sessions import LINK_LASTS, SESSION_LASTS
from pratique.specs.packages import check_python_only, from_conda
from pratique.web.identity import TOKEN_LASTS

from .conftest import ROOT

_LAYERS = "app|cli|web|client|engine|control|store|compute|gateway|tracking|specs|content|base"
_PLACES = re.findall(
    rf"`((?:__main__|(?:{_LAYERS}))\.[A-Za-z_.]+)", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
)
CONDA = re.findall(
    r"^\| `([^`]+)` \| `([^`]+)` \|",
    (ROOT / "docs" / "concepts" / "environments.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


@pytest.mark.parametrize("name", sorted(set(_PLACES)))
def test_every_function_that_the_architecture_names_is_there(name: str) -> None:
    assert is_there(name)


def is_there(name: str) -> bool:
    """Whether `name`, without the package, is a module or something in one."""
    words = ["pratique", *name.split(".")]
    for length in range(len(words), 1, -1):
        try:
            found: Any = import_module(".".join(words[:length]))
        except ModuleNotFoundError:
            continue
        for word in words[length:]:
            found = getattr(found, word, None)
        return found is not None
    return False


def test_a_name_that_is_not_there_is_found_missing() -> None:
    assert not is_there("control.jobs.no_such_verb")
    assert not is_there("control.no_such_noun")


@pytest.mark.parametrize(("written", "becomes"), [pair for pair in CONDA if pair[0] != pair[1] or "<" in pair[0]])
def test_a_conda_package_becomes_what_the_page_says(written: str, becomes: str) -> None:
    requirement, setuptools = from_conda({"dependencies": [written]}).requirements
    assert setuptools == "setuptools<81", "as the page says of every Python older than 3.13"
    assert set(re.split("(?=[<>=!])|,", requirement)) == set(re.split("(?=[<>=!])|,", becomes))


@pytest.mark.parametrize("written", ["a=1.2|1.4", {"pip": ["-r requirements.txt"]}])
def test_what_the_page_says_is_refused_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput):
        from_conda({"dependencies": [written]})


@pytest.mark.parametrize("written", ["openmpi", "cudatoolkit", "r-base"])
def test_what_the_page_says_only_conda_brings_is_refused_without_it(written: str) -> None:
    with pytest.raises(InvalidInput):
        check_python_only(from_conda({"dependencies": [written]}))


@pytest.mark.parametrize("written", ["pip", "openssl", "zlib"])
def test_what_the_interpreter_brings_is_dropped(written: str) -> None:
    assert from_conda({"dependencies": [written]}).requirements == ()


def test_the_durations_on_the_page_of_identity_are_those_in_force() -> None:
    text = (ROOT / "docs" / "concepts" / "identity.md").read_text(encoding="utf-8")
    assert (timedelta(minutes=5), timedelta(hours=12), timedelta(hours=1)) == (LINK_LASTS, SESSION_LASTS, TOKEN_LASTS)
    assert "good for five minutes and one use" in text
    assert "a session of twelve hours" in text
    assert "It is good for an hour." in text


def test_the_ports_on_the_page_of_endpoints_are_the_defaults() -> None:
    text = (ROOT / "docs" / "concepts" / "endpoints.md").read_text(encoding="utf-8")
    ports = {row.name: row.default for row in SETTINGS}
    assert f"| the door | {ports['door_port']} |" in text
    assert f"| the endpoints' door | {ports['endpoints_port']} |" in text
