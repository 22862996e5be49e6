"""``pratique demo``: the example project from a push to a rollout under load, by the commands that a user types.

    push ──► dev: train, judge, register, deploy ──► somebody approves ──► qa: the same model, deployed

First a model that is much too simple, then a better one, which takes over in qa
while callers call, then the same files once more: nothing is new, and qa is
skipped. A demo of a home that has seen one tells the last part alone.
"""

import json
import os
import shlex
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pratique.app import demo_delivery as delivery
from pratique.app import load, supervision
from pratique.app.demo_delivery import DEV, NAME, QA, Clone
from pratique.app.demo_story import Story, bold, dim
from pratique.app.down import down
from pratique.app.example import example_folder
from pratique.app.up import BUNDLE
from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.cli.table import Table, flag
from pratique.cli.talk import say

TABLE = Table("demo")
_FOLDER = flag("project", "--project", help="Where the example project is, or is to be written.")
_RATE = flag(
    "rate", help="How many requests a second the endpoint is sent while green takes over.", type=int, default=600
)
_TUNED: Final = "regularisation: 1.0"
_TOO_SIMPLE: Final = "regularisation: 1000"
"""What the first model is trained with."""


@dataclass(frozen=True)
class Verdict:
    """What a run's training measured and decided."""

    job: Mapping[str, Any]
    metrics: Mapping[str, float]
    decision: str
    reason: str


@dataclass
class Told:
    """What the last screen says."""

    runs: list[int] = field(default_factory=list)
    """Of the pipeline, in order."""
    verdict: Verdict | None = None
    tally: load.Tally = field(default_factory=load.Tally)


@TABLE.verb(
    "",
    arguments=(_FOLDER, _RATE, BUNDLE),
    examples={
        "Run the example": "pratique demo",
        "Write the example to a folder of yours and run it there": "pratique demo --project ./my-first",
        "Run it without a network": "pratique demo --bundle ./pratique.zip",
    },
)
def demo(*, project: str | None, rate: int, bundle: str | None) -> None:
    """Push the example project, approve its model as a second person, and see it take over under load.

    Uses the project and resource group `credit-risk` with workspaces of their own, needs git, and leaves the platform
    up; with CI=true in the environment it stops it.
    """
    delivery.check_git()
    folder = example_folder(_path(project))
    try:
        _tell(Story(folder, {"AZURE_DEFAULTS_GROUP": NAME, "AZURE_DEFAULTS_WORKSPACE": DEV}), rate, _path(bundle))
    finally:
        if _is_ci():
            down()


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _tell(story: Story, rate: int, bundle: Path | None) -> None:
    began = time.monotonic()
    with story.phase("Platform", "API, engine, MLflow and Envoy run on this machine and listen on loopback only."):
        supervision.start(Home.from_environment(), say, bundle=bundle)
        story.az(f"group create --name {NAME} --location local")
        for workspace in (DEV, QA):
            story.az(f"ml workspace create --name {workspace}")
    with story.phase(
        "Project", "A repository, a service principal for each workspace, an environment that somebody has to approve."
    ):
        delivery.prepare(story)
    told = Told()
    with delivery.clone(story) as clone:
        if clone.is_empty:
            with story.phase(
                "No model yet", "A push trains one that is too simple; there is nothing to compare it to."
            ):
                _first(story, clone, told)
        with story.phase(
            "A better model",
            f"Its push does the same; in qa it takes over under {rate} requests a second, none of them sent twice.",
        ):
            _better(story, clone, told, rate)
    with story.phase("Nothing new", "The same files once more: steps are reused, nobody is asked, qa is skipped."):
        _unchanged(story, told)
    tell_end(story, told, time.monotonic() - began)
    if told.tally.failed:
        raise ComputeFailed(f"{told.tally.failed} requests failed, the first: {told.tally.failures[0]}")


# --- phases ---------------------------------------------------------------------------------------------------------


def _first(story: Story, clone: Clone, told: Told) -> None:
    clone.take(story.folder)
    clone.replace("pipeline.yml", _TUNED, _TOO_SIMPLE)
    run = delivery.run_of_push(clone.push("Begin with a model that is too simple"))
    with delivery.told(run):
        if approval := delivery.approval_of(run):
            delivery.approve(story, approval, "the first model is better than none")
    told.runs.append(run)


def _better(story: Story, clone: Clone, told: Told, rate: int) -> None:
    clone.take(story.folder)
    commit = clone.push("Let the model see more")
    if not commit:
        say("  the repository has it already: an earlier demo has told this")
        return
    run = delivery.run_of_push(commit)
    with delivery.told(run):
        if approval := delivery.approval_of(run):
            uri, headers = _address(story)
            with load.steady(uri, headers, (story.folder / "request.json").read_bytes(), rate=rate) as told.tally:
                delivery.approve(story, approval, "it costs less for each applicant")
                delivery.await_end(run)
    told.runs.append(run)
    told.verdict = _verdict(story)


def _unchanged(story: Story, told: Told) -> None:
    run = int(story.az(f"pipelines run --name {NAME} --branch main --project {NAME}")["id"])
    with delivery.told(run):
        pass
    told.runs.append(run)
    stages = story.az(f"pipelines runs show --id {run}")["stages"]
    say("  " + ", ".join(f"{one['name']} {str(one['result']).lower()}" for one in stages))
    told.verdict = told.verdict or _verdict(story)


def _address(story: Story) -> tuple[str, dict[str, str]]:
    """Where qa answers, and with which headers."""
    here = f"--name {NAME} --workspace-name {QA}"
    uri = str(story.az(f"ml online-endpoint show {here}")["scoring_uri"])
    key = story.az(f"ml online-endpoint get-credentials {here}")["primaryKey"]
    return uri, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def _verdict(story: Story) -> Verdict:
    """What the newest training says in two of its outputs."""
    job = next(one for one in story.az("ml job list --max-results 20") if one["type"] == "pipeline")
    with tempfile.TemporaryDirectory(prefix="pratique-demo-") as folder:
        report = _output(story, job["name"], "report", Path(folder))
        decision = _output(story, job["name"], "decision", Path(folder))
    return Verdict(job, report["metrics"], decision["decision"], decision["reason"])


def _output(story: Story, job: str, name: str, folder: Path) -> Any:
    story.az(f"ml job download --name {job} --output-name {name} --download-path {shlex.quote(str(folder))}")
    return json.loads((folder / "named-outputs" / name / f"{name}.json").read_text(encoding="utf-8"))


# --- the last screen ------------------------------------------------------------------------------------------------


def tell_end(story: Story, told: Told, total: float) -> None:
    """Say what there is now and, where the platform stays up, what to do with it."""
    assert told.verdict is not None  # noqa: S101 - the last phase has asked for it.
    said = f"\n{bold('Done')} in {total:.1f} s\n\n{_outcome(story, told, told.verdict)}\n"
    if _is_ci():
        say(f"{said}\n  CI=true: the platform is stopped now")
        return
    endpoint = story.az(f"ml online-endpoint show --name {NAME} --workspace-name {QA}")
    say(
        f"""{said}
  MLflow run {told.verdict.job["services"]["Studio"]["endpoint"]}
  OpenAPI    {endpoint["openapi_uri"]}

{_what_to_do_next(story, told)}

  The platform stays up; stop it with: pratique down"""
    )


def _outcome(story: Story, told: Told, verdict: Verdict) -> str:
    """What there is now, and how long each part of it took."""
    in_qa = f"--workspace-name {QA}"
    model = story.az(f"ml model show --name {NAME} --label latest {in_qa}")
    deployment = story.az(f"ml online-deployment list --endpoint-name {NAME} {in_qa}")[0]
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in sorted(verdict.metrics.items()))
    timings = ", ".join(f"{name.removesuffix('_s')} {value:.2f} s" for name, value in deployment["timings"].items())
    return f"""\
  model      {model["name"]}:{model["version"]} in qa  {dim(model["properties"]["pratique.digest"][:12])}
  decision   {verdict.decision}: {verdict.reason}
  metrics    {metrics}
  requests   {_requests(told.tally)}
  runs       {", ".join(map(str, told.runs))} of the pipeline {NAME}
  phases     {", ".join(f"{name} {seconds:.1f} s" for name, seconds in story.times.items())}
  deploy     {timings}"""


def _requests(tally: load.Tally) -> str:
    """How the requests of the load went."""
    if not tally.answered and not tally.failed:
        return "none this time: nothing took over"
    return (
        f"{tally.answered} answered, {tally.failed} failed; {tally.rate:.0f} a second, "
        f"p50 {1000 * tally.quantile(0.5):.1f} ms, p99 {1000 * tally.quantile(0.99):.1f} ms"
    )


def _what_to_do_next(story: Story, told: Told) -> str:
    """Commands to type now."""
    uri, headers = _address(story)
    return f"""\
  Ask it yourself:

    curl -s {uri} -H "Authorization: {headers["Authorization"]}" \\
      -H "Content-Type: application/json" -d @{_shown(story.folder / "request.json")}

  Next:

    pratique open --next /mlflow/{DEV}/      sign your browser in and look at the run
    pratique pipelines runs stream --id {told.runs[-1]}      what the newest run said
    pratique pipelines approval list --status all --project {NAME} -o table     who approved what
    pratique ml model list -w {QA} -g {NAME} -o table
    pratique events tail --lines 20 -o table     everything that just happened, and who did it"""


def _is_ci() -> bool:
    return os.environ.get("CI") == "true"


def _shown(path: Path) -> str:
    """The path as the person would type it from where they are."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))
