"""Callers of a platform that is still starting wait for it instead of failing."""

import threading
import time

from .conftest import Answer, House


def _call_then_start(house: House, path: str, *, first: str) -> Answer:
    """Call while a server is down, start it a second later, and hand back the answer."""
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(house.door("POST", path, body=b"x" * 5_000_000)))
    caller.start()
    time.sleep(1)
    assert answers == [], "the caller waits"
    (house.api if first == "api" else house.mlflow).start()
    caller.join()
    return answers[0]


def test_a_call_waits_for_the_api(idle_house: House) -> None:
    idle_house.start_envoy()
    idle_house.serve()
    answer = _call_then_start(idle_house, "/api/v1/status", first="api")
    assert answer.status == 200
    assert [seen.size for seen in idle_house.api.seen] == [5_000_000]


def test_a_call_waits_for_mlflow(idle_house: House) -> None:
    idle_house.api.start()
    idle_house.start_envoy()
    idle_house.serve()
    answer = _call_then_start(idle_house, "/mlflow/team-a/api/2.0/mlflow/runs/create", first="mlflow")
    assert answer.status == 200
    assert [seen.size for seen in idle_house.mlflow.seen] == [5_000_000]


def test_a_permission_waits_for_the_api(idle_house: House) -> None:
    idle_house.mlflow.start()
    idle_house.start_envoy()
    idle_house.serve()
    answer = _call_then_start(idle_house, "/mlflow/team-a/api/2.0/mlflow/runs/create", first="api")
    assert answer.status == 200
    assert len(idle_house.mlflow.seen) == 1


def test_fifty_callers_wait_at_once(idle_house: House) -> None:
    idle_house.start_envoy()
    idle_house.serve()
    statuses: list[int] = []
    callers = [
        threading.Thread(target=lambda: statuses.append(idle_house.door("GET", "/api/v1/x").status)) for _ in range(50)
    ]
    for caller in callers:
        caller.start()
    time.sleep(0.5)
    idle_house.api.start()
    for caller in callers:
        caller.join()
    assert statuses == [200] * 50
