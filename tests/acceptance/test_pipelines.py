"""The pipelines of the examples run as their pages say: five steps, one inside another, outputs of one's own."""

import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

import pytest

from .installation import Installation, Said, prepare_workspace

EXAMPLES: Final = Path(__file__).parents[2] / "examples" / "pipelines"


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A copy of the examples, with a workspace and their environment."""
    folder = prepare_workspace(platform, "pipelines")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    platform.do("ml", "environment", "create", "--file", "environment.yml", cwd=folder)
    return folder


def run(platform: Installation, project: Path, name: str, *words: str) -> tuple[str, Said]:
    """Run a pipeline to its end; the name of its job, and what was said."""
    command = ("ml", "job", "create", "--file", f"{name}/pipeline.yml", "--stream", *words, "-o", "json")
    said = platform.run(*command, cwd=project)
    assert said.code == 0, f"{said}\n{platform.last_words()}"
    return str(json.loads(said.out)["name"]), said


def output(platform: Installation, project: Path, job: str, name: str) -> Path:
    """The folder with an output of `job`."""
    folder = project / "downloads" / job
    words = ("--name", job, "--output-name", name, "--download-path", str(folder))
    platform.do("ml", "job", "download", *words, cwd=project)
    return folder / "named-outputs" / name


def document(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def steps(said: Said, state: str) -> set[str]:
    return set(re.findall(rf"step (\S+): {state}", said.err))


def test_the_taxi_regression_finds_the_rule_behind_the_fares(platform: Installation, project: Path) -> None:
    job, said = run(platform, project, "nyc-taxi")
    assert steps(said, "completed") == {"prep", "transform", "train", "predict", "score"}
    assert document(output(platform, project, job, "report") / "report.json")["r2"] > 0.95
    model = document(output(platform, project, job, "model") / "model.json")
    assert model["weights"]["miles"] == pytest.approx(2.1, abs=0.1)
    header = (output(platform, project, job, "predictions") / "predictions.csv").read_text().splitlines()[0]
    assert header.endswith("fare,predicted")


def test_another_seed_runs_only_what_depends_on_it(platform: Installation, project: Path) -> None:
    run(platform, project, "nyc-taxi")
    _, said = run(platform, project, "nyc-taxi", "--set", "inputs.seed=8")
    assert steps(said, "reused") == {"prep", "transform"}
    assert steps(said, "completed") == {"train", "predict", "score"}


def test_a_pipeline_inside_a_pipeline_gives_each_use_its_own_result(platform: Installation, project: Path) -> None:
    job, _ = run(platform, project, "nested")
    best = document(output(platform, project, job, "best") / "result.json")
    assert best["degree"] == 3
    assert best["error"] < 1
    listed = platform.get("ml", "job", "list", "--parent-job-name", job, cwd=project)
    assert {step["status"] for step in listed} == {"Completed"}
    assert {step["type"] for step in listed} == {"pipeline", "command"}


def test_outputs_go_where_they_are_sent_and_values_arrive_as_they_are(platform: Installation, project: Path) -> None:
    job, _ = run(platform, project, "outputs")
    first = {
        "title": "A title of several words", "rate": 0.25, "count": 3, "is_final": True,
        "level": "low", "note": None, "notes": None,
    }  # fmt: skip
    second = {
        "title": "Written in the step", "rate": 0.001, "count": -1, "is_final": False,
        "level": "high", "note": "not left out", "notes": None,
    }  # fmt: skip
    report = output(platform, project, job, "report")
    assert (document(report / "first.json"), document(report / "second.json")) == (first, second)

    place = f"azureml://datastores/workspaceblobstore/paths/reports/{job}/"
    platform.do("ml", "data", "create", "-n", "found", "-v", "1", "--type", "uri_folder", "--path", place, cwd=project)
    assert fetched(platform, project, "found", "1")["second.json"] == second

    versions = platform.get("ml", "data", "list", "-n", "pipelines-seen", cwd=project)
    assert [json.dumps(content) for content in fetched(platform, project, "pipelines-seen", "1").values()] == [
        json.dumps(second)
    ]
    assert {version["version"] for version in versions} == {"1"}
    assert platform.get("ml", "data", "show", "-n", "pipelines-table", "--label", "latest", cwd=project)["type"] == (
        "uri_file"
    )


def fetched(platform: Installation, project: Path, name: str, version: str) -> dict[str, Any]:
    """The JSON files of a data asset, by name."""
    folder = project / "downloads" / name
    platform.do("ml", "data", "download", "-n", name, "-v", version, "--download-path", str(folder), cwd=project)
    return {path.name: document(path) for path in folder.rglob("*") if path.is_file()}
