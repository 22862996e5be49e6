"""What is told of Envoy's complaints."""

from pathlib import Path

import pytest

from pratique.base.errors import InternalError
from pratique.gateway.preflight import Preflight


def _fake_envoy(tmp_path: Path, says: str, status: int) -> Preflight:
    """A program in Envoy's place, which notes what it was given to validate."""
    program = tmp_path / "envoy"
    program.write_text(f"#!/bin/sh\ncp \"$4\" '{tmp_path}/seen'\ncat <<'END'\n{says}\nEND\nexit {status}\n")
    program.chmod(0o700)
    return Preflight(program, tmp_path)


def test_what_envoy_takes_has_no_refusal_and_leaves_nothing_behind(tmp_path: Path) -> None:
    assert _fake_envoy(tmp_path, "OK", 0).refusal({"a": 1}) == ""
    assert (tmp_path / "seen").read_text() == '{"a": 1}'
    assert {path.name for path in tmp_path.iterdir()} == {"envoy", "seen"}


def test_the_reason_is_told_without_the_document_that_envoy_repeats(tmp_path: Path) -> None:
    said = (
        "[critical][main] error initializing configuration '/x/trial.json': Unable to parse JSON as proto "
        '(INVALID_ARGUMENT: no such field \'x\'): {"keys": "secret"}'
    )
    reason = _fake_envoy(tmp_path, said, 1).refusal({})
    assert reason == "Unable to parse JSON as proto (INVALID_ARGUMENT: no such field 'x')"


@pytest.mark.parametrize("said", ["", "what a day"])
def test_a_refusal_without_a_reason_is_still_a_refusal(tmp_path: Path, said: str) -> None:
    assert _fake_envoy(tmp_path, said, 1).refusal({}) == (said or "Envoy gave no reason")


def test_an_envoy_that_cannot_be_run_is_our_fault_and_not_the_endpoints(tmp_path: Path) -> None:
    with pytest.raises(InternalError):
        Preflight(tmp_path / "missing", tmp_path).refusal({})
