"""The oracle, made once for all tests: its environment stays below the tree's own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .corpus import write_beside
from .oracle import ROOT, Oracle


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    with Oracle(ROOT / ".venv" / "oracle") as ready:
        yield ready


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the corpus names."""
    made = tmp_path_factory.mktemp("corpus")
    write_beside(made)
    return made
