"""``pratique demo``: the example project from data to a protected endpoint, by the commands that a user types."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pratique.app import load, supervision
from pratique.app.down import down
from pratique.app.example import example_folder
from pratique.app.up import BUNDLE
from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.cli.table import Table, flag
from pratique.cli.talk import say

TABLE = Table("demo")
_GROUP: Final = "pratique-demo"
_WORKSPACE: Final = "dev"
_MODEL: Final = "credit-risk"
_ENDPOINT: Final = "credit-risk"
_FOLDER = flag("project", "--project", help="Where the example project is, or is to be written.")
_RATE = flag(
    "rate", help="How many requests a second the endpoint is sent while green takes over.", type=int, default=600
)


@dataclass
class Story:
    """What is told while it happens, and the times for the last screen."""

    folder: Path
    times: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str, proves: str) -> Iterator[None]:
        """One phase: its name, what it proves, and its time when it is done."""
        say(f"\n{_bold(name)}\n  {proves}")
        began = time.monotonic()
        yield
        self.times[name] = time.monotonic() - began
        say(f"  {_dim(f'{self.times[name]:.1f} s')}")

    def az(self, words: str, *, quiet: bool = True) -> Any:
        """Run one command as a user would, show it, and return what it printed as JSON."""
        say(f"  $ az {words}")
        command = [sys.executable, "-m", "pratique", *shlex.split(words), "-o", "json"]
        finished = subprocess.run(
            command,
            cwd=self.folder,
            env=_environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if quiet else None,
            text=True,
            check=False,
        )
        if finished.returncode:
            raise ComputeFailed(
                f"az {words} ended with exit code {finished.returncode}",
                hint="what it said is above; `pratique status` names the logs of the platform",
                log_tail=(finished.stderr or "").splitlines()[-20:],
            )
        return json.loads(finished.stdout) if finished.stdout.strip() else None


@dataclass(frozen=True)
class Verdict:
    """What the pipeline measured and decided."""

    metrics: Mapping[str, float]
    decision: str
    reason: str


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
    """Run the example project from data to a protected endpoint, and say where to look.

    Uses the workspace `dev` of the resource group `pratique-demo` and leaves the platform up; with CI=true in the
    environment it stops it.
    """
    try:
        _tell(Story(example_folder(_path(project))), rate, _path(bundle))
    finally:
        if _is_ci():
            down()


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _tell(story: Story, rate: int, bundle: Path | None) -> None:
    began = time.monotonic()
    with story.phase("Platform", "API, engine, MLflow and Envoy run on this machine and listen on loopback only."):
        supervision.start(Home.from_environment(), say, bundle=bundle)
        story.az(f"group create --name {_GROUP} --location local")
        story.az(f"ml workspace create --name {_WORKSPACE} --resource-group {_GROUP}")
    with story.phase("Data and environment", "Assets are versions with a digest: the same bytes are the same asset."):
        story.az("ml data create --file data.yml")
        story.az("ml environment create --file environment.yml")
    with story.phase(
        "Pipeline", "Steps run in that environment, those that ran before do not; the last one lets no worse model in."
    ):
        job = story.az("ml job create --file pipeline.yml --stream", quiet=False)
        verdict = _verdict(story, job["name"])
        model = story.az(f"ml model show --name {_MODEL} --label latest")
    with story.phase("Deploy", "The model answers in its own process, behind Envoy, and only to who has the key."):
        endpoint = story.az("ml online-endpoint create --file endpoint.yml")
        deployment = story.az("ml online-deployment create --file deployment-blue.yml --all-traffic")
        story.az(f"ml online-endpoint invoke --name {_ENDPOINT} --request-file request.json")
        key = story.az(f"ml online-endpoint get-credentials --name {_ENDPOINT}")["primaryKey"]
    with story.phase(
        "Rollout",
        f"Green takes over from blue under {rate} requests a second, none of them sent twice: nobody notices.",
    ):
        tally = _roll_out(story, endpoint["scoring_uri"], key, rate=rate)
    _last_screen(story, job, verdict, model, endpoint, deployment, key, tally, time.monotonic() - began)
    if tally.failed:
        raise ComputeFailed(f"{tally.failed} requests failed, the first: {tally.failures[0]}")


def _roll_out(story: Story, uri: str, key: str, *, rate: int) -> load.Tally:
    """Blue to green: smoke test, mirror, a tenth, everything; then blue goes."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    body = (story.folder / "request.json").read_bytes()
    update = f"ml online-endpoint update --name {_ENDPOINT}"
    with load.steady(uri, headers, body, rate=rate) as tally:
        story.az("ml online-deployment create --file deployment-blue.yml --name green")
        story.az(f"ml online-endpoint invoke --name {_ENDPOINT} --deployment-name green --request-file request.json")
        story.az(f'{update} --mirror-traffic "green=10"')
        story.az(f'{update} --mirror-traffic "green=0"')
        story.az(f'{update} --traffic "blue=90 green=10"')
        story.az(f"ml online-endpoint promote --name {_ENDPOINT} --to green")
        story.az(f"ml online-deployment delete --name blue --endpoint-name {_ENDPOINT} --yes")
    return tally


def _last_screen(
    story: Story,
    job: Mapping[str, Any],
    verdict: Verdict,
    model: Mapping[str, Any],
    endpoint: Mapping[str, Any],
    deployment: Mapping[str, Any],
    key: str,
    tally: load.Tally,
    total: float,
) -> None:
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in sorted(verdict.metrics.items()))
    request = story.folder / "request.json"
    timings = ", ".join(f"{name.removesuffix('_s')} {value:.2f} s" for name, value in deployment["timings"].items())
    say(
        f"""
{_bold("Done")} in {total:.1f} s

  model      {model["name"]}:{model["version"]}  {_dim(model["properties"]["pratique.digest"][:12])}
  decision   {verdict.decision}: {verdict.reason}
  metrics    {metrics}
  requests   {tally.answered} answered, {tally.failed} failed; {tally.rate:.0f} a second, \
p50 {1000 * tally.quantile(0.5):.1f} ms, p99 {1000 * tally.quantile(0.99):.1f} ms
  phases     {", ".join(f"{name} {seconds:.1f} s" for name, seconds in story.times.items())}
  deploy     {timings}

  MLflow run {job["services"]["Studio"]["endpoint"]}
  OpenAPI    {endpoint["openapi_uri"]}

  Ask it yourself:

    curl -s {endpoint["scoring_uri"]} -H "Authorization: Bearer {key}" \\
      -H "Content-Type: application/json" -d @{_shown(request)}

  Next:

    pratique open --next /mlflow/{_WORKSPACE}/      sign your browser in and look at the run
    pratique ml model list -w {_WORKSPACE} -g {_GROUP} -o table
    pratique events tail --lines 20 -o table     everything that just happened, and who did it

  {"CI=true: the platform is stopped now" if _is_ci() else "The platform stays up; stop it with: pratique down"}"""
    )


def _verdict(story: Story, job: str) -> Verdict:
    """Fetch the two outputs of the pipeline that say it."""
    with tempfile.TemporaryDirectory(prefix="pratique-demo-") as folder:
        report = _output(story, job, "report", Path(folder))
        decision = _output(story, job, "decision", Path(folder))
    return Verdict(report["metrics"], decision["decision"], decision["reason"])


def _output(story: Story, job: str, name: str, folder: Path) -> Any:
    story.az(f"ml job download --name {job} --output-name {name} --download-path {folder}")
    return json.loads((folder / "named-outputs" / name / f"{name}.json").read_text(encoding="utf-8"))


def _environment() -> dict[str, str]:
    return {**os.environ, "AZURE_DEFAULTS_GROUP": _GROUP, "AZURE_DEFAULTS_WORKSPACE": _WORKSPACE}


def _is_ci() -> bool:
    return os.environ.get("CI") == "true"


def _shown(path: Path) -> str:
    """The path as the person would type it from where they are."""
    here = Path.cwd()
    return shlex.quote(str(path.relative_to(here) if path.is_relative_to(here) else path))


def _bold(text: str) -> str:
    return f"\x1b[1m{text}\x1b[0m" if sys.stderr.isatty() else text


def _dim(text: str) -> str:
    return f"\x1b[2m{text}\x1b[0m" if sys.stderr.isatty() else text
