"""The pieces that a job runs as, and under which names their outputs are found.

plain      one unit ""                       outputs  S.v
matrix     a unit for each leg               outputs  leg.S.v
parallel   units "1", "2", …                 outputs  1.S.v
runOnce    a unit for each hook              outputs  deploy.S.v, and D.S.v when deploy is the only hook
canary     deploy_10, routeTraffic_10, …     outputs  deploy_10.S.v
rolling    deploy_TARGET, …                  outputs  deploy_TARGET.S.v
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pratique.delivery.building.fields import NAME
from pratique.delivery.pipeline import HOOKS, Deploy, Job, Matrix, Pool, Slices, Step

MAX_UNITS: Final = 256
ON_FAILURE: Final = "on_failure"
ON_SUCCESS: Final = "on_success"


class UnitsError(ValueError):
    """The units of a job cannot be told: its matrix is no matrix."""


@dataclass(frozen=True)
class Unit:
    """What one worker process runs."""

    name: str
    steps: tuple[Step, ...]
    pool: Pool
    hook: str = ""
    """Of a deployment: the hook that it is."""
    after: tuple[str, ...] = ()
    """Units of the same job that must have succeeded before."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """What it has beside the variables of the job: those of its leg, or of the strategy."""


def units_of(job: Job, *, matrix: str = "", count: int = 1, targets: Sequence[str] = ()) -> tuple[Unit, ...]:
    """The units of `job` in order.

    `matrix` is the JSON that an expression for a matrix gave, `count` the
    number of slices, `targets` the machines of a rolling deployment. Raises
    `UnitsError`.
    """
    match job.strategy:
        case None:
            return (Unit("", job.steps, job.pool),)
        case Matrix():
            legs = _legs(matrix) if job.strategy.expression else job.strategy.legs
            if len(legs) > MAX_UNITS:
                raise UnitsError(f"a matrix has at most {MAX_UNITS} legs; this one has {len(legs)}")
            return tuple(Unit(name, job.steps, job.pool, variables=leg) for name, leg in legs.items())
        case Slices():
            if not 1 <= count <= MAX_UNITS:
                raise UnitsError(f"parallel is 1 to {MAX_UNITS}; got {count}")
            return tuple(_slice(job, number, count) for number in range(1, count + 1))
        case Deploy():
            return tuple(_deployment(job, job.strategy, targets))


def _slice(job: Job, number: int, count: int) -> Unit:
    variables = {"System.JobPositionInPhase": str(number), "System.TotalJobsInPhase": str(count)}
    return Unit(str(number), job.steps, job.pool, variables=variables)


def _legs(text: str) -> dict[str, dict[str, str]]:
    try:
        given = json.loads(text, parse_int=str, parse_float=str) if text else {}
    except (ValueError, RecursionError) as error:
        raise UnitsError("the expression of the matrix gave no JSON") from error
    if not isinstance(given, dict) or not all(isinstance(leg, dict) for leg in given.values()):
        raise UnitsError("the expression of the matrix gave no mapping of legs to variables")
    for name in given:
        if not NAME.fullmatch(name):
            raise UnitsError(f"{name!r:.60} cannot name a leg of a matrix")
    return {name: {key: _word(value) for key, value in leg.items()} for name, leg in given.items()}


def _word(value: object) -> str:
    if value is None:
        return ""
    return ("True" if value else "False") if isinstance(value, bool) else str(value)


def _deployment(job: Job, deploy: Deploy, targets: Sequence[str]) -> Iterator[Unit]:
    main: list[Unit] = []
    match deploy.kind:
        case "runOnce":
            _chain(main, job, deploy, HOOKS, "", (), {})
        case "canary":
            _chain(main, job, deploy, HOOKS[:1], "", (), {})
            for increment in deploy.increments:
                last = (main[-1].name,) if main else ()
                _chain(main, job, deploy, HOOKS[1:], f"_{increment}", last, {"strategy.increment": str(increment)})
        case _:
            _roll(main, job, deploy, targets or ("agent",))
    yield from main
    for name, hook_name in ((ON_FAILURE, "on.failure"), (ON_SUCCESS, "on.success")):
        if hook := deploy.hook(hook_name):
            own = _strategy(deploy, hook_name)
            yield Unit(name, hook.steps, hook.pool or job.pool, hook_name, variables=own)


def _strategy(deploy: Deploy, hook: str) -> dict[str, str]:
    """What the steps of a hook know of the strategy, such as what a canary is to do with what it deployed."""
    cycle = {"preDeploy": "PreIteration", "on.failure": "PostIteration", "on.success": "PostIteration"}
    action = {"on.failure": "reject", "on.success": "promote"}
    return {
        "strategy.name": deploy.kind,
        "strategy.action": action.get(hook, "deploy"),
        "strategy.cycleName": cycle.get(hook, "Iteration"),
    }


def _chain(
    units: list[Unit], job: Job, deploy: Deploy, names: Sequence[str], suffix: str, after: tuple[str, ...],
    variables: Mapping[str, str],
) -> None:  # fmt: skip
    """Add the hooks among `names` that there are, each after the one before it."""
    for name in names:
        if hook := deploy.hook(name):
            own = {**_strategy(deploy, name), **variables}
            units.append(Unit(f"{name}{suffix}", hook.steps, hook.pool or job.pool, name, after, own))
            after = (units[-1].name,)


def _roll(units: list[Unit], job: Job, deploy: Deploy, targets: Sequence[str]) -> None:
    """A chain of hooks for each target; at most so many targets at once, batch after batch."""
    size, before = _batch(deploy.max_parallel, len(targets)), tuple[str, ...]()
    for start in range(0, len(targets), size):
        ends: list[str] = []
        for target in targets[start : start + size]:
            _chain(units, job, deploy, HOOKS, f"_{target}", before, {"Environment.ResourceName": target})
            ends.append(units[-1].name)
        before = tuple(ends)


def _batch(most: str, count: int) -> int:
    text = most.strip()
    if text.endswith("%") and text[:-1].isdigit():
        return max(1, count * int(text[:-1][:4]) // 100)
    return max(1, int(text[:6])) if text.isascii() and text.isdigit() else max(1, count)


def job_outputs(job: Job, outputs: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """The outputs of a job under every name by which they are found; `outputs` are those of its units."""
    found: dict[str, str] = {}
    for unit, values in outputs.items():
        for name, value in values.items():
            for prefix in output_prefixes(job, unit):
                found[f"{prefix}.{name}" if prefix else name] = value
    return found


def output_prefixes(job: Job, unit: str) -> tuple[str, ...]:
    """What stands before STEP.VARIABLE in the outputs of `unit`, each of which counts."""
    deploy = job.strategy
    if not isinstance(deploy, Deploy):
        return (unit,)
    prefixes = [unit]
    is_only = [hook.name for hook in deploy.hooks if hook.name in HOOKS] == ["deploy"]
    if unit == "deploy" and is_only:
        prefixes.insert(0, job.name)
    if unit == "deploy" and job.environment is not None and job.environment.resource:
        prefixes += [f"{name}_{job.environment.resource}" for name in ("Deploy", "deploy")]
    return tuple(dict.fromkeys(prefixes))
