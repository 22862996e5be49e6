"""A small platform of the tests' own: a real HTTP server on loopback that answers the API's contract from memory."""

import json
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from pratique.base.home import Home

from .small_platform import OWNER_TOKEN, Handler, Platform


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A running platform, which this process finds as it finds a real one: by the runtime folder of its home."""
    state = Platform()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"platform": state}))
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    _point_here(monkeypatch, tmp_path)
    runtime = Home.from_environment().runtime
    runtime.mkdir(parents=True, mode=0o700)
    (runtime / "door.json").write_text(json.dumps({"door": state.url, "endpoints": state.url, "pid": 1}))
    (runtime / "owner.token").write_text(OWNER_TOKEN)
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An environment without a platform; the folder that it all lies in."""
    _point_here(monkeypatch, tmp_path)
    return tmp_path


def _point_here(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for name in ("PRATIQUE_URL", "PRATIQUE_TOKEN", "AZURE_CONFIG_DIR", "AZURE_CORE_OUTPUT"):
        monkeypatch.delenv(name, raising=False)
    for name in ("GROUP", "WORKSPACE", "LOCATION"):
        monkeypatch.delenv(f"AZURE_DEFAULTS_{name}", raising=False)
    monkeypatch.setenv("PRATIQUE_HOME", str(folder / "home"))
    monkeypatch.setenv("PRATIQUE_RUNTIME_DIR", str(folder / "run"))
    monkeypatch.setenv("PRATIQUE_CONFIG_DIR", str(folder / "config"))
    (folder / "work").mkdir(exist_ok=True)
    monkeypatch.chdir(folder / "work")
