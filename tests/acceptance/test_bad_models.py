"""Models that misbehave: each with its status and message, and its neighbour does not notice."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from .installation import Answer, Installation, prepare_workspace, write

WORKSPACE: Final = "misbehaviour"
DEPLOYMENT: Final = """\
name: {name}
endpoint_name: bad
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
"""
SCORE: Final = """\
import json
import time


def init():
    pass


def run(raw_data):
    wish = json.loads(raw_data)
    time.sleep(wish.get("sleep", 0))
    if "raise" in wish:
        raise ValueError(wish["raise"])
    return "x" * wish.get("size", 1)
"""
LIMITS: Final = "request_settings:\n  request_timeout_ms: 10000\n  max_concurrent_requests_per_instance: 1\n"
NEVER: Final = "readiness_probe:\n  path: /nowhere\n  initial_delay: 0\n  period: 1\n  failure_threshold: 1\n"


class Endpoint:
    """The endpoint `bad` and how it is called."""

    def __init__(self, platform: Installation, project: Path) -> None:
        self.platform, self.project = platform, project
        self.key = platform.get("ml", "online-endpoint", "get-credentials", "-n", "bad", cwd=project)["primaryKey"]

    def score(self, body: str = "{}", deployment: str = "") -> Answer:
        headers = {"azureml-model-deployment": deployment} if deployment else {}
        return self.platform.score(WORKSPACE, "bad", self.key, body.encode(), headers)

    def at_once(self, count: int, body: str) -> list[Answer]:
        answers: list[Answer] = []
        callers = [threading.Thread(target=lambda: answers.append(self.score(body))) for _ in range(count)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        return answers


@pytest.fixture(scope="module")
def bad(platform: Installation) -> Iterator[Endpoint]:
    """An endpoint whose one model does as it is told, one request at a time."""
    files = {
        "score/score.py": SCORE,
        "blue.yml": DEPLOYMENT.format(name="blue") + LIMITS,
        "green.yml": DEPLOYMENT.format(name="green") + NEVER,
    }
    project = write(prepare_workspace(platform, WORKSPACE), files)
    platform.do("ml", "online-endpoint", "create", "-n", "bad", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    yield Endpoint(platform, project)
    platform.do("ml", "online-endpoint", "delete", "-n", "bad", "--yes", cwd=project)


def test_a_model_that_raises_is_a_failed_dependency_with_its_own_words(bad: Endpoint) -> None:
    answer = bad.score('{"raise": "no rows"}')
    assert (answer.status, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    log = bad.platform.do("ml", "online-deployment", "get-logs", "-e", "bad", "-n", "blue", cwd=bad.project)
    assert "ValueError: no rows" in log


def test_a_model_that_hangs_is_given_up_and_the_next_caller_does_not_wait(bad: Endpoint) -> None:
    assert bad.score('{"sleep": 3600}').status == 408
    assert bad.score().status == 200


def test_with_a_concurrency_of_one_two_may_be_pending_and_the_others_are_told(bad: Endpoint) -> None:
    # Long enough that all six are there before the first has its answer, and that the second has it in time.
    answers = bad.at_once(6, '{"sleep": 3}')
    refused = [answer for answer in answers if answer.status == 429]
    assert sorted(answer.status for answer in answers) == [200, 200, 429, 429, 429, 429]
    assert {answer.headers["ms-azureml-model-error-reason"] for answer in refused} == {"too_many_pending_request"}


def test_a_large_answer_arrives_whole(bad: Endpoint) -> None:
    answer = bad.score('{"size": 10000000}')
    assert (answer.status, len(answer.body)) == (200, 10_000_002)


def test_a_deployment_that_never_gets_ready_takes_nothing_from_the_one_that_serves(bad: Endpoint) -> None:
    said = bad.platform.fail("ml", "online-deployment", "create", "-f", "green.yml", "--all-traffic", cwd=bad.project)
    assert "GET /nowhere was answered with status 404" in said
    assert "'green' is Failed" in bad.platform.fail(
        "ml", "online-endpoint", "promote", "-n", "bad", "--to", "green", cwd=bad.project
    )
    assert bad.score().headers["azureml-model-deployment"] == "blue"
    assert bad.score(deployment="green").status == 404
