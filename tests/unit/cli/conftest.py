"""The command line run in this process, against the platform of the client's tests."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pratique.cli.main import run

_spec = importlib.util.spec_from_file_location(
    "platform_of_tests", Path(__file__).parents[1] / "client" / "conftest.py"
)
assert _spec is not None
assert _spec.loader is not None
_platform_of_tests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_platform_of_tests)

platform = _platform_of_tests.platform
nowhere = _platform_of_tests.nowhere


@dataclass(frozen=True)
class Ran:
    """What one command did."""

    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def pratique(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command, with the workspace `ws` as the default."""
    monkeypatch.setenv("AZURE_DEFAULTS_WORKSPACE", "ws")

    def command(*argv: str) -> Ran:
        capfd.readouterr()
        code = run(list(argv))
        out, err = capfd.readouterr()
        print(f"$ pratique {' '.join(argv)}\n{out}{err}")  # Shown by pytest when the test fails.
        return Ran(code, out, err)

    return command
