"""A pipeline that downloads what another pipeline of its project has published, through the API and real workers."""

from pathlib import Path
from typing import Final

import pytest

from .conftest import PROJECT, House, Run, Site

P: Final = ("-p", PROJECT)
UP: Final = """\
steps:
- checkout: none
- bash: mkdir out && echo "made by $(Build.BuildId)" > out/a.txt
- publish: out
  artifact: drop
"""
USE: Final = """\
steps:
- checkout: none
- task: DownloadPipelineArtifact@2
  inputs: {buildType: specific, project: $(System.TeamProject), definition: origin-up, artifact: drop, path: new}
- task: DownloadBuildArtifacts@0
  inputs: {buildType: specific, project: credit, pipeline: origin-up, buildVersionToDownload: specific,
    buildId: $(first), artifactName: drop, downloadPath: old}
- bash: cat new/a.txt old/drop/a.txt
  workingDirectory: $(Pipeline.Workspace)
"""
OTHER: Final = USE.replace("$(System.TeamProject)", "elsewhere")


def test_artifacts_of_another_pipeline_arrive_by_its_newest_run_and_by_a_number(
    site: Site, pratique: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(site, pratique)
    tree = tmp_path / "tree"  # The client's own files lie beside it.
    tree.mkdir()
    monkeypatch.chdir(tree)
    for name, text in (("up", UP), ("use", USE), ("other", OTHER)):
        (tree / f"{name}.yml").write_text(text)

    def ran(name: str, *more: str) -> int:
        words = ("--yaml", f"{name}.yml", "--name", f"origin-{name}", "--no-wait", *more, *P)
        run = int(house.do("pipelines", "run", *words)["id"])
        assert house.run_until(run)["result"] == "succeeded", house.log(run)
        return run

    first, newest = ran("up"), ran("up")
    use = ran("use", "--variables", f"first={first}")
    assert f"made by {newest}\n" in house.log(use)
    assert f"made by {first}\n" in house.log(use)
    assert f"from run {newest} of the pipeline origin-up" in house.log(use)
    artifact = ("pipelines", "runs", "artifact")
    (drop,) = house.do(*artifact, "list", "--run-id", str(first))
    assert drop["name"] == "drop"
    for _ in range(2):  # What is there already is left as it is.
        got = pratique(*artifact, "download", "--run-id", str(first), "--artifact-name", "drop", "--path", "got")
        assert got.returncode == 0
    assert (tree / "got" / "a.txt").read_text() == f"made by {first}\n"
    missed = pratique(*artifact, "download", "--run-id", str(first), "--artifact-name", "dorp", "--path", "other")
    assert (missed.returncode, "it has: drop" in missed.stderr) == (3, True)
    refused = pratique("pipelines", "run", "--yaml", "other.yml", "--name", "origin-other", "--no-wait", *P)
    assert refused.returncode != 0
    assert "a run reads artifacts of its own project 'credit' alone" in refused.stderr
