"""Deliveries over the API: what is registered, what is queued of a working tree, and what workers send."""

import hashlib
from datetime import timedelta
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.control.grants import token_of_unit
from pratique.store import delivery_units
from pratique.store.delivery_units import UnitRow
from pratique.web.platform import Platform

PROJECT = "/delivery/projects/credit"
YAML = b"""
stages:
- stage: A
  jobs:
  - job: j
    steps:
    - bash: echo ${{ variables['Build.SourceBranchName'] }}
"""
DELIVERY = {"name": "train", "repository": "/src/credit", "repository_type": "folder", "path": "azure-pipelines.yml"}


def sent(api: Any, data: bytes = YAML, path: str = "azure-pipelines.yml") -> str:
    """The manifest of a tree with one file, uploaded."""
    digest = hashlib.sha256(data).hexdigest()
    api.ok("PUT", f"{PROJECT}/blobs/{digest}", content=data)
    manifest = {"entries": [{"path": path, "digest": digest, "size": len(data)}]}
    return str(api.ok("POST", f"{PROJECT}/manifests", json=manifest)["digest"])


def tree(manifest: str, **more: Any) -> dict[str, Any]:
    sources = [{"alias": "self", "name": "credit", "manifest": manifest}]
    return {"path": "azure-pipelines.yml", "branch": "dev", "sources": sources, "registration": DELIVERY, **more}


@pytest.fixture
def project(api: Any) -> Any:
    api.ok("PUT", PROJECT, json={"description": "loans"})
    return api


def queued(api: Any, **more: Any) -> dict[str, Any]:
    answer = api("POST", f"{PROJECT}/runs", json={"delivery": "train", "tree": tree(sent(api)), **more})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def unit_of(platform: Platform, run: int) -> UnitRow:
    """A unit of the run, as an engine would write it."""
    now = utc_now()
    unit = UnitRow(
        "u-1", run, "A", "j", "", 1, "running", None, "", 0, None, {}, None, 60, 5, None, now, started_at=now
    )  # fmt: skip
    with platform.database.write() as tx:
        delivery_units.add(tx, [unit])
    return unit


def worker(platform: Platform, unit: UnitRow) -> dict[str, str]:
    token = token_of_unit(platform.issuer, unit.id, lasting=timedelta(hours=1), now=utc_now())
    return {"authorization": f"Bearer {token}"}


def test_a_project_is_made_once_and_stays(project: Any) -> None:
    first = project.ok("GET", PROJECT)
    assert project.ok("PUT", PROJECT, json={"description": "other"}) == first
    assert [one["name"] for one in project.ok("GET", "/delivery/projects")] == ["credit"]
    project.refused(404, "GET", "/delivery/projects/nobody")
    project.refused(400, "PUT", "/delivery/projects/.hidden", json={})


def test_a_delivery_is_found_by_name_and_by_number(project: Any) -> None:
    made = project("POST", f"{PROJECT}/deliveries", json=DELIVERY).json()
    assert project.ok("GET", f"{PROJECT}/deliveries/train") == made
    assert project.ok("GET", f"{PROJECT}/deliveries/{made['id']}") == made
    assert made["process"]["yamlFilename"] == "azure-pipelines.yml"
    changed = project.ok("PATCH", f"{PROJECT}/deliveries/train", json={"branch": "dev", "queue_status": "disabled"})
    assert (changed["repository"]["defaultBranch"], changed["queueStatus"]) == ("refs/heads/dev", "disabled")
    project.refused(409, "POST", f"{PROJECT}/runs", json={"delivery": "train", "tree": tree(sent(project))})
    project.ok("DELETE", f"{PROJECT}/deliveries/train")
    project.refused(404, "GET", f"{PROJECT}/deliveries/train")


def test_a_working_tree_is_queued_as_it_is_on_its_branch(project: Any) -> None:
    run = queued(project)
    assert (run["id"], run["status"], run["sourceBranch"]) == (1, "notStarted", "refs/heads/dev")
    assert run["definition"]["name"] == "train"
    assert "echo dev" in project("GET", "/delivery/runs/1/expanded").text
    found = project.ok("GET", "/delivery/runs/1")
    assert [stage["name"] for stage in found["stages"]] == ["A"]
    assert [one["id"] for one in project.ok("GET", f"{PROJECT}/runs?status=notStarted&branch=refs/heads/dev")] == [1]
    assert project.ok("GET", f"{PROJECT}/runs?result=failed") == []


@pytest.mark.parametrize("appends", [True, False])
def test_a_run_says_whether_its_name_is_shown_with_what_the_commit_says(project: Any, appends: bool) -> None:
    data = YAML if appends else b"appendCommitMessageToRunName: false\n" + YAML
    source = {**tree(sent(project, data)), "message": "Lend more\n\nto everybody"}
    run = project("POST", f"{PROJECT}/runs", json={"delivery": "train", "tree": source}).json()
    assert (run["appendCommitMessageToRunName"], run["triggerInfo"]) == (appends, {"ci.message": "Lend more"})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"delivery": "nobody", "tree": None}, "no pipeline 'nobody'"),
        ({"delivery": "train", "tree": {"path": "azure-pipelines.yml", "sources": []}}, "sources"),
    ],
)
def test_what_cannot_run_is_refused_and_nothing_is_queued(project: Any, body: dict[str, Any], said: str) -> None:
    answer = project("POST", f"{PROJECT}/runs", json=body)
    assert answer.status_code in (400, 404, 422)
    assert said in answer.text
    assert project.ok("GET", f"{PROJECT}/runs") == []


def test_every_problem_of_a_file_is_told_with_its_place(project: Any) -> None:
    manifest = sent(project, b"steps:\n- task: Nothing@1\n- bash: x\n  condition: eq(1\n")
    error = project.refused(400, "POST", f"{PROJECT}/runs", json={"delivery": "train", "tree": tree(manifest)})
    assert "azure-pipelines.yml" in str(error)
    assert "Nothing@1" in str(error)
    assert project.ok("GET", f"{PROJECT}/runs") == []


def test_content_of_another_project_is_not_there(project: Any) -> None:
    manifest = sent(project)
    project.ok("PUT", "/delivery/projects/other", json={})
    project.refused(404, "GET", f"/delivery/projects/other/manifests/{manifest}")
    other = "/delivery/projects/other/runs"
    project.refused(404, "POST", other, json={"delivery": "train", "tree": tree(manifest)})


def test_a_worker_sends_its_log_by_offset_and_each_byte_is_kept_once(project: Any, platform: Platform) -> None:
    run = queued(project)
    unit = unit_of(platform, run["id"])
    route, mine = f"/delivery/runs/1/units/{unit.id}", worker(platform, unit)
    call = project
    for offset, data, size in ((0, b"one\ntw", 6), (0, b"one\ntw", 6), (4, b"two\n", 8)):
        answer = call("POST", f"{route}/log?step=0&offset={offset}", content=data, headers=mine)
        assert answer.json() == {"size": size}
    assert call("POST", f"{route}/log?step=0&offset=99", content=b"x", headers=mine).status_code == 409
    assert project("GET", f"/delivery/runs/1/units/{unit.id}/logs/0").text == "one\ntwo\n"
    begun = {"sequence": 1, "step": 0, "name": "first", "state": "running"}
    document = {**WHOLE, **begun}
    assert call("POST", f"{route}/records", json={"records": [document]}, headers=mine).json() == {"sequence": 1}
    log = (platform.home.delivery_run(1) / "stream.log").read_text()
    assert log.splitlines()[0].endswith("A/j › first")
    assert log.splitlines()[1:] == ["A/j | one", "A/j | two"]


WHOLE: dict[str, Any] = {
    "reference": "", "task": "", "result": None, "reason": "", "started_at": None, "finished_at": None, "attempt": 1,
    "percent": 0, "operation": "", "issues": [], "outputs": {}, "tags": [], "build_number": "", "summaries": [],
    "tests": [], "coverage": None, "attachments": [],
}  # fmt: skip


def test_what_was_printed_comes_with_the_records_and_each_byte_is_kept_once(project: Any, platform: Platform) -> None:
    run = queued(project)
    unit = unit_of(platform, run["id"])
    route, mine = f"/delivery/runs/1/units/{unit.id}", worker(platform, unit)
    ended = {**WHOLE, "sequence": 1, "step": 0, "name": "first", "state": "completed", "result": "Succeeded"}
    whole = {**WHOLE, "sequence": 2, "step": -1, "name": "j", "state": "completed", "result": "Succeeded"}
    body = {"records": [ended, whole], "logs": [{"step": 0, "offset": 0, "text": "größer\n"}]}
    for _ in range(2):  # The answer to the first may have been lost.
        assert project("POST", f"{route}/records", json=body, headers=mine).json() == {"sequence": 2}
    assert project("GET", f"{route}/logs/0").text == "größer\n"
    assert project("GET", f"{route}/cancel?wait=30", headers=mine).json() == {"canceled": False}, "it has ended"


def test_a_worker_reaches_nothing_else(project: Any, platform: Platform) -> None:
    run = queued(project)
    unit = unit_of(platform, run["id"])
    mine = worker(platform, unit)
    for method, path in (
        ("GET", "/delivery/projects"), ("GET", "/delivery/runs/1"), ("POST", "/delivery/runs/1/cancel"),
        ("GET", f"{PROJECT}/deliveries"), ("GET", "/workspaces/dev/jobs"),
    ):  # fmt: skip
        assert project(method, path, headers=mine).status_code == 403, path
    other = "/delivery/runs/1/units/another/message"
    assert project("GET", other, headers=mine).status_code == 404


def test_an_artifact_is_published_and_read_by_workers_of_the_project(project: Any, platform: Platform) -> None:
    manifest = sent(project, b"weights", "model.bin")
    unit = unit_of(platform, queued(project)["id"])
    mine, route = worker(platform, unit), "/delivery/runs/1"
    body = {"manifest": manifest}
    for _ in range(2):
        assert project("PUT", f"{route}/artifacts/drop", json=body, headers=mine).status_code == 200
    assert project("PUT", f"{route}/artifacts/DROP", json={"manifest": sent(project)}, headers=mine).status_code == 409
    assert project("GET", f"{route}/manifests/{manifest}", headers=mine).status_code == 200
    assert [one["name"] for one in project.ok("GET", "/delivery/runs/1/artifacts")] == ["drop"]
    with platform.database.write() as tx:
        delivery_units.change(tx, unit.id, state="completed")
    assert project("PUT", f"{route}/artifacts/late", json=body, headers=mine).status_code == 404
