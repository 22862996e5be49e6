"""Rollouts under load for a quarter of an hour, as `docs/reference/reliability.md` tells them."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.soak
def test_every_promise_of_a_rollout_is_kept_for_a_quarter_of_an_hour() -> None:
    root = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-m", "bench.soak.rollout"],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=7200,
        check=False,
    )
    print(run.stdout)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}"
