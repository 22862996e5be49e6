"""Which commit a job's code was: asked of `git` on the user's machine, sent along as tags.

No git, no repository, or a git that hangs is no error: the tags are left out.
A remote's URL may hold a password or token; only its scheme, host and path
leave the machine.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_TIMEOUT: Final = 5.0
"""Seconds for each question; `git status` of a huge tree on a slow disk must not hold a job up."""


def git_tags(folder: Path) -> dict[str, str]:
    """Azure's names for the commit, branch, remote and dirtiness of the repository around `folder`."""
    commit = _ask(folder, "rev-parse", "HEAD")
    if not commit:
        return {}
    tags = {"mlflow.source.git.commit": commit}
    branch = _ask(folder, "rev-parse", "--abbrev-ref", "HEAD")
    if branch and branch != "HEAD":
        tags["mlflow.source.git.branch"] = branch
    if remote := without_credentials(_ask(folder, "config", "--get", "remote.origin.url") or ""):
        tags["mlflow.source.git.repoURL"] = remote
    changes = _ask(folder, "status", "--porcelain", ".")
    if changes is not None:
        tags["azureml.git.dirty"] = str(bool(changes))
    return tags


def without_credentials(remote: str) -> str:
    """`remote` without user, password, query and fragment; empty when it has no form we know."""
    if "://" in remote:
        parts = urlsplit(remote)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else ""
    if found := re.fullmatch(r"(?:[^@/]+@)?([A-Za-z0-9.-]+):(?!//)(.+)", remote):
        return f"{found[1]}:{found[2]}"
    return remote if remote.startswith(("/", ".")) else ""


def _ask(folder: Path, *question: str) -> str | None:
    """The answer of git, None when it has none."""
    # A repository's own configuration may name programs to run (fsmonitor, hooks): not for reading a commit.
    command = ["git", "--no-optional-locks", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", *question]
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        answer = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=_TIMEOUT, check=True, text=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return answer.stdout.strip()
