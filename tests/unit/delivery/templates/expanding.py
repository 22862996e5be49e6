"""What a main file and the files that it names become."""

from collections.abc import Mapping
from typing import Any

from tests.unit.delivery.sources import reader

from pratique.delivery.nodes import SELF, Source, plain_data
from pratique.delivery.templates.expand import expand
from pratique.delivery.trouble import Troubles

MAIN = "pipelines/main.yml"


def expanded(
    text: str, files: Mapping[str, str] | None = None, **given: Mapping[str, str]
) -> tuple[Any, list[str], list[str]]:
    """The tree as plain data, the errors and the warnings; files are PATH or PATH@REPOSITORY."""
    troubles = Troubles()
    found = expand(reader(MAIN, text, files), Source(SELF, MAIN), troubles=troubles, **given)
    tree = plain_data(found.root) if found.root is not None else None
    return (
        tree,
        [str(one.to_problem()) for one in troubles.errors],
        [str(one.to_problem()) for one in troubles.warnings],
    )


def tree_of(text: str, files: Mapping[str, str] | None = None, **given: Mapping[str, str]) -> Any:
    tree, errors, _ = expanded(text, files, **given)
    assert errors == []
    return tree


def steps_of(text: str, files: Mapping[str, str] | None = None, **given: Mapping[str, str]) -> list[Any]:
    """What the scripts of the steps are."""
    return [step.get("script", step) for step in tree_of(text, files, **given)["steps"]]
