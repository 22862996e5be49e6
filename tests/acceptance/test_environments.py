"""Environments as a person registers and uses them, and what a job can do to the machine."""

import json
from pathlib import Path
from typing import Final

import pytest

from pratique.compute.sandbox import why_not

from .installation import Installation, prepare_workspace, write

WORKSPACE: Final = "surroundings"
OLD: Final = """\
channels: [conda-forge]
dependencies:
  - python=3.11.2
  - py-xgboost=1.7.6
"""
PLAIN: Final = """\
dependencies:
  - python=3.11
"""
SPOIL: Final = """\
type: command
environment:
  conda_file: plain.yml
inputs:
  rows: {{type: uri_file, path: rows.csv, mode: ro_mount}}
command: >-
  cat ${{{{inputs.rows}}}};
  ls -d {home}/pratique.db {home}/keys {home}/blobs {runtime} 2> /dev/null;
  echo spoiled > ${{{{inputs.rows}}}};
  rm -rf {home}/pratique.db {home}/keys $VIRTUAL_ENV/lib;
  python -c "print('python lives')"
"""


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A workspace and a folder with an environment and a job."""
    made = prepare_workspace(platform, WORKSPACE)
    job = SPOIL.format(home=platform.home, runtime=platform.runtime)
    write(made, {"old.yml": OLD, "plain.yml": PLAIN, "rows.csv": "1,2\n", "spoil.yml": job})
    return made


def test_an_environment_is_registered_with_what_was_translated_and_builds_nothing(
    platform: Installation, project: Path
) -> None:
    before = set((platform.home / "environments").iterdir())
    words = ("ml", "environment", "create", "-n", "old", "--conda-file", "old.yml", "-w", WORKSPACE)
    made = platform.get(*words, cwd=project)
    assert made["properties"]["pratique.translated"] == "true"
    notes = made["properties"]["pratique.translation"].splitlines()
    assert "py-xgboost is called xgboost on the Python package index" in notes
    assert platform.get("ml", "environment", "show", "-n", "old", "-l", "latest", "-w", WORKSPACE) == made
    assert set((platform.home / "environments").iterdir()) == before


def test_strict_refuses_a_translation_and_registers_nothing(platform: Installation, project: Path) -> None:
    create = ("ml", "environment", "create", "--strict", "-w", WORKSPACE)
    said = platform.fail(*create, "-n", "strict", "--conda-file", "old.yml", cwd=project)
    assert "channel conda-forge is not used" in said
    assert "python=3.11.2: any 3.11 is taken" in said
    platform.fail("ml", "environment", "show", "-n", "strict", "-l", "latest", "-w", WORKSPACE, code=3)
    made = json.loads(platform.do(*create, "-n", "plain", "--conda-file", "plain.yml", "-o", "json", cwd=project))
    assert made["properties"]["pratique.translated"] == "false"


@pytest.mark.skipif(bool(why_not()), reason=f"processes cannot be kept apart on this machine: {why_not()}")
def test_a_job_that_spoils_what_it_can_harms_nobody(platform: Installation, project: Path) -> None:
    create = ("ml", "job", "create", "-f", "spoil.yml", "--stream", "-w", WORKSPACE)
    for _ in range(2):
        said = platform.run(*create, cwd=project)
        assert said.code == 0, said
        log = said.out + said.err
        assert "1,2\n" in log
        assert f"\n{platform.home}" not in log, "nothing of the platform is to be seen"
        assert "Read-only file system" in log
        assert "python lives" in log
