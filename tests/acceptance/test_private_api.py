"""The example `private-api`: its five pipelines in order, pushed as a repository, with a real OpenID provider.

Infrastructure, training, a private endpoint with a key, an API that checks
tokens, and a client that calls it; then everything is taken away again.
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from .installation import LIMIT, Installation

EXAMPLES: Final = Path(__file__).parents[2] / "examples"
NAME: Final = "private-api"
FILES: Final = [path.stem for path in sorted((EXAMPLES / NAME / "azure-pipelines").glob("[1-9]-*.yml"))]
CLIENT_SECRET: Final = "secret-of-the-shop"
ANSWERS: Final = (
    ("200", "with a token"),
    ("401", "without a token"),
    ("401", "with a token for another audience"),
    ("403", "the endpoint itself, with its key"),
)


@dataclass(frozen=True)
class Pipelines:
    """The five pipelines, registered."""

    platform: Installation

    def run(self, name: str, *words: str) -> str:
        """Run one to its good end; its log."""
        queued: dict[str, Any] = self.platform.get("pipelines", "run", "--name", name, "-p", NAME, *words)
        told = self.platform.run("pipelines", "runs", "stream", "--id", str(queued["id"]), limit=2 * LIMIT)
        assert told.code == 0, f"{name}: {told}\n{self.platform.last_words()}"
        return told.out + told.err


def git(platform: Installation, folder: Path, *words: str) -> None:
    settings = {
        "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Grace", "GIT_AUTHOR_EMAIL": "grace@example.com",
        "GIT_COMMITTER_NAME": "Grace", "GIT_COMMITTER_EMAIL": "grace@example.com", "no_proxy": "127.0.0.1",
    }  # fmt: skip
    done = subprocess.run(
        ["git", *words], cwd=folder, env=platform.environment | settings, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=LIMIT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"git {' '.join(words)}: {done.stdout}\n{done.stderr}"


@pytest.fixture
def pipelines(platform: Installation, real_openid_provider: int, tmp_path: Path) -> Pipelines:
    """What the README of the example makes: a connection, a variable group, a repository, five pipelines."""
    if shutil.which("git") is None or shutil.which("curl") is None:
        pytest.skip("git and curl are needed")
    here = ("-p", NAME)
    platform.do("devops", "project", "create", "--name", NAME)
    platform.do("ad", "sp", "create-for-rbac", "-n", NAME, "--role", "Contributor", "--scopes", "/")
    connection = ("--name", NAME, "--service-principal", NAME, "--authorize", "true")
    platform.do("devops", "service-endpoint", "create", *connection, *here)
    provider = f"http://127.0.0.1:{real_openid_provider}"
    values = {
        "openidConfiguration": f"{provider}/.well-known/openid-configuration",
        "tokenUrl": f"{provider}/token",
        "audience": "api://credit",
        "clientId": "shop",
        "scope": "score",
    }
    group = ("pipelines", "variable-group")
    said = [f"{name}={value}" for name, value in values.items()]
    platform.do(*group, "create", "--name", NAME, "--authorize", "true", "--variables", *said, *here)
    secret = ("--name", "clientSecret", "--secret", "true", "--value", CLIENT_SECRET)
    platform.do(*group, "variable", "create", "--id", NAME, *secret, *here)
    url = platform.get("repos", "create", "--name", NAME, *here)["remoteUrl"]
    for name in FILES:
        file = ("--yml-path", f"{NAME}/azure-pipelines/{name}.yml", "--skip-first-run")
        where = ("--repository", NAME, "--repository-type", "tfsgit", "--branch", "main")
        platform.do("pipelines", "create", "--name", name, *where, *file, *here)
    folder = tmp_path / "repository"
    for name in ("credit-risk", NAME):
        shutil.copytree(EXAMPLES / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    git(platform, folder, "init", "--quiet", "--initial-branch", "main")
    platform.do("repos", "setup-git", "--scope", "local", cwd=folder)
    git(platform, folder, "add", "--all")
    git(platform, folder, "commit", "--quiet", "--message", "Begin")
    git(platform, folder, "push", "--quiet", url, "HEAD:main")
    return Pipelines(platform)


@pytest.mark.slow
def test_the_five_pipelines_lead_from_nothing_to_an_api_that_checks_tokens_and_back(pipelines: Pipelines) -> None:
    platform = pipelines.platform
    infrastructure, train, deploy, publish, check = FILES
    for _ in range(2):
        pipelines.run(infrastructure)
    pipelines.run(train)
    for name in (deploy, publish):
        pipelines.run(name)
        pipelines.run(name)
    log = pipelines.run(check)
    answers = re.findall(r"\b(\d{3}) (with(?:out)? a token[^:]*|the endpoint[^:]*):", log)
    assert dict.fromkeys(answers) == dict.fromkeys(ANSWERS), log
    assert CLIENT_SECRET not in log
    for _ in range(2):
        pipelines.run(infrastructure, "--parameters", "action=delete")
    assert NAME not in [one["name"] for one in platform.get("apim", "list")]
    assert NAME not in [one["name"] for one in platform.get("group", "list")]
    assert NAME not in [one["name"] for one in platform.get("ml", "workspace", "list")]
    assert platform.broken_event() is None
