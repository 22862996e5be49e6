"""A kill at a random moment of every verb of a rollout: it has happened or not, and callers do not notice."""

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from pratique.base.clock import utc_now

from .installation import Installation, free_ports, running
from .rollout_storm import VERBS, RolloutStorm, record, rollout_storm, told, what_is_broken

MANY_KILLS: Final = 200
RESULT: Final = Path(__file__).parents[2] / "bench" / "soak" / "results" / "rollout_kills.json"
BOUND: Final = 2400.0
"""Seconds after which a long storm is calm, however many kills there were."""


@pytest.fixture
def stormy(platform: Installation, folder: Path) -> Iterator[RolloutStorm]:
    """A storm over a home of its own; ``ACCEPTANCE_SEED`` of an earlier run repeats its decisions."""
    own = folder / "rollout-kills"
    shutil.rmtree(own, ignore_errors=True)
    (own / "home").mkdir(parents=True, mode=0o700)
    (own / "home" / "environments").symlink_to(platform.home / "environments")
    seed = int(os.environ.get("ACCEPTANCE_SEED") or time.time_ns() % 1_000_000)
    print(f"ACCEPTANCE_SEED={seed}")
    with running(Installation(own, *free_ports())) as installation, rollout_storm(installation, seed) as made:
        yield made


def test_every_verb_that_is_cut_has_happened_wholly_or_not_at_all(stormy: RolloutStorm) -> None:
    stormy.rage(len(VERBS))
    broken = what_is_broken(stormy)
    assert not broken, "\n".join(broken)
    assert stormy.kills.total() == len(VERBS)
    assert stormy.callers.answered


@pytest.mark.soak
def test_every_verb_is_cut_again_and_again(stormy: RolloutStorm) -> None:
    kills, began = int(os.environ.get("SOAK_ROLLOUT_KILLS") or MANY_KILLS), time.monotonic()
    stormy.rage(kills, until_moment=began + BOUND)
    seconds = time.monotonic() - began
    broken = what_is_broken(stormy)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(told(record(stormy, broken, seconds=seconds, at=utc_now())) + "\n", encoding="utf-8")
    assert not broken, "\n".join(broken)
    assert stormy.kills.total() >= kills, f"only {stormy.kills.total()} kills in {BOUND:.0f} s"
