"""The tour of `tour.py` with unmodified clients of three ages, each in an environment of its own."""

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import ComputeFailed
from pratique.compute.environments import Environments
from pratique.specs.packages import from_requirements

TOUR = Path(__file__).with_name("tour.py")
CLIENTS = {
    "1.30": ("3.10", "mlflow-skinny==1.30.1 scikit-learn<1.3 numpy<1.25 pandas<2 setuptools<81 protobuf<5"),
    "2": ("3.11", "mlflow-skinny==2.17.2 scikit-learn<1.6 numpy<2.1 pandas<2.3 setuptools<81"),
    "3": ("3.11", "mlflow==3.17.2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("age", CLIENTS)
def test_an_unmodified_client_logs_registers_and_loads(house: Any, environments: Environments, age: str) -> None:
    version, packages = CLIENTS[age]
    request = replace(from_requirements("\n".join(packages.split())), python=version)
    try:
        python = environments.ensure(environments.lock(request))
    except ComputeFailed as error:
        pytest.skip(f"no client {age}: {error}")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "MLFLOW_TRACKING_TOKEN": house.token,
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    }
    done = subprocess.run(
        [python, str(TOUR), house.tracking_uri("dev"), house.tracking_uri("qua")],
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
