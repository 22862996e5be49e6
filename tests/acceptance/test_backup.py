"""A home is saved while it works, restored elsewhere, and pruned, and answers the same all the while."""

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from .conftest import NewInstallation
from .installation import PLAIN_ENVIRONMENT, SHARED_ENVIRONMENTS, Installation, prepare_workspace, until, write

SCORE = """\
import os


def init():
    pass


def run(raw):
    with open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "weights.txt")) as stream:
        return {"answer": stream.read().strip()}
"""
FILES = {
    **PLAIN_ENVIRONMENT,
    "endpoint.yml": "name: kept\nauth_mode: key\n",
    "model.yml": "name: weights\nversion: 1\ntype: custom_model\npath: weights.txt\n",
    "weights.txt": "forty-two\n",
    "score/score.py": SCORE,
    "blue.yml": "name: blue\nendpoint_name: kept\nmodel: azureml:weights:1\nenvironment: azureml:plain@latest\n"
    "code_configuration:\n  code: ./score\n  scoring_script: score.py\ninstance_type: Standard_DS3_v2\n"
    "instance_count: 1\n",
}


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """An endpoint that answers what its model says, and a model that nobody uses any more."""
    project = write(prepare_workspace(platform, "backups"), FILES)
    platform.do("ml", "model", "create", "-f", "model.yml", cwd=project)
    platform.do("ml", "online-endpoint", "create", "-f", "endpoint.yml", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    return project


def key_of(installation: Installation, project: Path) -> str:
    found: dict[str, Any] = installation.get("ml", "online-endpoint", "get-credentials", "-n", "kept", cwd=project)
    return str(found["primaryKey"])


def answer(installation: Installation, key: str) -> tuple[int, Any]:
    said = installation.score("backups", "kept", key, b'{"data": []}')
    return said.status, said.document if said.status == 200 else said.body


@pytest.mark.slow
def test_a_restored_home_answers_the_same_to_the_same_key(
    platform: Installation, project: Path, new_installation: NewInstallation
) -> None:
    key = key_of(platform, project)
    file = project / "backup.tar"
    told = platform.get("backup", "create", str(file))
    assert told["lacking"] == []
    other = new_installation()
    error = other.fail("backup", "restore", str(file))
    assert "never restored over a home" in error
    (other.home / "environments").unlink()
    other.home.rmdir()
    other.do("backup", "restore", str(file))
    shutil.rmtree(other.home / "environments")
    (other.home / "environments").symlink_to(SHARED_ENVIRONMENTS)
    other.up()
    until(lambda: answer(other, key)[0] == 200, "the restored home answers")
    assert answer(other, key) == answer(platform, key) == (200, {"answer": "forty-two"})
    assert other.broken_event() is None


def age(platform: Installation) -> None:
    """Let all content be older than any upload."""
    for path in platform.home.glob("blobs/??/*"):
        os.utime(path, (1, 1))
    with contextlib.closing(sqlite3.connect(platform.home / "pratique.db", timeout=30)) as connection:
        connection.execute("UPDATE holdings SET created_at = '2020-01-01 00:00:00.000000'")
        connection.execute("UPDATE manifests SET created_at = '2020-01-01 00:00:00.000000'")
        connection.commit()


def counts(text: str) -> dict[str, int]:
    return {row["what"]: row["count"] for row in json.loads(text)}


def test_a_pruned_home_still_answers_and_keeps_what_a_version_names(platform: Installation, project: Path) -> None:
    key = key_of(platform, project)
    write(
        project, {"gone.yml": "name: gone\nversion: 1\ntype: custom_model\npath: gone.txt\n", "gone.txt": "old words"}
    )
    platform.do("ml", "model", "create", "-f", "gone.yml", cwd=project)
    platform.do("prune")
    assert "blobs" not in counts(platform.do("prune", "--dry-run", "-o", "json")), "what is young stays"
    platform.do("ml", "model", "archive", "-n", "gone", "-v", "1", cwd=project)
    age(platform)
    before = counts(platform.do("prune", "--dry-run", "-o", "json")).get("blobs", 0)
    with contextlib.closing(sqlite3.connect(platform.home / "pratique.db", timeout=30)) as connection:
        connection.execute("DELETE FROM asset_versions WHERE name = 'gone'")
        connection.commit()
    assert counts(platform.do("prune", "--dry-run", "-o", "json"))["blobs"] == before + 1
    assert counts(platform.do("prune", "-o", "json"))["blobs"] == before + 1
    assert "blobs" not in counts(platform.do("prune", "--dry-run", "-o", "json"))
    assert answer(platform, key) == (200, {"answer": "forty-two"})
    platform.do("ml", "model", "download", "-n", "weights", "-v", "1", "-p", "here", cwd=project)
    # What was removed is sent again, although the client remembers that it has sent it.
    write(project, {"again.yml": "name: again\nversion: 1\ntype: custom_model\npath: gone.txt\n"})
    platform.do("ml", "model", "create", "-f", "again.yml", cwd=project)
    platform.do("ml", "model", "download", "-n", "again", "-v", "1", "-p", "here", cwd=project)
