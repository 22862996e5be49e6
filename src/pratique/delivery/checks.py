"""What can be said about a pipeline before it runs: its expressions, and references that read nothing."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final

from pratique.delivery.building.pools import is_other_system, refuse_image
from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import checks
from pratique.delivery.expressions.functions import BASIC, Function
from pratique.delivery.expressions.macros import Variable, expanded, macros_in, replaced
from pratique.delivery.expressions.parser import Literal, parse, parts
from pratique.delivery.expressions.values import folded
from pratique.delivery.graph import all_before
from pratique.delivery.inputs import problems_with_inputs
from pratique.delivery.nodes import Place
from pratique.delivery.pipeline import Job, Matrix, Pipeline, Setting, Stage, Step, VariableItem
from pratique.delivery.run.needs import too_late
from pratique.delivery.run.references import Reader, wrong_references
from pratique.delivery.run.server_tasks import ROOT
from pratique.delivery.run.status import COUNTER, STATUS, STEP_STATUS
from pratique.delivery.tasks import rule_of
from pratique.delivery.trouble import Troubles
from pratique.specs.words import did_you_mean

_JOB_NAMES: Final = dict.fromkeys(("variables", "dependencies", "stageDependencies", "pipeline", "resources"))
_STEP_NAMES: Final = {"variables": None}
_NOT_CHECKED_OUT: Final = ("lfs",)
"""What a checkout can be asked for and is not given here."""


def check(pipeline: Pipeline, troubles: Troubles) -> None:
    """Note what is wrong in conditions and run-time expressions, and what reads nothing."""
    checker = _Checker(pipeline, troubles)
    checker.variables(pipeline.variables, None)
    for stage in pipeline.stages:
        checker.stage(stage)


class _Checker:
    def __init__(self, pipeline: Pipeline, troubles: Troubles) -> None:
        self._pipeline = pipeline
        self._troubles = troubles
        self._before = {one.name: _direct(one.depends_on, pipeline.stages) for one in pipeline.stages}

    def stage(self, stage: Stage) -> None:
        self._needs(stage)
        names = all_before(stage.name, self._before)
        before = tuple(one for one in self._pipeline.stages if one.name in names)
        reader = Reader(stage, before)
        self._expression(stage.condition, stage.condition_place or stage.place, BASIC | STATUS, reader)
        self.variables(stage.variables, reader)
        direct = {job.name: _direct(job.depends_on, stage.jobs) for job in stage.jobs}
        for job in stage.jobs:
            self._image(stage, job)
            wanted = all_before(job.name, direct)
            self._job(job, Reader(stage, before, job, tuple(one for one in stage.jobs if one.name in wanted)))

    def _needs(self, stage: Stage) -> None:
        for need in too_late(self._pipeline, stage):
            said = f"the {need.kind.value} {need.name} must be known before the stage starts"
            hint = "name it, or set the variable for the pipeline or the stage: those of a job come too late"
            self._troubles.refuse(said, need.place, hint=hint)

    def _image(self, stage: Stage, job: Job) -> None:
        """An image whose name is made of variables: each that the file itself gives must be one of Linux."""
        if "$(" not in job.pool.image:
            return
        items = (*self._pipeline.variables, *stage.variables, *job.variables)
        settings = {item.name: item.value for item in items if isinstance(item, Setting)}
        legs = job.strategy.legs.values() if isinstance(job.strategy, Matrix) else ()
        for leg in legs or ({},):
            known, _ = expanded(Variable(name, value) for name, value in {**settings, **leg}.items())
            image = replaced(job.pool.image, partial(_value_of, known))
            if is_other_system(image):
                refuse_image(image, job.place, self._troubles)

    def _job(self, job: Job, reader: Reader) -> None:
        self._expression(job.condition, job.condition_place or job.place, BASIC | STATUS, reader)
        self.variables(job.variables, reader)
        for step in job.all_steps():
            self._step(step)

    def _step(self, step: Step) -> None:
        self._source(step)
        if step.task:
            self._inputs(step)
            self._on_server(step)
        if step.kind == "checkout":
            self._checkout(step)
        if step.condition:
            for error in self._problems(step.condition, _STEP_NAMES, BASIC | STEP_STATUS):
                where = f" in the condition of the step {step.name or step.task or step.kind}"
                self._troubles.refuse(f"{error.message}{where}", step.place, hint=error.hint)

    def _inputs(self, step: Step) -> None:
        for problem in problems_with_inputs(step.task, step.inputs):
            if problem.is_warning:
                self._troubles.warn(problem.message, step.place, hint=problem.hint)
            else:
                self._troubles.refuse(problem.message, step.place, hint=problem.hint, is_not_yet=problem.is_not_yet)

    def _on_server(self, step: Step) -> None:
        """What only a task without an agent can have wrong."""
        if not rule_of(step.task).runs_on_server:
            return
        if step.retries:
            said = f"{step.task} is not tried again: retryCountOnTaskFailure is for tasks with an agent"
            self._troubles.warn(said, step.place)
        given = {name.lower(): value for name, value in step.inputs.items()}
        text = given.get("successcriteria", "")
        if text.strip() and "$(" not in text:
            for error in self._problems(text, {ROOT: None}, BASIC):
                said = f"{error.message} in successCriteria of {step.task}"
                self._troubles.refuse(said, step.place, hint=error.hint)

    def _checkout(self, step: Step) -> None:
        for name in _NOT_CHECKED_OUT:
            if step.inputs.get(name, "").strip().lower() not in ("", "false"):
                self._troubles.refuse(f"{name} of a checkout is not run here", step.place, is_not_yet=True)

    def _source(self, step: Step) -> None:
        """The repository of a checkout and the pipeline of a download are under resources."""
        own: tuple[str, ...]
        if step.kind == "checkout":
            known = [repository.alias for repository in self._pipeline.resources.repositories]
            name, own, what = step.inputs["repository"], ("self", "none"), "repositories"
        elif step.kind == "download":
            known = [pipeline.alias for pipeline in self._pipeline.resources.pipelines]
            name, own, what = step.inputs["source"], ("current", "none", "specific"), "pipelines"
        else:
            return
        if not name:  # Noted when the step was built.
            return
        is_known = name.lower() in (*own, *(one.lower() for one in known)) or "://" in name or "$(" in name
        if not is_known:
            hint = did_you_mean(name, (*own, *known)) or f"known: {', '.join((*own, *known))}"
            self._troubles.refuse(f"there is no {name} under resources.{what}", step.place, hint=hint)

    def variables(self, items: tuple[VariableItem, ...], reader: Reader | None) -> None:
        """Check the values that are `$[ ]`."""
        for item in items:
            if isinstance(item, Setting) and item.value.strip().startswith("$["):
                text = item.value.strip()[2:-1]
                if _can_be_read(text):  # What cannot was noted when the variable was built.
                    self._expression(text, item.place, BASIC | COUNTER, reader)

    def _expression(self, text: str, place: Place, functions: Mapping[str, Function], reader: Reader | None) -> None:
        if not text:
            return
        problems = list(self._problems(text, _JOB_NAMES, functions))
        for error in problems:
            at = f" (at character {error.position} of {text!r})" if error.position else ""
            self._troubles.refuse(f"{error.message}{at}", place, hint=error.hint)
        if problems:
            return
        expression = parse(text)
        for part in parts(expression):
            if isinstance(part, Literal) and isinstance(part.value, str) and macros_in(part.value):
                hint = "write variables['name']"
                self._troubles.warn(f"the macro in {part} is not replaced inside an expression", place, hint=hint)
        for wrong in wrong_references(expression, reader) if reader else ():
            self._troubles.warn(wrong.message, place, hint=wrong.hint)

    def _problems(
        self, text: str, names: Mapping[str, None], functions: Mapping[str, Function]
    ) -> Iterator[ExpressionError]:
        try:
            yield from checks(parse(text), names=names, functions=functions)
        except ExpressionError as error:
            yield error


def _value_of(known: Mapping[str, Variable], name: str) -> str | None:
    return known[folded(name)].value if folded(name) in known else None


def _can_be_read(text: str) -> bool:
    try:
        parse(text)
    except ExpressionError:
        return False
    return True


def _direct(names: tuple[str, ...], nodes: tuple[Stage, ...] | tuple[Job, ...]) -> tuple[str, ...]:
    """`names` as the nodes themselves are written."""
    wanted = {folded(name) for name in names}
    return tuple(node.name for node in nodes if folded(node.name) in wanted)
