"""How the demo tells what it does: phases with their times, and every command as a person would type it."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pratique.base.errors import ComputeFailed
from pratique.cli.talk import say


@dataclass
class Story:
    """What is told while it happens, and the times for the last screen."""

    folder: Path
    defaults: Mapping[str, str]
    """Variables of every command, such as the workspace that is meant."""
    times: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def phase(self, name: str, proves: str) -> Iterator[None]:
        """One phase: its name, what it proves, and its time when it is done."""
        say(f"\n{bold(name)}\n  {proves}")
        began = time.monotonic()
        yield
        self.times[name] = time.monotonic() - began
        say(f"  {dim(f'{self.times[name]:.1f} s')}")

    def az(self, words: str, *, shown: str = "", **variables: str) -> Any:
        """Run one command as a user would, show it (or `shown`), and return what it printed as JSON."""
        say(f"  $ az {shown or words}")
        finished = self._run(words, variables)
        if finished.returncode:
            raise ComputeFailed(
                f"az {shown or words} ended with exit code {finished.returncode}",
                hint="`pratique status` names the logs of the platform",
                log_tail=finished.stderr.splitlines()[-20:],
            )
        return json.loads(finished.stdout) if finished.stdout.strip() else None

    def make(self, words: str) -> None:
        """Run a command that makes something, unless it is there already."""
        say(f"  $ az {words}")
        finished = self._run(words, {})
        if finished.returncode and " already" not in finished.stderr:
            raise ComputeFailed(
                f"az {words} ended with exit code {finished.returncode}", log_tail=finished.stderr.splitlines()[-20:]
            )

    def _run(self, words: str, variables: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "pratique", *shlex.split(words), "-o", "json"],
            cwd=self.folder,
            env={**os.environ, **self.defaults, **variables},
            capture_output=True,
            text=True,
            check=False,
        )


def bold(text: str) -> str:
    """`text`, bold on a terminal."""
    return f"\x1b[1m{text}\x1b[0m" if sys.stderr.isatty() else text


def dim(text: str) -> str:
    """`text`, dim on a terminal."""
    return f"\x1b[2m{text}\x1b[0m" if sys.stderr.isatty() else text
