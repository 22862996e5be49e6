"""Homes of the tests of the roof, with a short runtime folder and none of the caller's settings."""

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.base.home import Home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A home that is not there yet."""
    for name in os.environ:
        if name.startswith("PRATIQUE_"):
            monkeypatch.delenv(name)
    runtime = tempfile.mkdtemp(prefix="pq-")  # Short, because the sockets are in it.
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", runtime)
    monkeypatch.setenv("PRATIQUE_HOME", str(tmp_path / "home"))
    yield Home(tmp_path / "home")
    shutil.rmtree(runtime)


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of loopback at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]
