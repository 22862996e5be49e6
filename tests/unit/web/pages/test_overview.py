"""The first page: what the visitor may see, as text."""

from collections.abc import Callable
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.content.manifest import Manifest
from pratique.control import assets, deployments, endpoints, jobs
from pratique.control.actor import PLATFORM
from pratique.store import holdings
from pratique.store import jobs as job_rows
from pratique.web.platform import Platform

Bearer = Callable[..., dict[str, str]]
CONDA = {"conda_file": {"dependencies": ["python=3.11"]}}
EVIL = '"><script>alert(1)</script>{{7*7}}'


@pytest.fixture(autouse=True)
def shown(platform: Platform) -> None:
    """One thing of each kind in dev; texts of users are evil."""
    now, empty = utc_now(), Manifest([])
    with platform.database.write() as tx:
        holdings.add_manifest(tx, "dev", empty, now=now)
        path = f"upload:{empty.digest}/model"
        assets.create(tx, PLATFORM, "dev", "models", {"name": "bare", "path": path}, now=now)
        model = {"name": "m", "type": "mlflow_model", "path": path}
        assets.create(tx, PLATFORM, "dev", "models", model, now=now)
        spec = {"name": "train", "command": "true", "environment": CONDA, "display_name": EVIL}
        jobs.create(tx, PLATFORM, "dev", spec, git={}, now=now)
        made = jobs.create(tx, PLATFORM, "dev", {**spec, "name": "ran"}, git={}, now=now)
        job_rows.change(tx, made.id, run_id="r1", experiment_id="1")
        endpoints.write(tx, PLATFORM, "dev", {"name": "credit"}, sealer=platform.sealer, now=now)
        blue = {"name": "blue", "model": "azureml:m:1"}
        inline = {"name": "inline", "model": {"path": path, "type": "mlflow_model"}}
        for one in (blue, inline):
            deployments.write(tx, PLATFORM, "dev", "credit", one, all_traffic=False, now=now)


def test_the_page_shows_what_is_there_even_what_has_no_model_type_or_run(call: Any, bearer: Bearer) -> None:
    answer = call("GET", "/", headers=bearer("ann"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    for text in (
        "dev",
        "qa-1",
        "bare",
        "train",
        "credit",
        "azureml:m:1",
        "inline",
        '<span class="state busy">Creating</span>',
    ):
        assert text in answer.text
    assert '<a href="http://127.0.0.1:7070/mlflow/dev/#/experiments/1/runs/r1">' in answer.text
    assert "ann" in answer.text


def test_what_users_wrote_is_text(call: Any, bearer: Bearer) -> None:
    answer = call("GET", "/", headers=bearer("ann"))
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "{{7*7}}" in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_a_visitor_sees_their_own_workspaces(call: Any, bearer: Bearer) -> None:
    page = call("GET", "/", headers=bearer("rob", "Reader", "/workspaces/qa-1")).text
    assert "qa-1" in page
    for foreign in (">dev<", "credit", "train"):
        assert foreign not in page
    assert "No workspace yet" in call("GET", "/", headers=bearer("eve")).text


def test_a_person_without_a_session_is_told_how_to_get_one(call: Any) -> None:
    answer = call("GET", "/", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "pratique open" in answer.text


def test_what_failed_says_why_beside_its_state(call: Any, bearer: Bearer, platform: Platform) -> None:
    with platform.database.write() as tx:
        [job] = [one for one in jobs.newest(tx, PLATFORM, "dev", limit=9, archived=False) if one.name == "ran"]
        job_rows.change(tx, job.id, status="Failed", error={"message": f"it ended with 3 {EVIL}", "hint": ""})
    page = call("GET", "/", headers=bearer("ann")).text
    assert '<span class="state bad">Failed</span><p class="trouble">it ended with 3 &#34;&gt;&lt;script&gt;' in page
