"""What holds for every test.

Attacks are counted by class: a test says each thing that it tries with the
fixture `attack`, and a run writes what it counted where ``RECORD_ATTACKS`` says,
which `make attacks` does: see ``docs/generator/attacks.py``.

Property tests have no deadline, because how long an example takes depends on who
else uses the machine; and CI tries the same examples each time, because what
somebody has changed is judged there, and not luck.

A real OpenID provider, the npm package oidc-provider, is there for the slow
tests that need one.
"""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from joserfc.jwk import RSAKey
from tests.ports import free_port

pytest_plugins = ("tests.postgresql",)

settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
settings.load_profile("untimed")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The limit of pytest's configuration ends tests that hang; those that are long on purpose bound themselves."""
    for item in items:
        if item.get_closest_marker("slow") or item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))


CLASSES: Final = (
    "traversal", "ssrf", "pickles", "archives", "bodies", "rights", "tokens", "browser", "markup", "slow callers",
    "floods", "flipped bytes", "signatures",
)  # fmt: skip
"""What an attack may be of."""

_counted: Counter[str] = Counter()
_tests: dict[str, set[str]] = {}
_failed: set[str] = set()


@pytest.fixture
def attack(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """``attack("traversal", "GET /…/..%2f")``: one thing that is tried in this test."""

    def tried(kind: str, what: str) -> None:
        assert kind in CLASSES, kind
        assert what
        _counted[kind] += 1
        _tests.setdefault(kind, set()).add(request.node.nodeid)

    return tried


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember what failed."""
    if report.failed:
        _failed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    """Write what was counted."""
    if not (place := os.environ.get("RECORD_ATTACKS")) or not _counted:
        return
    rows = [
        {"class": kind, "attacks": _counted[kind], "tests": len(_tests[kind]), "held": not (_tests[kind] & _failed)}
        for kind in CLASSES
        if kind in _counted
    ]
    document = {"at": datetime.now(UTC).date().isoformat(), "rows": rows}
    Path(place).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


# --- a real provider ----------------------------------------------------------------------------------------------


@pytest.fixture
def real_openid_provider(tmp_path: Path) -> Iterator[int]:
    """oidc-provider, fetched by npm, at this port of loopback; ``oidc_provider.mjs`` says whom it knows."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are needed for the npm package oidc-provider")
    folder = tmp_path / "provider"
    folder.mkdir()
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    words = ["npm", "install", "--no-audit", "--no-fund", "oidc-provider@9.13.3"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    shutil.copy(Path(__file__).parent / "oidc_provider.mjs", folder)
    signer = RSAKey.generate_key(2048, {"kid": "real", "use": "sig", "alg": "RS256"})
    (folder / "keys.json").write_text(json.dumps({"keys": [signer.as_dict(private=True)]}), encoding="utf-8")
    port = free_port()
    told = folder / "provider.log"
    with told.open("wb") as log:
        process = subprocess.Popen(
            ["node", "oidc_provider.mjs", str(port), "keys.json"], cwd=folder, stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 60
        while "ready" not in told.read_text(encoding="utf-8"):
            assert process.poll() is None, told.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, "oidc-provider never listened"
            time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(30)
