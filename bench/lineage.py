"""Asks why, who and what of the example project after `pratique demo`, and writes down what was answered.

    pratique demo && python -m bench.lineage

The platform of PRATIQUE_HOME is asked. A deployment of dev that collects its
predictions is made beside those of the demo, called once, and asked for that
call. The answers become a part of docs/concepts/lineage.md (`make docs`).
"""

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import urllib3

RESULT: Final = Path(__file__).parent / "results" / "lineage.json"
EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "credit-risk"
DEV, QA, NAME = "credit-risk-dev", "credit-risk-qa", "credit-risk"
_STORED_WITHIN: Final = 240
"""Seconds: replicas hand over what they collected every minute."""


def main() -> None:
    """Ask and write."""
    version = _json("ml", "model", "list", "--name", NAME, "-w", QA)[0]["version"]
    answers = [
        _asked("Why a promoted model is what it is", "ml", "model", "why", f"{NAME}:{version}", "-w", QA),
        _asked("What answers in qa now, and whose approval it has", "ml", "online-endpoint", "blame", NAME, "-w", QA),
        _asked("What is behind one answer", "ml", "prediction", "show", _call_that_is_collected(), "-w", DEV),
    ]
    document = {"at": datetime.now(UTC).isoformat(), "answers": answers}
    RESULT.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {RESULT}")


def _asked(title: str, *words: str) -> dict[str, Any]:
    """One question with what was printed, and how large the graph behind it is."""
    found = _json(*words)
    graph = {part: len(found[part]) for part in ("nodes", "edges", "sentences")}
    return {"title": title, "command": f"pratique {' '.join(words)}", "printed": _run(*words), "graph": graph}


def _call_that_is_collected() -> str:
    """The id of a call to a deployment of dev that keeps all of them, as soon as it is stored."""
    wish = [f"data_collector.collections.{name}.enabled=true" for name in ("model_inputs", "model_outputs")]
    file, place = str(EXAMPLE / "deployment-blue.yml"), ("-w", DEV)
    _run("ml", "online-deployment", "create", "-f", file, "--set", "name=collecting", *wish, "--all-traffic", *place)
    endpoint = _json("ml", "online-endpoint", "show", "--name", NAME, *place)
    keys = _json("ml", "online-endpoint", "get-credentials", "--name", NAME, *place, "--reason", "to call it once")
    answer = urllib3.request(
        "POST",
        endpoint["scoring_uri"],
        body=(EXAMPLE / "request.json").read_bytes(),
        headers={"Authorization": f"Bearer {keys['primaryKey']}", "Content-Type": "application/json"},
    )
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.data!r}")
    request = answer.headers["x-request-id"]
    deadline = time.monotonic() + _STORED_WITHIN
    while _ran("ml", "prediction", "show", request, *place).returncode:
        if time.monotonic() > deadline:
            raise RuntimeError(f"the call {request} was not stored within {_STORED_WITHIN} s")
        time.sleep(5)
    return request


def _json(*words: str) -> Any:
    return json.loads(_run(*words, "-o", "json"))


def _run(*words: str) -> str:
    done = _ran(*words)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout


def _ran(*words: str) -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "pratique", *words, "-g", NAME]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)


if __name__ == "__main__":
    main()
