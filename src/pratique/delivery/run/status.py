"""The functions that only a run has: the status functions of conditions, and `counter`."""

from collections.abc import Callable, Mapping
from typing import Final

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.functions import Function, Parameters
from pratique.delivery.expressions.values import Value, folded, to_number, to_text
from pratique.delivery.run.outcomes import GOOD, Result
from pratique.specs.words import did_you_mean

Counter = Callable[[str, int], int]
"""(prefix, seed) → the number of this run; the same when it is asked again."""

_ENDED: Final = GOOD | {Result.FAILED}


def status_functions(before: Mapping[str, Result], *, is_canceled: bool, is_held_back: bool) -> dict[str, Function]:
    """The status functions of a stage or a job; `before` has everything it depends on, directly or not.

    `is_held_back` says that the cancel holds for this one: not for the jobs
    of a stage that began after it.

    Without names `succeeded` wants all of them to have succeeded, `failed`
    one to have failed, `succeededOrFailed` one to have ended either way: a
    dependency that was skipped has not succeeded. With names only those count.
    """

    def results(given: Parameters) -> list[Result]:
        return [_named(to_text(one()), before) for one in given]

    def succeeded(given: Parameters) -> Value:
        if given:
            return all(result in GOOD for result in results(given))
        return not is_held_back and all(result in GOOD for result in before.values())

    def failed(given: Parameters) -> Value:
        return any(result is Result.FAILED for result in (results(given) if given else before.values()))

    def succeeded_or_failed(given: Parameters) -> Value:
        if given:
            return any(result in _ENDED for result in results(given))
        return not is_held_back and (not before or any(result in _ENDED for result in before.values()))

    return _table(succeeded, failed, succeeded_or_failed, is_canceled, most=None)


def step_status_functions(status: Result, *, is_canceled: bool) -> dict[str, Function]:
    """The status functions of a step; `status` is that of the job so far."""
    return _table(
        lambda _: not is_canceled and status in GOOD,
        lambda _: not is_canceled and status is Result.FAILED,
        lambda _: not is_canceled and status in _ENDED,
        is_canceled,
        most=0,
    )


def _table(
    succeeded: Callable[[Parameters], Value],
    failed: Callable[[Parameters], Value],
    succeeded_or_failed: Callable[[Parameters], Value],
    is_canceled: bool,
    *,
    most: int | None,
) -> dict[str, Function]:
    functions = (
        Function("always", 0, 0, lambda _: True),
        Function("canceled", 0, 0, lambda _: is_canceled),
        Function("failed", 0, most, failed),
        Function("succeeded", 0, most, succeeded),
        Function("succeededOrFailed", 0, most, succeeded_or_failed),
    )
    return {folded(function.name): function for function in functions}


def _named(name: str, before: Mapping[str, Result]) -> Result:
    found = next((result for known, result in before.items() if folded(known) == folded(name)), None)
    if found is None:
        hint = did_you_mean(name, before) or f"it depends on: {', '.join(before) or 'nothing'}"
        raise ExpressionError(f"{name} is nothing that this depends on", hint=hint)
    return found


def counter_function(count: Counter) -> dict[str, Function]:
    """`counter(prefix, seed)`, for the values of variables."""

    def run(given: Parameters) -> Value:
        prefix = to_text(given[0]()) if given else ""
        seed = to_number(given[1]()) if len(given) > 1 else 0
        return to_number(str(count(prefix, int(seed))))

    return {folded("counter"): Function("counter", 0, 2, run)}


STATUS: Final = status_functions({}, is_canceled=False, is_held_back=False)
"""By name, for checks before the run."""
STEP_STATUS: Final = step_status_functions(Result.SUCCEEDED, is_canceled=False)
COUNTER: Final = counter_function(lambda _, seed: seed)
