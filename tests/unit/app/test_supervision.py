"""What the server gets from whoever starts it, and what is said of a home that is down."""

import threading
from datetime import timedelta

import pytest

from pratique.app import supervision
from pratique.app.status import status
from pratique.base.errors import Conflict
from pratique.base.home import Home
from pratique.compute.local import LocalCompute
from pratique.compute.task import Task


def test_the_server_gets_no_secret_and_no_switch_of_the_callers_python(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"UV_DEFAULT_INDEX": "https://index.example.org", "HTTPS_PROXY": "http://proxy:1", "PRATIQUE_JOB_SLOTS": "3"}
    dropped = (
        "AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "DATABASE_PASSWORD", "MLFLOW_TRACKING_TOKEN", "AZURE_CLIENT_SECRET",
        "PRATIQUE_TOKEN", "PRATIQUE_URL", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV",
        "LD_PRELOAD",
    )  # fmt: skip
    for name, value in kept.items():
        monkeypatch.setenv(name, value)
    for name in dropped:
        monkeypatch.setenv(name, "x")
    found = supervision._environment(home)
    assert kept.items() <= found.items()
    assert not set(dropped) & set(found)
    assert found["PRATIQUE_HOME"] == str(home.root)
    assert found["LANG"]


def test_a_home_that_is_down_says_so_and_where_it_would_be(home: Home) -> None:
    found = status()
    assert found["ready"] is False
    assert set(found["parts"].values()) == {"down"}
    assert (found["home"], found["door"], found["logs"]) == (str(home.root), "http://127.0.0.1:7070", {})
    assert not home.root.exists(), "asking changes nothing"


def test_a_gateway_that_outlived_its_server_is_not_called_down(home: Home) -> None:
    folder = home.services / "envoy" / "1"
    folder.mkdir(parents=True)
    compute = LocalCompute()
    compute.start(Task(folder, ("/bin/sleep", "300"), {}, folder, folder / "console.log"))
    try:
        assert status()["parts"] == {"gateway": "ready", "tracking": "down", "engine": "down"}
        assert status()["ready"] is False
    finally:
        compute.stop(folder, grace=timedelta(0))


def test_a_taken_port_stops_a_start_before_anything_is_fetched(
    home: Home, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRATIQUE_DOOR_PORT", str(taken_port))
    with pytest.raises(Conflict, match=str(taken_port)):
        supervision.start(home, print)
    assert list(home.environments.iterdir()) == []
    assert supervision.server_runs(home) is supervision.gateway_runs(home) is False
    assert list(home.services.iterdir()) == []


def test_who_comes_second_is_told_that_it_waits(home: Home) -> None:
    home.prepare()
    said: list[str] = []
    told, held = threading.Event(), threading.Event()

    def tell(line: str) -> None:
        said.append(line)
        told.set()

    def come_second() -> None:
        with supervision.alone(home, tell):
            held.set()

    with supervision.alone(home, print):
        second = threading.Thread(target=come_second)
        second.start()
        assert told.wait(60)
        assert not held.is_set()
    second.join(60)
    assert held.is_set()
    assert "waiting" in said[0]
