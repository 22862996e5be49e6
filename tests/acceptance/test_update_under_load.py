"""A deployment is changed again and again while callers keep calling: none of them notices."""

import threading
import time
from typing import Final

from pratique.app import load

from .installation import Installation, prepare_workspace, write

WORKSPACE: Final = "under-load"
UPDATES: Final = 3
FILES: Final = {
    "endpoint.yml": "name: busy\nauth_mode: key\n",
    "blue.yml": """\
name: blue
endpoint_name: busy
environment: azureml:plain@latest
environment_variables:
  ANSWER: first
code_configuration:
  code: score
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
""",
    "score/score.py": """\
import os


def init():
    pass


def run(raw_data):
    return os.environ["ANSWER"]
""",
}


def test_callers_do_not_notice_that_a_deployment_is_replaced(platform: Installation) -> None:
    project = write(prepare_workspace(platform, WORKSPACE), FILES)
    platform.do("ml", "online-endpoint", "create", "-f", "endpoint.yml", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    shown = platform.get("ml", "online-endpoint", "show", "-n", "busy", cwd=project)
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", "busy", cwd=project)["primaryKey"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    tallies: list[load.Tally] = []
    done = threading.Event()

    def call() -> None:
        while not done.is_set():
            tallies.append(load.send(shown["scoring_uri"], headers, b"{}", requests=100))

    caller = threading.Thread(target=call)
    caller.start()
    try:
        for number in range(UPDATES):
            platform.do(
                *("ml", "online-deployment", "update", "-n", "blue", "-e", "busy", "-f", "blue.yml"),
                *("--set", f"environment_variables.ANSWER=update-{number}"),
                cwd=project,
            )
            answer = platform.score(WORKSPACE, "busy", key)
            assert (answer.status, answer.document) == (200, f"update-{number}")
        time.sleep(0.5)
    finally:
        done.set()
        caller.join()
    assert [failure for tally in tallies for failure in tally.failures] == []
    assert sum(tally.answered for tally in tallies) >= 100 * len(tallies) > 0
    platform.do("ml", "online-endpoint", "delete", "-n", "busy", "--yes", cwd=project)
