"""Asking Envoy whether it would take a configuration, before the running one sees it.

One bad endpoint would make Envoy refuse the whole file, and in file mode it
tells the reason only to its log. So a separate Envoy validates first: about
0.06 s for one endpoint, 0.3 s for 200.
"""

import json
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pratique.base.errors import InternalError
from pratique.gateway.files import write_private

_REASON: Final = re.compile(r"error initializing (?:network )?configuration '[^']*': (.*)", re.DOTALL)
_LONGEST: Final = 500
_SECONDS: Final = 60


@dataclass(frozen=True)
class Preflight:
    """Validates with the binary `envoy`, keeping its files inside the private `folder`."""

    envoy: Path
    folder: Path

    def refusal(self, document: dict[str, Any]) -> str:
        """Why Envoy would refuse `document`, a whole bootstrap; empty when it would not.

        Envoy repeats a document that it cannot read, so `document` should hold
        no secrets; the reason is cut before the repetition in any case.
        """
        with tempfile.TemporaryDirectory(dir=self.folder, prefix=".preflight.") as place:
            file = Path(place) / "trial.json"
            write_private(file, json.dumps(document))
            return self._refusal(file)

    def _refusal(self, file: Path) -> str:
        command = [str(self.envoy), "--mode", "validate", "-c", str(file), "-l", "critical", "--disable-hot-restart"]
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise InternalError(f"Envoy could not validate a configuration: {error}", hint="pratique doctor") from error
        return "" if run.returncode == 0 else _reason(run.stdout + run.stderr)


def _reason(output: str) -> str:
    found = _REASON.search(output)
    said = found.group(1) if found else output
    return said.split(": {", 1)[0].strip()[:_LONGEST] or "Envoy gave no reason"
