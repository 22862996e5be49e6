"""What ran is run again with a change: jobs and pipelines from what `show` printed, and registered components."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from .installation import Installation, Said, prepare_workspace, write

WORKSPACE: Final = "clones"
PROJECT: Final = {
    "rows.csv": "a\n1\n2\n3\n",
    "parts/src/count.sh": 'n=$(($(wc -l < "$1") * $2))\nmkdir -p "$3"\necho "$n" > "$3/n.txt"\necho "counted $n"\n',
    "parts/count.yml": """\
name: count
type: command
command: bash count.sh ${{inputs.rows}} ${{inputs.times}} ${{outputs.found}}
code: ./src
environment: azureml:plain@latest
inputs:
  rows: {type: uri_file}
  times: {type: integer, default: 2}
outputs:
  found: {type: uri_folder}
""",
    "pipeline.yml": """\
type: pipeline
display_name: counts
experiment_name: counts
inputs:
  rows: {type: uri_file, path: rows.csv}
outputs:
  found: {type: uri_folder}
jobs:
  once:
    component: ./parts/count.yml
    inputs: {rows: "${{parent.inputs.rows}}", times: 1}
  twice:
    component: azureml:count@latest
    inputs: {rows: "${{parent.inputs.rows}}"}
    outputs: {found: "${{parent.outputs.found}}"}
  both:
    type: command
    command: cat ${{inputs.one}}/n.txt ${{inputs.two}}/n.txt
    environment: azureml:plain@latest
    inputs:
      one: {type: uri_folder, path: "${{parent.jobs.once.outputs.found}}"}
      two: {type: uri_folder, path: "${{parent.jobs.twice.outputs.found}}"}
""",
    "fails.yml": """\
type: pipeline
jobs:
  good: {type: command, command: "true", environment: "azureml:plain@latest"}
  bad: {type: command, command: "echo no good >&2; exit 3", environment: "azureml:plain@latest"}
""",
    "job.yml": """\
type: command
command: echo ${{inputs.word}} > outputs/word.txt
inputs: {word: first}
environment: {image: "ubuntu:22.04", conda_file: conda.yml}
experiment_name: words
tags: {kept: "010"}
""",
}


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A workspace of its own with a registered component, and the folder with its files."""
    folder = write(prepare_workspace(platform, WORKSPACE), PROJECT)
    component = platform.get("ml", "component", "create", "-f", "parts/count.yml", cwd=folder)
    assert (component["name"], component["version"], component["environment"]) == ("count", "1", "azureml:plain:1")
    return folder


@pytest.fixture(scope="module")
def pipeline(platform: Installation, project: Path) -> Said:
    """The pipeline, run to its end."""
    return platform.run("ml", "job", "create", "-f", "pipeline.yml", "--stream", "-o", "json", cwd=project)


def created(platform: Installation, project: Path, file: str, *words: str) -> Any:
    """The job that a file makes, after its end."""
    said = platform.run("ml", "job", "create", "-f", file, "--stream", "-o", "json", *words, cwd=project)
    assert said.code == 0, f"{said}\n{platform.last_words()}"
    return json.loads(said.out)


def exported(platform: Installation, project: Path, name: str) -> str:
    """A file with what `show` prints of a job."""
    text = platform.do("ml", "job", "show", "-n", name, "-o", "yaml", cwd=project)
    (project / f"{name}.yml").write_text(text)
    return f"{name}.yml"


def word_of(platform: Installation, project: Path, name: str) -> str:
    platform.do("ml", "job", "download", "-n", name, "--download-path", f"got-{name}", cwd=project)
    [found] = (project / f"got-{name}").rglob("word.txt")
    return found.read_text().strip()


def test_stdout_is_the_document_and_stderr_the_talk(platform: Installation, pipeline: Said) -> None:
    assert pipeline.code == 0, f"{pipeline}\n{platform.last_words()}"
    assert json.loads(pipeline.out)["status"] == "Completed"
    assert "Completed" in pipeline.err


def test_the_steps_are_jobs_which_are_listed_shown_streamed_and_downloaded(
    platform: Installation, project: Path, pipeline: Said
) -> None:
    whole = json.loads(pipeline.out)
    assert {name: step["status"] for name, step in whole["jobs"].items()} == dict.fromkeys(
        ("once", "twice", "both"), "Completed"
    )
    children = platform.get("ml", "job", "list", "--parent-job-name", whole["name"], cwd=project)
    assert {child["name"] for child in children} == {step["name"] for step in whole["jobs"].values()}
    assert {child["parent_job_name"] for child in children} == {whole["name"]}
    assert whole["name"] in platform.do("ml", "job", "list", "--query", "[].name", "-o", "tsv", cwd=project).split()
    twice = whole["jobs"]["twice"]["name"]
    assert "counted 8" in platform.do("ml", "job", "stream", "-n", twice, cwd=project)
    for name in (twice, whole["name"]):
        words = ("-n", name, "--output-name", "found", "--download-path", f"got-{name}")
        platform.do("ml", "job", "download", *words, cwd=project)
        assert (project / f"got-{name}" / "named-outputs" / "found" / "n.txt").read_text() == "8\n"


def test_all_that_a_pipeline_made_comes_down_and_it_leaves_the_list_with_its_steps(
    platform: Installation, project: Path, pipeline: Said
) -> None:
    name = json.loads(pipeline.out)["name"]
    platform.do("ml", "job", "download", "-n", name, "--all", "--download-path", "all", cwd=project)
    assert (project / "all" / "named-outputs" / "found" / "n.txt").read_text() == "8\n"
    platform.do("ml", "job", "archive", "-n", name, cwd=project)
    names = ("--query", "[].name", "-o", "tsv")
    assert name not in platform.do("ml", "job", "list", *names, cwd=project).split()
    assert name in platform.do("ml", "job", "list", "--archived-only", *names, cwd=project).split()
    platform.do("ml", "job", "restore", "-n", name, cwd=project)
    tagged = platform.get("ml", "job", "update", "-n", name, "--set", "tags.kept=yes", cwd=project)
    assert tagged["tags"] == {"kept": "yes"}
    assert platform.do("ml", "job", "list", "--tag", "kept=yes", *names, cwd=project).split() == [name]


def test_a_pipeline_is_cloned_with_a_change_and_runs_only_what_it_touches(
    platform: Installation, project: Path, pipeline: Said
) -> None:
    old = json.loads(pipeline.out)
    file = exported(platform, project, old["name"])
    refused = platform.fail("ml", "job", "create", "-f", file, cwd=project)
    assert "--set name=NEW" in refused
    new = created(platform, project, file, "--set", "name=again", "jobs.once.inputs.times=5")
    assert (new["name"], new["display_name"], new["experiment_name"]) == ("again", "counts", "counts")
    reused = {
        name: "azureml.isreused" in platform.get("ml", "job", "show", "-n", step["name"], cwd=project)["properties"]
        for name, step in new["jobs"].items()
    }
    assert reused == {"once": False, "twice": True, "both": False}
    log = platform.do("ml", "job", "stream", "-n", new["jobs"]["both"]["name"], cwd=project)
    assert log.split()[-2:] == ["20", "8"]


def test_a_pipeline_that_fails_names_the_step_and_exits_1(platform: Installation, project: Path) -> None:
    said = platform.run("ml", "job", "create", "-f", "fails.yml", "--stream", cwd=project)
    assert (said.code, said.out) == (1, "")
    assert "failed: bad (" in said.err


def test_a_job_is_cloned_with_its_inline_environment_and_its_code_s_commit(
    platform: Installation, project: Path
) -> None:
    old = created(platform, project, "job.yml", "--set", "name=word-1")
    file = exported(platform, project, "word-1")
    new = created(platform, project, file, "--set", "name=", "inputs.word=second", "--remove", "tags.kept")
    assert new["name"] != "word-1"
    assert (new["environment"], new["tags"]) == (old["environment"], {})
    assert old["tags"] == {"kept": "010"}
    assert [word_of(platform, project, name) for name in ("word-1", new["name"])] == ["first", "second"]


def test_components_are_versioned_like_every_asset(platform: Installation, project: Path) -> None:
    words = ("--set", "description=more", "inputs.times.default=3")
    assert platform.get("ml", "component", "create", "-f", "parts/count.yml", *words, cwd=project)["version"] == "2"
    listed = platform.do("ml", "component", "list", "-n", "count", "--query", "[].version", "-o", "tsv", cwd=project)
    assert listed.split() == ["2", "1"]
    platform.do("ml", "component", "archive", "-n", "count", "-v", "2", cwd=project)
    newest = platform.get("ml", "component", "show", "-n", "count", "-l", "latest", cwd=project)
    assert newest["version"] == "1"
    assert newest["id"].endswith("/workspaces/clones/components/count/versions/1")
    platform.do("ml", "component", "restore", "-n", "count", "-v", "2", cwd=project)
    platform.fail("ml", "component", "show", "-n", "absent", "-v", "1", cwd=project, code=3)
