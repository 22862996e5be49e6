"""What holds for every test.

Attacks are counted by class: a test says each thing that it tries with the
fixture `attack`, and a run writes what it counted where ``RECORD_ATTACKS`` says,
which `make attacks` does: see ``docs/generator/attacks.py``.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The limit of pytest's configuration ends tests that hang; those that are long on purpose bound themselves."""
    for item in items:
        if item.get_closest_marker("slow") or item.get_closest_marker("soak"):
            item.add_marker(pytest.mark.timeout(0))


CLASSES: Final = (
    "traversal", "ssrf", "pickles", "archives", "tokens", "browser", "markup", "slow callers", "floods",
    "flipped bytes", "signatures",
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
