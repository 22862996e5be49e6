"""A task of a run over HTTP: logged in with the token of its connection, until its unit ends."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from pratique.base.clock import utc_now
from pratique.content.manifest import Entry, Manifest
from pratique.control import grants, principals, promotion, roles, workspaces
from pratique.control.actor import PLATFORM
from pratique.control.credentials import Credential
from pratique.store import asked_checks, deliveries, delivery_runs, delivery_units, holdings, projects
from pratique.store.asked_checks import AskedCheck
from pratique.store.deliveries import Delivery
from pratique.store.delivery_runs import JobRow, Run, StageRow
from pratique.store.delivery_units import UnitRow
from pratique.store.principals import Principal
from pratique.store.projects import Project
from pratique.web.platform import Platform

API = "/api/v1"
UNIT = "unit-1"
Bearer = Callable[..., dict[str, str]]


@pytest.fixture
def program(platform: Platform) -> Principal:
    """A Contributor with a running unit, whose run has an approval for nothing."""
    now = utc_now()
    facts: dict[str, Any] = {
        "delivery": 1, "project": "p", "number": "1", "reason": "Manual", "path": "", "branch": "", "version": "",
        "sources": [], "parameters": {}, "variables": {}, "left_out": [], "text": "", "system": {}, "counted": {},
        "status": "inProgress", "result": None, "cancel_requested": False, "canceled_by": None, "tags": [],
        "warnings": [], "appends_message": True, "error": None, "revision": 1, "settled": 1, "created_at": now,
        "started_at": None, "ended_at": None, "created_by": {},
    }  # fmt: skip
    with platform.database.write() as tx:
        projects.add(tx, Project("1", "p", "", now, {}))
        deliveries.add(tx, Delivery(1, "p", "d", "", "\\", "r", "git", "", "a.yml", {}, "enabled", now, now, {}))
        delivery_runs.add(
            tx, Run(id=1, **facts), [StageRow(1, "QA", 0, "QA")], [JobRow(1, "QA", "j", 0, "j", expected=[])]
        )
        delivery_units.add(
            tx,
            [
                UnitRow(
                    id=UNIT, run=1, stage="QA", job="j", name="", attempt=1, state="running", result=None, reason="",
                    sequence=0, message=None, outputs={}, secret_outputs=None, timeout=60, cancel_timeout=5,
                    cancel_requested_at=None, created_at=now,
                )
            ],
        )  # fmt: skip
        asked = AskedCheck(
            id="a", run=1, stage="QA", environment_id=1, environment="qa", project="p", check_id=1, kind="approval",
            settings={}, requested_by={}, bound={"used": []}, state="passed", reason="", answers=[], asked_at=now,
            expires_at=None, look_at=None, ended_at=now,
        )  # fmt: skip
        asked_checks.add_all(tx, [asked])
        made = principals.create_service_principal(
            tx, PLATFORM, "ci", credential=Credential("", "$argon2id$unused", now), now=now
        )
        roles.assign(tx, PLATFORM, role="Contributor", assignee="ci", scope="/workspaces/qa-1", now=now)
        tags = {"pratique.promotion": "approved-only"}
        workspaces.create(tx, PLATFORM, {"name": "qa-1", "tags": tags}, group="", now=now)
    return made


def token(platform: Platform, program: Principal) -> str:
    lasting = timedelta(hours=1)
    return grants.token_of_connection(platform.issuer, program, run=1, unit=UNIT, lasting=lasting, now=utc_now())


def log_in(call: Any, client_id: str, secret: str) -> Any:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return call("POST", "/oauth2/token", data=form)


def test_the_token_of_a_connection_logs_in_as_its_principal_until_the_unit_ends(
    call: Any, platform: Platform, program: Principal
) -> None:
    secret = token(platform, program)
    answer = log_in(call, program.id, secret)
    assert answer.status_code == 200
    header = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert call("GET", f"{API}/account", headers=header).json()["name"] == "ci"
    assert log_in(call, "ann", secret).status_code == 401
    assert log_in(call, program.id, secret[:-4] + "AAAA").status_code == 401
    with platform.database.write() as tx:
        delivery_units.change(tx, UNIT, state="completed")
    assert call("GET", f"{API}/account", headers=header).status_code == 401
    assert log_in(call, program.id, secret).status_code == 401


def test_what_was_not_approved_is_refused_and_voids_the_approval(
    call: Any, platform: Platform, program: Principal, upload_model: Callable[[str, dict[str, str]], dict[str, Any]]
) -> None:
    header = {"Authorization": f"Bearer {token(platform, program)}"}
    spec = upload_model("qa-1", header)
    answer = call("POST", f"{API}/workspaces/qa-1/models", headers=header, json={"spec": spec})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "PromotionRefused")
    assert "so that approval is void" in answer.json()["error"]["message"]
    with platform.database.read() as tx:
        (row,) = asked_checks.of_run(tx, 1)
    assert (row.state, "is not what run 1 has an approval for" in row.reason) == ("voided", True)


def test_nobody_else_registers_a_model_there_either(
    call: Any, bearer: Bearer, program: Principal, upload_model: Callable[[str, dict[str, str]], dict[str, Any]]
) -> None:
    del program
    ann = bearer("ann")
    answer = call("POST", f"{API}/workspaces/qa-1/models", headers=ann, json={"spec": upload_model("qa-1", ann)})
    assert answer.status_code == 403
    assert "takes only what an approval" in answer.json()["error"]["message"]


@pytest.fixture
def upload_model(platform: Platform) -> Callable[[str, dict[str, str]], dict[str, Any]]:
    """Lets a workspace hold a model's files; what a client would then send."""

    def upload(workspace: str, _header: dict[str, str]) -> dict[str, Any]:
        data = b"weights"
        digest = hashlib.sha256(data).hexdigest()
        manifest = Manifest([Entry("model.bin", digest, len(data))])
        now = utc_now()
        with platform.database.write() as tx:
            holdings.hold(tx, workspace, "blob", [(digest, len(data))], now=now)
            holdings.add_manifest(tx, workspace, manifest, now=now)
        return {"name": "credit", "type": "custom_model", "path": f"upload:{manifest.digest}/model.bin"}

    return upload


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("PATCH", {"tags": {}}),
        ("DELETE", None),
    ],
)
def test_a_task_does_not_open_a_guarded_workspace_for_itself(
    call: Any, platform: Platform, program: Principal, method: str, body: Any
) -> None:
    header = {"Authorization": f"Bearer {token(platform, program)}"}
    answer = call(method, f"{API}/workspaces/qa-1", headers=header, json=body)
    assert answer.status_code == 403
    with platform.database.read() as tx:
        assert promotion.is_approved_only(tx, "qa-1")


def test_a_word_that_means_nothing_is_no_guard(call: Any, bearer: Bearer, program: Principal) -> None:
    del program
    body = {"tags": {"pratique.promotion": "approved_only"}}
    answer = call("PATCH", f"{API}/workspaces/dev", headers=bearer("ann"), json=body)
    assert answer.status_code == 400
    assert "expected approved-only" in answer.json()["error"]["message"]
