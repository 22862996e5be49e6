"""What the probes of a deployment mean."""

from datetime import timedelta
from pathlib import Path

from pratique.engine import probes
from pratique.engine.probes import Pulse


def test_what_a_probe_leaves_out_has_the_value_of_azure() -> None:
    probe = probes.liveness({})
    assert (probe.initial_delay, probe.period, probe.timeout) == (
        timedelta(seconds=10), timedelta(seconds=10), timedelta(seconds=2),
    )  # fmt: skip
    assert (probe.success_threshold, probe.failure_threshold, probe.path) == (1, 30, "/health/live")


def test_a_probe_is_asked_as_it_was_written() -> None:
    probe = probes.readiness({"readiness_probe": {"path": "/", "method": "head", "period": 3, "failure_threshold": 2}})
    assert (probe.path, probe.method, probe.period) == ("/", "HEAD", timedelta(seconds=3))
    assert probe.patience == timedelta(seconds=16), "its delay and two periods"


def test_without_a_readiness_probe_a_model_may_load_for_long() -> None:
    assert probes.readiness({}).patience == timedelta(minutes=10)


def test_nobody_behind_a_socket_is_a_failure_with_its_reason(tmp_path: Path) -> None:
    why = probes.liveness({}).failure(tmp_path / "nobody.sock")
    assert why.startswith("GET /health/live was not answered: ")


def test_only_enough_answers_in_a_row_change_what_a_pulse_says() -> None:
    pulse = Pulse(probes.liveness({"liveness_probe": {"failure_threshold": 3, "success_threshold": 2}}))
    for why in ("late", "late", "", "late", "late"):
        pulse.hear(why)
        assert pulse.passes
    pulse.hear("too late")
    assert (pulse.passes, pulse.why) == (False, "too late")
    pulse.hear("")
    assert not pulse.passes
    pulse.hear("")
    assert pulse.passes


def test_failures_within_the_initial_delay_are_not_even_asked_for() -> None:
    assert not Pulse(probes.liveness({})).is_due
    assert Pulse(probes.liveness({"liveness_probe": {"initial_delay": 0}})).is_due
