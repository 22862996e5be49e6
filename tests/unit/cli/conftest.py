"""The command line run in this process, against the platform of the client's tests."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pratique.cli.main import run

from ..client.conftest import nowhere, platform  # noqa: F401, TID252 - fixtures of the client's tests.


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
