"""Somebody opens the platform in a browser: by a link that works once, and nothing that others wrote runs there."""

import json
import os
import shutil
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request, expect, sync_playwright

from .installation import LIMIT, Installation, prepare_workspace, until, write

WORKSPACE: Final = "browser"
QUIET: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--disable-dev-shm-usage",
)  # fmt: skip
PAYLOAD: Final = '<img src=x onerror="window.ran=1"><script>window.ran=1</script><b onclick="window.ran=1">bold</b>'
HTML: Final = b"<script>window.ran=1; top.ran=1</script><p>an artifact</p>"
JOB: Final = """\
type: command
command: echo done
environment: azureml:plain@latest
compute: azureml:cpu-cluster
experiment_name: looked-at
display_name: {name}
description: {text}
tags:
  note: {text}
"""


@dataclass
class Visit:
    """One browser with no memory, and what it did that nobody sees."""

    page: Page
    asked: list[str] = field(default_factory=list)
    """The address of every request."""
    said: list[str] = field(default_factory=list)
    """Dialogs, and errors of scripts that nobody caught."""

    def hear(self) -> None:
        self.page.on("request", self._request)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("dialog", self._dialog)

    def _request(self, request: Request) -> None:
        self.asked.append(request.url)

    def _dialog(self, dialog: Dialog) -> None:
        self.said.append(dialog.message)
        dialog.dismiss()

    def sees(self, text: str) -> None:
        """Wait for `text`, exactly so, somewhere on the page."""
        expect(self.page.get_by_text(text, exact=True).first).to_be_visible(timeout=1000 * LIMIT)

    def reads(self, text: str) -> None:
        """Wait for `text` as a part of what the page shows."""
        expect(self.page.locator("body")).to_contain_text(text, timeout=1000 * LIMIT)

    def assert_nothing_ran(self) -> None:
        """No script of somebody's became part of the page; Markdown may become a picture or a bold word."""
        assert self.page.evaluate("() => window.ran") is None
        assert self.page.locator("[onerror], [onclick], script:not([src])").count() == 0
        assert self.said == []


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("NO BROWSER, NO PAGE IS LOOKED AT: there is no chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(QUIET), timeout=1000 * LIMIT)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(1000 * LIMIT)
    made = Visit(context.new_page())
    made.hear()
    yield made
    if shots := os.environ.get("PRATIQUE_TEST_SHOTS"):  # A folder, for who wants to look as well.
        name = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0].replace("/", "_")
        made.page.screenshot(path=Path(shots) / f"{name}.png")
    context.close()


@dataclass(frozen=True)
class Home:
    """What there is to see."""

    project: Path
    job: Mapping[str, Any]
    hostile: Mapping[str, Any]
    """A job whose every text is markup."""


@pytest.fixture(scope="module")
def home(platform: Installation) -> Home:
    """A workspace with an endpoint, a model and two jobs."""
    project = prepare_workspace(platform, WORKSPACE)
    until(lambda: mlflow(platform, "GET", "experiments/get?experiment_id=0"), "MLflow answers")
    write(project, {
        "job.yml": JOB.format(name="a-run-to-look-at", text="plain"),
        "hostile.yml": JOB.format(name=json.dumps(PAYLOAD), text=json.dumps(PAYLOAD)),
        "endpoint.yml": "name: seen\nauth_mode: key\n",
        "weights.txt": "1",
    })  # fmt: skip
    jobs = [
        platform.get("ml", "job", "create", "-f", name, "--stream", cwd=project) for name in ("job.yml", "hostile.yml")
    ]
    for job in jobs:
        assert job["status"] == "Completed", job
        metric = {
            "run_id": job["run_id"],
            "key": "how_good",
            "value": 0.8125,
            "timestamp": 1_700_000_000_000,
            "step": 0,
        }
        mlflow(platform, "POST", "runs/log-metric", metric)
    mlflow(
        platform, "POST", "runs/set-tag", {"run_id": jobs[1]["run_id"], "key": "mlflow.note.content", "value": PAYLOAD}
    )
    model = ["-n", "seen-model", "--type", "custom_model", "--path", "weights.txt", "--set", "tags.note=" + PAYLOAD]
    platform.do("ml", "model", "create", *model, "--description", PAYLOAD, cwd=project)
    mlflow(platform, "PATCH", "registered-models/update", {"name": "seen-model", "description": PAYLOAD})
    platform.do("ml", "online-endpoint", "create", "-f", "endpoint.yml", cwd=project)
    return Home(project, *jobs)


def mlflow(platform: Installation, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """What MLflow answers to the owner; None when it answers with an error."""
    data = json.dumps(body).encode() if body else b""
    kind = {"Content-Type": "application/json"}
    answer = platform.ask(
        method, f"/mlflow/{WORKSPACE}/api/2.0/mlflow/{path}", token=platform.token, headers=kind, body=data
    )
    assert body is None or answer.status == 200, answer
    return answer.document if answer.status == 200 else None


def link(platform: Installation, path: str) -> str:
    """A new link that leads to `path` of the door."""
    return platform.do("open", "--print", "--next", path.removeprefix(platform.door)).strip()


def run_page(job: Mapping[str, Any]) -> str:
    """Where MLflow shows the run of a job."""
    return str(job["services"]["Studio"]["endpoint"])


def test_the_overview_shows_the_workspace_its_endpoint_its_model_and_its_job(
    platform: Installation, home: Home, visit: Visit
) -> None:
    visit.page.goto(link(platform, "/"))
    visit.reads("Resource group acceptance · MLflow")
    for text in (WORKSPACE, "seen", "seen-model", home.job["name"], "a-run-to-look-at"):
        visit.sees(text)
    assert visit.page.url == f"{platform.door}/"


def test_the_link_of_a_job_shows_its_run_and_metric_in_mlflow(platform: Installation, home: Home, visit: Visit) -> None:
    visit.page.goto(link(platform, run_page(home.job)))
    visit.sees("a-run-to-look-at")
    visit.sees("how_good")
    visit.sees("0.8125")
    assert visit.page.url == run_page(home.job)
    assert visit.said == []


def test_mlflow_opens_without_its_assistant_and_asks_nobody_else(
    platform: Installation, home: Home, visit: Visit
) -> None:
    visit.page.goto(link(platform, run_page(home.job)))
    visit.sees("how_good")
    expect(visit.page.get_by_text("MLflow Assistant").first).not_to_be_visible()
    elsewhere = [url for url in visit.asked if not url.startswith((f"{platform.door}/", "data:", "blob:"))]
    assert elsewhere == [], "a page of a platform that may have no network loads nothing from one"


def test_a_link_signs_in_once(platform: Installation, home: Home, visit: Visit, chromium: Browser) -> None:
    once = link(platform, "/")
    visit.page.goto(once)
    visit.sees(WORKSPACE)
    other = chromium.new_context().new_page()
    answer = other.goto(once)
    assert answer
    assert answer.status == 401
    expect(other.locator("h1")).to_have_text("Nobody is signed in")
    other.context.close()
    visit.page.goto(f"{platform.door}/")
    visit.sees(WORKSPACE)


def test_no_script_can_read_the_session(platform: Installation, home: Home, visit: Visit) -> None:
    visit.page.goto(link(platform, f"/mlflow/{WORKSPACE}/"))
    assert visit.page.evaluate("() => document.cookie") == ""
    [cookie] = visit.page.context.cookies()
    assert (cookie.get("httpOnly"), cookie.get("sameSite")) == (True, "Strict")


@pytest.mark.parametrize("path", ["/", f"/mlflow/{WORKSPACE}/", "/open/not-a-link"])
def test_without_a_session_there_is_the_sign_in_page(
    platform: Installation, home: Home, visit: Visit, path: str
) -> None:
    answer = visit.page.goto(f"{platform.door}{path}")
    assert answer
    assert answer.status == 401
    expect(visit.page.locator("h1")).to_have_text("Nobody is signed in")
    visit.reads("pratique open")
    assert "acceptance" not in visit.page.content()


def test_markup_is_text_in_the_overview(platform: Installation, home: Home, visit: Visit) -> None:
    visit.page.goto(link(platform, "/"))
    visit.sees(PAYLOAD)
    visit.assert_nothing_ran()


def test_markup_runs_nowhere_on_the_page_of_a_run(platform: Installation, home: Home, visit: Visit) -> None:
    visit.page.goto(link(platform, run_page(home.hostile)))
    visit.sees("how_good")
    visit.reads(PAYLOAD)
    visit.assert_nothing_ran()


@pytest.mark.parametrize("page", ["/seen-model", "/seen-model/versions/1"], ids=["model", "version"])
def test_markup_runs_nowhere_on_the_pages_of_a_model(
    platform: Installation, home: Home, visit: Visit, page: str
) -> None:
    visit.page.goto(link(platform, f"/mlflow/{WORKSPACE}/#/models{page}"))
    visit.reads("bold")  # Of the description, which is Markdown.
    visit.assert_nothing_ran()


def test_a_picture_in_a_description_tells_nobody_else_who_looks(
    platform: Installation, home: Home, visit: Visit
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        picture = f"![seen](http://127.0.0.1:{foreign.getsockname()[1]}/x.png)"
        told = {"name": "seen-model", "version": "1", "description": f"{picture} and words"}
        mlflow(platform, "PATCH", "model-versions/update", told)
        blocked = visit.page.expect_console_message(lambda message: "Content Security Policy" in message.text)
        with blocked:
            visit.page.goto(link(platform, f"/mlflow/{WORKSPACE}/#/models/seen-model/versions/1"))
        visit.reads("and words")
        foreign.setblocking(False)
        with pytest.raises(BlockingIOError):
            foreign.accept()


def test_a_page_that_a_run_logged_is_shown_and_cannot_reach_ours(
    platform: Installation, home: Home, visit: Visit
) -> None:
    place = f"/mlflow/{WORKSPACE}/api/2.0/mlflow-artifacts/artifacts"
    run = mlflow(platform, "GET", f"runs/get?run_id={home.job['run_id']}")["run"]["info"]
    root = run["artifact_uri"].removeprefix("mlflow-artifacts:")
    put = platform.ask("PUT", f"{place}{root}/page.html", token=platform.token, body=HTML)
    assert put.status == 200
    visit.page.goto(link(platform, f"{run_page(home.job)}/artifacts/page.html"))
    # On a busy machine MLflow draws its list a minute before this: whoever loads the page anew then begins anew.
    expect(visit.page.frame_locator("iframe").get_by_text("an artifact")).to_be_visible(timeout=1000 * LIMIT)
    assert visit.page.evaluate("() => window.ran") is None
