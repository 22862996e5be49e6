"""The real loaders of azure-ai-ml, in a process and an environment of their own.

Their environment is made once, from ``locks/oracle.txt``, and kept below the
tree's own; one process answers all questions, because its imports take seconds.
"""

import json
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from pratique.compute.environments import Environments

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "locks" / "oracle.txt"
PYTHON: Final = "3.11"
_LIMIT: Final = 300.0
"""Seconds for one answer, the imports before the first one included; then the process is ended."""


class Oracle:
    """Answers what the SDK makes of a file."""

    def __init__(self, folder: Path) -> None:
        environments = Environments(folder)
        python = environments.ensure(environments.adopt(LOCK.read_text(encoding="utf-8"), PYTHON))
        self._process = subprocess.Popen(
            [python, "-I", Path(__file__).with_name("loader.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=folder,
            env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "AZURE_CORE_COLLECT_TELEMETRY": "0"},
        )  # fmt: skip
        assert self._read() == {"ready": True}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, kind: str, file: Path) -> dict[str, Any]:
        """``{"value": …}`` or ``{"refused": …}``."""
        assert self._process.stdin is not None
        print(json.dumps({"kind": kind, "file": str(file)}), file=self._process.stdin, flush=True)
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        alarm = threading.Timer(_LIMIT, self._process.kill)
        alarm.start()
        try:
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        finally:
            alarm.cancel()
        return answer
