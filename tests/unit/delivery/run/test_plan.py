"""What a plan says beside what to start: settings of jobs, reasons, and no secrets."""

from collections.abc import Callable

from pratique.delivery.compile import Compiled
from pratique.delivery.expressions.macros import Variable
from pratique.delivery.run.masking import masked
from pratique.delivery.run.outcomes import Admission, Result, RunState, StageState, UnitState
from pratique.delivery.run.plan import Action, Decision, applied, plan, settled
from pratique.delivery.run.results import job_result
from pratique.delivery.run.variables import RunInputs

Compile = Callable[..., Compiled]
SECRET = "hunter2-and-some-more-characters-of-a-long-secret-that-is-shortened-when-it-is-shown"
WITH_SECRET = RunInputs(queued=(Variable("key", SECRET, is_secret=True),))


def decided(found: Compiled, inputs: RunInputs) -> Decision:
    """The first decision for the only job of an admitted stage."""
    stage = found.pipeline.stages[0].name
    return plan(found.pipeline, RunState({stage: StageState(Admission.ADMITTED)}), inputs).decisions[0]


def test_settings_of_a_job_may_be_macros_and_expressions(compile_files: Compile) -> None:
    text = (
        "variables: {minutes: '7', lenient: 'true'}\njobs:\n- job: A\n  timeoutInMinutes: $[ variables.minutes ]\n"
        "  cancelTimeoutInMinutes: $(minutes)\n  continueOnError: $(lenient)\n"
    )
    found = compile_files(text)
    start = decided(found, RunInputs())
    assert (start.timeout, start.cancel_timeout, start.continues_on_error) == (7, 7, True)
    state = applied(RunState(), start).with_unit(start.stage, "A", "", UnitState(Result.FAILED))
    job = found.pipeline.stages[0].jobs[0]
    assert job_result(job, state.job(start.stage, "A")) is Result.SUCCEEDED_WITH_ISSUES


def test_a_job_without_settings_has_an_hour(compile_files: Compile) -> None:
    start = decided(compile_files("steps: [{script: a}]"), RunInputs())
    assert (start.action, start.timeout, start.cancel_timeout) == (Action.START, 60, 5)


def test_no_secret_is_in_a_reason_or_a_trace(compile_files: Compile) -> None:
    for condition in ("eq(variables.key, 'x')", "eq(format('a{0}', variables.key), 1)", "gt(1, variables.key)"):
        found = compile_files(f"jobs:\n- job: A\n  condition: {condition}\n")
        decision = decided(found, WITH_SECRET)
        assert decision.verdict is not None
        said = f"{decision.reason} {decision.verdict}"
        assert "hunter2" not in said + "".join(decision.verdict.trace)
        assert "***" in said + "".join(decision.verdict.trace)


def test_no_secret_is_in_the_error_of_a_variable(compile_files: Compile) -> None:
    found = compile_files("jobs:\n- job: A\n  variables:\n    x: $[ gt(1, variables.key) ]\n")
    decision = decided(found, WITH_SECRET)
    assert decision.action is Action.FAIL
    assert "cannot convert" in decision.reason
    assert "hunter2" not in decision.reason


def test_what_is_made_of_a_secret_is_a_secret(compile_files: Compile) -> None:
    found = compile_files("jobs:\n- job: A\n  variables:\n    x: $[ variables.key ]\n    y: a $(x)\n    z: plain\n")
    variables = decided(found, WITH_SECRET).variables
    flags = {name: variables.get(name) for name in ("x", "y", "z")}
    assert {name: one.is_secret for name, one in flags.items() if one} == {"x": True, "y": True, "z": False}


def test_secrets_are_masked_longest_first() -> None:
    assert masked("a secret-two b secret", ["secret", "secret-two", ""]) == "a *** b ***"


def test_a_stage_waits_and_says_for_what(compile_files: Compile) -> None:
    found = compile_files("stages:\n- {stage: A, jobs: [{job: J}]}\n- {stage: B, jobs: [{job: J}]}\n")
    first, second = plan(found.pipeline, RunState(), RunInputs()).decisions
    assert (first.action, second.action, second.reason) == (Action.CHECK, Action.WAIT, "waits for A")


def test_a_manual_stage_waits_for_a_person(compile_files: Compile) -> None:
    found = compile_files("stages:\n- {stage: A, trigger: manual, jobs: [{job: J}]}\n")
    state, waiting, _ = settled(found.pipeline, RunState(), RunInputs())
    assert [one.action for one in waiting.decisions] == [Action.TRIGGER]
    state = state.with_stage("A", StageState(is_triggered=True))
    assert [one.action for one in plan(found.pipeline, state, RunInputs()).decisions] == [Action.CHECK]


def test_an_approval_after_a_cancel_changes_nothing(compile_files: Compile) -> None:
    found = compile_files("stages:\n- {stage: A, jobs: [{job: J}]}\n")
    state = RunState({"A": StageState(Admission.ADMITTED)}, is_canceled=True)
    _, after, recorded = settled(found.pipeline, state, RunInputs())
    assert [one.action for one in recorded] == [Action.SKIP]
    assert after.result is Result.CANCELED
