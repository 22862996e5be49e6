"""A newcomer runs the demo: a push goes to qa, everything that it prints is true, and so is the second time."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .installation import LIMIT, Installation, Said


@pytest.fixture(scope="module", autouse=True)
def _git() -> None:
    if shutil.which("git") is None:
        pytest.skip("there is no git")


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A copy of the example, as `--project` writes it."""
    return platform.folder / "my-first"


@pytest.fixture(scope="module")
def first(platform: Installation, project: Path) -> Said:
    """The first demo of this home."""
    return platform.run("demo", "--project", str(project), "--rate", "100", limit=3 * LIMIT)


def found(pattern: str, text: str) -> str:
    """The one group of `pattern` in `text`."""
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"{pattern!r} is not in:\n{text}"
    return match[1]


def test_the_demo_ends_well_and_tells_what_was_made(first: Said) -> None:
    assert first.code == 0, first
    assert found(r"^  model +(\S+)", first.err) == "credit-risk:2"
    assert found(r"^  decision +(\w+):", first.err) == "registered"
    assert float(found(r"^  metrics .*auc (\d\.\d+)", first.err)) > 0.7
    answered, failed = found(r"^  requests +(\d+ answered, \d+) failed;", first.err).split(" answered, ")
    assert (int(answered) > 100, int(failed)) == (True, 0), "while green took over from blue"
    assert found(r"^  phases +(.*)$", first.err).count(" s") == 5


def test_the_three_ways_of_a_push_are_told(platform: Installation, first: Said) -> None:
    decisions = re.findall(r"newest version of credit-risk: (\w+); new: (\w+)", first.err)
    assert decisions == [("1", "true"), ("2", "true"), ("2", "false")]
    assert first.err.count("newest version of credit-risk: none yet") == 1
    assert re.findall(r"^  (dev \w+, qa \w+)$", first.err, re.MULTILINE) == ["dev succeeded, qa skipped"]
    runs = platform.get("pipelines", "runs", "list", "-p", "credit-risk")
    assert [run["result"] for run in runs] == ["succeeded"] * 3


def test_somebody_else_has_approved_both_promotions(platform: Installation, first: Said) -> None:
    approvals = platform.get("pipelines", "approval", "list", "--status", "all", "-p", "credit-risk")
    assert [[step["name"] for step in one["steps"]] for one in approvals] == [["ada@example.com"]] * 2
    assert first.err.count("ada@example.com has approved: ") == 2
    digest = found(r"^  model +credit-risk:2 in qa +([0-9a-f]{12})", first.err)
    assert re.search(rf"model credit-risk-dev/credit-risk:2 {digest}", first.err), "what was approved is what is there"
    assert "password …" in first.err


def test_the_very_same_model_is_in_qa(platform: Installation, first: Said) -> None:
    wanted = ("ml", "model", "show", "-n", "credit-risk", "-v", "2", "-g", "credit-risk", "-w")
    digests = [
        platform.get(*wanted, f"credit-risk-{where}")["properties"]["pratique.digest"] for where in ("dev", "qa")
    ]
    assert digests[0] == digests[1]


def test_the_link_to_the_openapi_works_with_the_key(platform: Installation, first: Said) -> None:
    link, key = found(r"^  OpenAPI +(\S+)", first.err), found(r"Bearer ([^\"]+)", first.err)
    path = link.removeprefix(f"http://127.0.0.1:{platform.endpoints_port}")
    answer = platform.ask("GET", path, token=key, port=platform.endpoints_port)
    assert answer.status == 200
    assert "/score" in " ".join(answer.document["paths"])
    assert platform.ask("GET", path, port=platform.endpoints_port).status == 401


def test_the_steps_of_the_pipeline_are_told_while_they_run(first: Said) -> None:
    told = re.findall(r"step (\w+): completed", first.err)
    assert told[:4] == ["prep", "train", "evaluate", "register"]
    assert told[4:] == ["train", "evaluate", "register", "register"], (
        "prep gives the same, and nothing has changed then"
    )


def test_the_link_to_the_run_leads_to_the_run_whose_steps_have_the_metrics(platform: Installation, first: Said) -> None:
    link = found(r"^  MLflow run (\S+)", first.err)
    assert link.startswith(f"{platform.door}/mlflow/credit-risk-dev/#/experiments/")
    page = platform.ask("GET", "/mlflow/credit-risk-dev/", token=platform.token)
    assert page.status == 200
    assert b"<title>MLflow</title>" in page.body
    experiment, _, run_id = link.partition("/experiments/")[2].partition("/runs/")
    query = {"experiment_ids": [experiment], "filter": f"tags.mlflow.parentRunId = '{run_id}'"}
    steps = mlflow(platform, "POST", "runs/search", query)["runs"]
    assert {step["info"]["status"] for step in steps} == {"FINISHED"}
    metrics = {metric["key"]: metric["value"] for step in steps for metric in step["data"].get("metrics", [])}
    assert metrics.keys() >= {"auc", "accuracy", "cost_per_applicant"}
    assert f"cost_per_applicant {metrics['cost_per_applicant']:.3f}" in first.err


def test_the_report_for_people_is_a_file_of_the_run(platform: Installation, first: Said) -> None:
    job = found(r"pipeline (\w+): started", first.err)
    here = ("-w", "credit-risk-dev", "-g", "credit-risk")
    platform.do("ml", "job", "download", "--name", job, "--output-name", "report", *here)
    page = (platform.folder / "named-outputs" / "report" / "report.html").read_text(encoding="utf-8")
    assert "<svg" in page
    assert "cost_per_applicant" in page


def mlflow(platform: Installation, method: str, path: str, body: object) -> Any:
    """One request to MLflow's REST of the demo's workspace."""
    answer = platform.ask(
        method, f"/mlflow/credit-risk-dev/api/2.0/mlflow/{path}", token=platform.token,
        headers={"Content-Type": "application/json"}, body=json.dumps(body).encode(),
    )  # fmt: skip
    assert answer.status == 200, answer
    return answer.document


def test_the_printed_curl_answers_when_it_is_pasted(platform: Installation, first: Said) -> None:
    curl = found(r"(^ +curl [^\n]+\\\n[^\n]+$)", first.err)
    pasted = subprocess.run(
        ["bash", "-c", curl], cwd=platform.folder, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(pasted.stdout), pasted


def test_every_command_that_it_names_next_works(platform: Installation, first: Said) -> None:
    listed = found(r"(pratique ml model list [^\n]+)", first.err).split()[1:]
    assert "credit-risk" in platform.do(*listed)
    listed = found(r"(pratique pipelines approval list .*?-o table)", first.err).split()[1:]
    assert "passed" in platform.do(*listed)
    stream = found(r"(pratique pipelines runs stream --id \d+)", first.err).split()[1:]
    assert "qa: skipped" in platform.do(*stream)
    tail = found(r"(pratique events tail .*?-o table)", first.err).split()[1:]
    assert "Pratique.DeliveryRunCompleted" in platform.do(*tail)
    opened = found(r"(pratique open --next \S+)", first.err).split()[1:]
    link = platform.do(*opened, "--print").strip()
    answer = platform.ask("GET", link.removeprefix(platform.door))
    assert answer.status == 303
    assert answer.headers["location"] == "/mlflow/credit-risk-dev/"


def test_a_second_demo_runs_only_the_gate_which_lets_nothing_in_twice(
    platform: Installation, project: Path, first: Said
) -> None:
    second = platform.run("demo", "--project", str(project), "--rate", "100", limit=2 * LIMIT)
    assert second.code == 0, second
    assert re.findall(r"step (\w+): reused", second.err) == ["prep", "train", "evaluate"]
    assert found(r"^  decision +(\w+):", second.err) == "unchanged"
    assert found(r"^  model +(\S+)", second.err) == "credit-risk:2"
    assert "an earlier demo has told this" in second.err
    assert re.findall(r"^  (dev \w+, qa \w+)$", second.err, re.MULTILINE) == ["dev succeeded, qa skipped"]


def test_a_worse_model_is_kept_out_and_a_permitted_one_let_in(
    platform: Installation, project: Path, first: Said
) -> None:
    here = ("-w", "credit-risk-dev", "-g", "credit-risk")
    worse = ("ml", "job", "create", "-f", "pipeline.yml", "--set", "inputs.regularisation=1000", "--stream", *here)
    assert decision(platform, platform.get(*worse, cwd=project)["name"])["decision"] == "kept"
    again = platform.run(*worse, "--set", "inputs.may_be_worse_by=1.0", "-o", "json", cwd=project)
    assert re.findall(r"step (\w+): reused", again.err) == ["prep", "train", "evaluate"]
    assert decision(platform, json.loads(again.out)["name"]) | {"reason": ""} == {
        "decision": "registered", "reason": "", "model": "credit-risk", "version": "3",
        "metric": "cost_per_applicant", "candidate": 0.7, "champion": 0.62, "champion_version": "2",
    }  # fmt: skip


def decision(platform: Installation, job: str) -> dict[str, Any]:
    """What the gate of a pipeline's job wrote."""
    folder = platform.folder / job
    here = ("-w", "credit-risk-dev", "-g", "credit-risk", "--download-path", str(folder))
    platform.do("ml", "job", "download", "--name", job, "--output-name", "decision", *here)
    written: dict[str, Any] = json.loads((folder / "named-outputs" / "decision" / "decision.json").read_text())
    return written
