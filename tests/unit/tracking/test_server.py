"""How MLflow's process is started."""

from pathlib import Path

import pytest

from pratique.base.home import Home
from pratique.tracking.server import TrackingServer


def test_the_lock_names_mlflow_and_hashes_everything() -> None:
    lines = TrackingServer(Home(Path("/home"))).requirements().splitlines()
    pins = [number for number, line in enumerate(lines) if "==" in line]
    assert any(lines[number].startswith("mlflow==3.17.2") for number in pins)
    assert all("--hash=sha256:" in lines[number + 1] for number in pins)


@pytest.mark.parametrize("package", ["pyarrow", "scipy", "scikit-learn", "matplotlib", "huey", "docker"])
def test_the_lock_leaves_out_what_the_server_never_imports(package: str) -> None:
    pins = TrackingServer(Home(Path("/home"))).requirements().splitlines()
    assert [line for line in pins if line.startswith(f"{package}==") and "sys_platform == 'never'" not in line] == []


def test_the_process_gets_its_own_environment_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    server = TrackingServer(Home(Path("/home/pq")))
    argv, environment = server.command(Path("/env/bin/python"), Path("/src"), Path("/run/api.sock"), "secret")
    assert argv == ("/env/bin/python", "-m", "pratique_tracking")
    assert "secret" not in " ".join(argv)  # Everybody on the machine can read a command line.
    assert environment["PYTHONPATH"] == "/src"
    assert environment["PRATIQUE_TRACKING_DATABASE"] == "/home/pq/mlflow/mlflow.db"
    assert environment["PRATIQUE_API_TOKEN"] == "secret"
    assert not [name for name in environment if name.startswith("MLFLOW_")]
