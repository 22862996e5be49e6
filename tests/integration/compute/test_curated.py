"""Every set that stands for a curated environment of Azure can be settled on this machine."""

from pathlib import Path

import pytest

from pratique.base.errors import ComputeFailed
from pratique.compute.environments import Environments
from pratique.compute.interpreters import choose_interpreter
from pratique.specs.curated import CuratedSet, curated_sets
from pratique.specs.translation import filled_by, translate


@pytest.mark.slow
@pytest.mark.parametrize("one", curated_sets(), ids=lambda one: str(one.names[0]))
def test_a_curated_set_is_settled(one: CuratedSet, tmp_path: Path) -> None:
    try:
        choose_interpreter(one.python)
    except ComputeFailed as refusal:
        pytest.skip(str(refusal))
    lock = Environments(tmp_path).lock(translate(filled_by(one, one.names[0])))
    pinned = {line.split()[0] for line in lock.text.splitlines() if line[:1].isalnum()}
    assert pinned >= set(one.packages)
