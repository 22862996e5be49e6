"""A newcomer runs the demo: it ends well, everything that it prints is true, and so is the second time."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from .installation import Installation, Said


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A copy of the example, as `--project` writes it."""
    return platform.folder / "my-first"


@pytest.fixture(scope="module")
def first(platform: Installation, project: Path) -> Said:
    """The first demo of this home."""
    return platform.run("demo", "--project", str(project), "--requests", "100")


def found(pattern: str, text: str) -> str:
    """The one group of `pattern` in `text`."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"{pattern!r} is not in:\n{text}"
    return match[1]


def test_the_demo_ends_well_and_tells_what_was_made(first: Said) -> None:
    assert first.code == 0, first
    assert found(r"^  model +(\S+)", first.err) == "credit-risk:1"
    assert float(found(r"^  metrics .*auc (\d\.\d+)", first.err)) > 0.7
    assert found(r"^  requests +(.*?);", first.err) == "100 answered, 0 failed"
    assert found(r"^  phases +(.*)$", first.err).count(" s") == 5


def test_the_link_to_the_openapi_works_with_the_key(platform: Installation, first: Said) -> None:
    link, key = found(r"^  OpenAPI +(\S+)", first.err), found(r"Bearer ([^\"]+)", first.err)
    path = link.removeprefix(f"http://127.0.0.1:{platform.endpoints_port}")
    answer = platform.ask("GET", path, token=key, port=platform.endpoints_port)
    assert answer.status == 200
    assert "/score" in " ".join(answer.document["paths"])
    assert platform.ask("GET", path, port=platform.endpoints_port).status == 401


def test_the_link_to_the_run_leads_to_the_run_with_its_metrics(platform: Installation, first: Said) -> None:
    link = found(r"^  MLflow run (\S+)", first.err)
    assert link.startswith(f"{platform.door}/mlflow/dev/#/experiments/")
    page = platform.ask("GET", "/mlflow/dev/", token=platform.token)
    assert page.status == 200
    assert b"<title>MLflow</title>" in page.body
    run_id = link.rpartition("/")[2]
    run = platform.ask("GET", f"/mlflow/dev/api/2.0/mlflow/runs/get?run_id={run_id}", token=platform.token).document
    assert run["run"]["info"]["status"] == "FINISHED"
    assert {metric["key"] for metric in run["run"]["data"]["metrics"]} >= {"auc", "accuracy"}


def test_the_printed_curl_answers_when_it_is_pasted(platform: Installation, first: Said) -> None:
    curl = found(r"(^ +curl [^\n]+\\\n[^\n]+$)", first.err)
    pasted = subprocess.run(
        ["bash", "-c", curl], cwd=platform.folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(pasted.stdout), pasted


def test_every_command_that_it_names_next_works(platform: Installation, first: Said) -> None:
    listed = found(r"(pratique ml model list [^\n]+)", first.err).split()[1:]
    assert "credit-risk" in platform.do(*listed)
    tail = found(r"(pratique events tail .*?-o table)", first.err).split()[1:]
    assert "ModelDeployed" in platform.do(*tail)
    opened = found(r"(pratique open --next \S+)", first.err).split()[1:]
    link = platform.do(*opened, "--print").strip()
    answer = platform.ask("GET", link.removeprefix(platform.door))
    assert answer.status == 303
    assert answer.headers["location"] == "/mlflow/dev/"


def test_a_second_demo_gives_version_2_and_no_request_fails(platform: Installation, project: Path, first: Said) -> None:
    second = platform.run("demo", "--project", str(project), "--requests", "100")
    assert second.code == 0, second
    assert found(r"^  model +(\S+)", second.err) == "credit-risk:2"
    assert found(r"^  requests +(.*?);", second.err) == "100 answered, 0 failed"
