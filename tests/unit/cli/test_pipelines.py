"""`pipelines validate` and `pipelines expand`: no platform is needed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from pratique.cli.verbs.pipelines_run import shown_name

Run = Callable[..., Any]

PIPELINE = """
parameters:
- {name: environment, default: dev, values: [dev, qa]}
resources:
  repositories:
  - {repository: shared, type: git, name: p/shared}
variables:
  isMain: $[eq(variables['Build.SourceBranch'], 'refs/heads/main')]
stages:
- stage: Train
  jobs:
  - job: J
    steps:
    - template: ../templates/train.yml
    - template: steps.yml@shared
- stage: Release
  condition: and(succeeded(), eq(variables.isMain, true))
  jobs:
  - deployment: D
    environment: ${{ parameters.environment }}
    strategy: {runOnce: {deploy: {steps: [{script: echo}]}}}
- stage: Promote
  dependsOn: Train
  condition: eq(dependencies.Train.outputs['J.train.better'], 'true')
  jobs:
  - job: P
    steps: [{script: echo}]
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository on the branch main, and another beside it."""
    files = {
        "repo/.git/HEAD": "ref: refs/heads/main\n",
        "repo/pipelines/azure-pipelines.yml": PIPELINE,
        "repo/templates/train.yml": "steps:\n- script: train 0001\n  name: train\n",
        "shared/steps.yml": "steps:\n- script: shared\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path / "repo" / "pipelines")
    return tmp_path


SHARED = ("--repository", "shared=../../shared")


def test_a_pipeline_is_checked_with_all_its_files(pratique: Run, project: Path) -> None:
    ran = pratique("pipelines", "validate", "azure-pipelines.yml", *SHARED)
    assert (ran.code, ran.err) == (0, "")
    (found,) = json.loads(ran.out)
    assert found == {"file": "azure-pipelines.yml", "stages": 3, "jobs": 3, "steps": 4, "files": 3, "warnings": 0}


def test_every_problem_of_every_file_is_told(pratique: Run, project: Path) -> None:
    Path("second.yml").write_text("steps:\n- task: Docker@2\n- script: a\n  condition: eq(1)\n", encoding="utf-8")
    ran = pratique("pipelines", "validate", "azure-pipelines.yml", "second.yml", "third.yml")
    assert ran.code == 1
    assert ran.out == ""
    assert "error: 3 files: 4 problems" in ran.err
    assert "pipelines/azure-pipelines.yml:15 column 17: steps.yml@shared: the repository shared is not" in ran.err
    assert "--repository shared=FOLDER" in ran.err
    assert "pipelines/second.yml:2 column 9: the task Docker@2 is not known here" in ran.err
    assert "third.yml: there is no such file" in ran.err


def test_a_parameter_is_given_and_refused(pratique: Run, project: Path) -> None:
    ran = pratique("pipelines", "validate", "azure-pipelines.yml", *SHARED, "--parameters", "environment=prod")
    assert ran.code == 1
    assert "the parameter environment is prod; expected one of dev, qa" in ran.err
    ran = pratique("pipelines", "validate", "azure-pipelines.yml", *SHARED, "--parameters", "environment")
    assert ran.code == 2


def test_a_pipeline_is_shown_as_one_file(pratique: Run, project: Path) -> None:
    ran = pratique("pipelines", "expand", "azure-pipelines.yml", *SHARED, "--parameters", "environment=qa")
    assert (ran.code, ran.err) == (0, "")
    found = yaml.safe_load(ran.out)
    assert [step["script"] for step in found["stages"][0]["jobs"][0]["steps"]] == ["train 0001", "shared"]
    assert found["stages"][1]["jobs"][0]["environment"] == "qa"
    assert "${{" not in ran.out
    Path("expanded.yml").write_text(ran.out, encoding="utf-8")
    assert pratique("pipelines", "validate", "expanded.yml", *SHARED).code == 0


def test_the_expanded_file_is_data_as_well(pratique: Run, project: Path) -> None:
    ran = pratique("pipelines", "expand", "azure-pipelines.yml", *SHARED, "-o", "json")
    assert [stage["stage"] for stage in json.loads(ran.out)["stages"]] == ["Train", "Release", "Promote"]
    ran = pratique("pipelines", "expand", "azure-pipelines.yml", *SHARED, "-o", "tsv", "--query", "stages[0].stage")
    assert ran.out == "Train\n"


def test_it_says_why_each_stage_runs(pratique: Run, project: Path) -> None:
    ran = pratique("pipelines", "expand", "azure-pipelines.yml", *SHARED, "--explain")
    assert ran.code == 0
    assert "stage Release after Train: runs" in ran.out
    assert "variables['isMain'] → 'True'" in ran.out
    assert "job D, deploys to dev: runs" in ran.out
    assert "stage Promote after Train: decided by the run" in ran.out
    assert "reads J.train.better, which only the run knows" in ran.out


def test_another_branch_is_another_answer(pratique: Run, project: Path) -> None:
    ran = pratique(
        "pipelines", "expand", "azure-pipelines.yml", *SHARED, "--explain", "-o", "json",
        "--variables", "Build.SourceBranch=refs/heads/dev",
    )  # fmt: skip
    found = {(entry["stage"], entry["job"]): entry for entry in json.loads(ran.out)}
    assert found[("Release", None)]["verdict"] == "skipped"
    assert found[("Release", "D")]["reason"] == "its stage does not run"
    assert found[("Train", "J")]["verdict"] == "runs"


def test_a_warning_goes_to_stderr(pratique: Run, project: Path) -> None:
    Path("w.yml").write_text("trigger: [none]\nsteps: [{script: a}]\n", encoding="utf-8")
    ran = pratique("pipelines", "validate", "w.yml")
    assert ran.code == 0
    assert ran.err.startswith("warning: pipelines/w.yml:1 column 10: this is a branch called none")


@pytest.mark.parametrize("reference", ["../../outside.yml", "../link.yml"])
def test_a_template_outside_the_repository_is_not_read(pratique: Run, project: Path, reference: str) -> None:
    (project / "outside.yml").write_text("steps: [{script: secret}]", encoding="utf-8")
    (project / "repo" / "link.yml").symlink_to(project / "outside.yml")
    Path("o.yml").write_text(f"steps:\n- template: {reference}\n", encoding="utf-8")
    ran = pratique("pipelines", "expand", "o.yml")
    assert ran.code == 1
    assert "secret" not in ran.out + ran.err


def test_a_file_without_a_repository_is_read_from_its_folder(pratique: Run, tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_text("steps:\n- template: /t.yml\n", encoding="utf-8")
    (tmp_path / "t.yml").write_text("steps:\n- script: a\n", encoding="utf-8")
    assert pratique("pipelines", "validate", str(tmp_path / "p.yml")).code == 0


def test_a_file_that_is_no_text_is_refused(pratique: Run, tmp_path: Path) -> None:
    (tmp_path / "p.yml").write_bytes(b"\xff\xfe\x00\x01")
    ran = pratique("pipelines", "validate", str(tmp_path / "p.yml"))
    assert ran.code == 1
    assert "not UTF-8" in ran.err


@pytest.mark.parametrize(
    ("message", "appends", "shown"),
    [
        ("Let the model see more", True, "20261121.3 • Let the model see more"),
        ("Let the model see more", False, "20261121.3"),
        (None, True, "20261121.3"),
    ],
)
def test_a_run_is_told_with_what_its_commit_says_unless_the_file_says_no(
    message: str | None, appends: bool, shown: str
) -> None:
    told = {"ci.message": message} if message else {}
    run = {"buildNumber": "20261121.3", "triggerInfo": told, "appendCommitMessageToRunName": appends}
    assert shown_name(run) == shown
