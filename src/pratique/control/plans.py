"""From a pipeline as it was written to the jobs that it consists of: every reference decided, every binding led home.

A step becomes the spec of a job, its component put into it. What a step is
given is decided here as far as it can be (`control.step_inputs`); what another
step will make stays a binding (`control.step_scope`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from pratique.base.errors import InvalidInput, Problem
from pratique.base.machine import GIB, Capacity
from pratique.control.inputs import Given
from pratique.control.step_inputs import StepInputs, unmarked
from pratique.control.step_outputs import Output, StepOutputs
from pratique.control.step_scope import Scope
from pratique.control.workspace_lookups import WorkspaceLookups
from pratique.specs.bindings import bind_command
from pratique.specs.graph import IMPLICIT_OUTPUTS, order_of
from pratique.specs.network import KEY as NETWORK
from pratique.specs.sizes import size_of
from pratique.specs.words import shown
from pratique.store.database import Transaction

MAX_STEPS: Final = 2000
"""Steps of a pipeline with all its nested ones; what names a component ten times in ten levels is a mistake."""
FILES_ARE_READ: Final = "files_are_read"
"""What is true of a step, among what it is resolved to, whose run's files another step reads."""
_ONE: Final = Capacity(1.0, GIB)
"""What a job takes that asks for nothing."""


@dataclass(frozen=True)
class Step:
    """One step as a job that is not made yet."""

    name: str
    spec: Mapping[str, Any]
    resolved: Mapping[str, Any]
    is_deterministic: bool
    takes: Capacity
    steps: tuple["Step", ...] = ()
    """Those of a pipeline, each after all that it needs."""

    @property
    def is_pipeline(self) -> bool:
        """Whether it consists of steps."""
        return bool(self.steps)


def plan(tx: Transaction, workspace: str, spec: Mapping[str, Any], machine: Capacity, *, now: datetime) -> Step:
    """The pipeline of `spec`, values as `specs` gives them, with all its steps.

    Raises what is wrong with its references and bindings, all of it at once.
    """
    lookups, defaults = WorkspaceLookups(tx, workspace, now), _Defaults.of(spec)
    inputs = StepInputs(lookups)
    planning = _Planning(lookups, inputs, StepOutputs(lookups, defaults.datastore), machine, defaults)
    given = {
        name: inputs.worth(name, f"inputs.{name}", partial(inputs.input, value))
        for name, value in (spec.get("inputs") or {}).items()
    }
    body = spec
    if spec.get("component") is not None:
        body = planning.component(spec["component"], "pipeline", "component")
        given = inputs.ports(body, given, "inputs")
    outputs = {
        **{name: dict(port) for name, port in (body.get("outputs") or {}).items()},
        **{name: dict(value or {}) for name, value in (spec.get("outputs") or {}).items()},
    }
    made = planning.pipeline("", spec, body, Scope.of(given, outputs), "")
    lookups.check("pipeline")
    return made


@dataclass(frozen=True)
class _Draft:
    """A step whose component is put into it."""

    name: str
    given: Mapping[str, Any]
    """What the pipeline says of it."""
    body: Mapping[str, Any]
    """What runs: its component, or the step itself."""
    inputs: Mapping[str, Given]
    outputs: Mapping[str, Output]
    scope: Scope
    key: str


@dataclass
class _Planning:
    """A pipeline on its way to a plan; what is wrong with it is collected."""

    lookups: WorkspaceLookups
    inputs: StepInputs
    outputs: StepOutputs
    machine: Capacity
    defaults: "_Defaults"
    count: int = 0

    def pipeline(self, name: str, spec: Mapping[str, Any], body: Mapping[str, Any], scope: Scope, prefix: str) -> Step:
        """A pipeline: `body` has its steps, `scope` what it gets and what it is to make."""
        jobs = body.get("jobs") or {}
        self.count += len(jobs)
        if self.count > MAX_STEPS:
            raise InvalidInput(f"a pipeline of more than {MAX_STEPS} steps, nested ones included, is not run")
        steps = tuple(self.step(each, jobs[each], scope, f"{prefix}jobs.{each}") for each in order_of(jobs))
        self._check_outputs(scope, prefix)
        steps = _marked(steps)
        resolved = {
            "inputs": dict(scope.inputs),
            "outputs": scope.outputs,
            "order": [step.name for step in steps],
            "needs": {step.name: step.resolved["steps_needed"] for step in steps},
            "settings": dict(spec.get("settings") or {}),
        }
        return Step(name, spec, resolved, True, Capacity(0.0, 0), steps)

    def _check_outputs(self, scope: Scope, prefix: str) -> None:
        """Every output of a pipeline is made by one of its steps."""
        for port, output in scope.outputs.items():
            self.outputs.check(output, f"{prefix}outputs.{port}")
            if "from" not in output:
                hint = f"bind it in the outputs of a step: ${{{{parent.outputs.{port}}}}}"
                self.lookups.wrong(f"{prefix}outputs.{port}", "no step of the pipeline makes this output", hint)

    def step(self, name: str, given: Mapping[str, Any], scope: Scope, key: str) -> Step:
        """One step, its component put into it."""
        kind = str(given.get("type") or "command")
        draft = self._drafted(name, given, kind, scope, key)
        return self._nested(draft) if kind == "pipeline" else self._command(draft)

    def _drafted(self, name: str, given: Mapping[str, Any], kind: str, scope: Scope, key: str) -> _Draft:
        component = None
        if given.get("component") is None:
            values = {port: unmarked(value) for port, value in self.inputs.bound_all(given, scope, key).items()}
        else:
            component = self.component(given["component"], kind, f"{key}.component")
            values = self.inputs.ports(component, self.inputs.bound_all(given, scope, key), f"{key}.inputs")
        outputs = self.outputs.of_step(name, given, component, scope, key)
        return _Draft(name, given, given if component is None else component, values, outputs, scope, key)

    def component(self, given: Any, kind: str, key: str) -> Mapping[str, Any]:
        """The values of a component: inline, or those of the asset that is named."""
        spec = given
        if not isinstance(given, Mapping):
            found = self.lookups.asset(str(given), key, "components")
            spec = found.spec if found else {"type": kind}
        actual = str(spec.get("type") or "command")
        if actual != kind:
            said = f"this is a {actual} component, and the step is of type {kind}"
            self.lookups.wrong(key, said, f"write type: {actual}")
            return {"type": kind}
        return dict(spec)

    def _nested(self, draft: _Draft) -> Step:
        """A step that is a pipeline."""
        given, body = draft.given, draft.body
        spec = {**_words(draft.name, body, given), "type": "pipeline", "jobs": body.get("jobs") or {}}
        spec |= {"inputs": given.get("inputs") or {}, "outputs": given.get("outputs") or {}}
        around, self.defaults = self.defaults, self.defaults.within(spec)
        made = self.pipeline(draft.name, spec, body, Scope.of(draft.inputs, draft.outputs), f"{draft.key}.component.")
        self.defaults = around
        return replace(made, resolved={**made.resolved, "steps_needed": _needs(draft.inputs)})

    def _command(self, draft: _Draft) -> Step:
        """A step that is a command."""
        spec = self.defaults.put_into(self._spec(draft))
        self._check_bindings(draft)
        code = self.lookups.code(str(spec["code"]), f"{draft.key}.code") if spec["code"] else None
        # A step whose component is not there has no environment either, which is no second thing that is wrong.
        wanted = spec["environment"]
        environment = self.lookups.environment(wanted, f"{draft.key}.environment") if wanted else None
        self.lookups.tried(draft.key, lambda at: check_retries(spec["properties"], f"{at}.properties"))
        resolved = {
            "code": {"manifest": code.manifest.digest, "name": code.name} if code else None,
            "environment": environment,
            "inputs": dict(draft.inputs),
            "outputs": dict(draft.outputs),
            "steps_needed": _needs(draft.inputs),
        }
        is_deterministic = draft.body.get("is_deterministic", True) is not False
        return Step(draft.name, spec, resolved, is_deterministic, taken_by(spec, self.machine))

    def _spec(self, draft: _Draft) -> dict[str, Any]:
        """The spec of the job that a step will be, but for what its pipeline says for all of them."""
        given, body = draft.given, draft.body
        said = {
            each: self.inputs.text(given[each], draft.scope, f"{draft.key}.{each}")
            for each in _BOUND
            if given.get(each) is not None
        }
        variables = (body.get("environment_variables") or {}, said.get("environment_variables") or {})
        return {
            **_words(draft.name, body, given),
            "type": "command",
            "command": body.get("command"),
            "code": body.get("code"),
            "environment": given.get("environment") or body.get("environment"),
            "environment_variables": {**variables[0], **variables[1]},
            "inputs": given.get("inputs") or {},
            "outputs": given.get("outputs") or {},
            "distribution": said.get("distribution") or body.get("distribution"),
            "resources": said.get("resources") or body.get("resources"),
            "limits": said.get("limits"),
            "compute": said.get("compute"),
            **{each: given[each] for each in ("identity", "services", "queue_settings") if given.get(each)},
        }

    def _check_bindings(self, draft: _Draft) -> None:
        """Whatever the command names is there."""
        inputs = {port: None if value is None else "" for port, value in draft.inputs.items()}
        outputs = dict.fromkeys(draft.outputs, "")
        command = str(draft.body.get("command"))
        self.lookups.tried(draft.key, lambda _: bind_command(command, inputs=inputs, outputs=outputs, name=""))


def _marked(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """`steps`, of which those whose own files another one reads say so."""
    read = {source for step in steps for source in _whose_files(step.resolved["inputs"])}
    return tuple(
        replace(step, resolved={**step.resolved, FILES_ARE_READ: True}) if step.name in read else step for step in steps
    )


RETRIES: Final = "pratique.retries"
"""Property of a job or a step: how often its command is tried again. Azure ML has no key for it."""
_MOST_RETRIES: Final = 100


def check_retries(properties: Mapping[str, Any], key: str) -> None:
    """Raise `InvalidInput` unless the property is a number of retries."""
    said = str(properties.get(RETRIES, "0"))
    if not (said.isascii() and said.isdecimal() and int(said) <= _MOST_RETRIES):
        problem = f"expected a whole number from 0 to {_MOST_RETRIES}; got {shown(said)}"
        raise InvalidInput(problem, problems=[Problem(problem, key=f"{key}.{RETRIES}")])


_BOUND: Final = ("environment_variables", "distribution", "resources", "limits", "compute")
"""Keys of a step in which a binding to a value may stand."""


@dataclass(frozen=True)
class _Defaults:
    """What a pipeline says for all of its steps."""

    compute: str | None
    datastore: str
    """Its name; empty when the pipeline names none."""
    identity: Mapping[str, Any] | None
    """With which its steps reach other services, unless they say another."""
    network: str | None
    """What its steps reach, by the tag of the pipeline, unless they say it themselves."""

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "_Defaults":
        settings = spec.get("settings") or {}
        compute = spec.get("compute") or settings.get("default_compute")
        datastore = str(settings.get("default_datastore") or "").removeprefix("azureml:")
        return cls(compute, datastore, spec.get("identity"), (spec.get("tags") or {}).get(NETWORK))

    def put_into(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """`spec` of a step, with what the step itself does not say."""
        full = {**spec, "compute": spec["compute"] or self.compute}
        if self.identity and not spec.get("identity"):
            full["identity"] = self.identity
        if self.network is not None:
            full["tags"] = {NETWORK: self.network, **spec["tags"]}
        return full

    def within(self, spec: Mapping[str, Any]) -> "_Defaults":
        """What holds inside a pipeline that is a step, by its own words."""
        return replace(self, network=(spec.get("tags") or {}).get(NETWORK, self.network))


def taken_by(spec: Mapping[str, Any], machine: Capacity) -> Capacity:
    """What a job takes of `machine`: all of it, when the size that it names is of a larger one."""
    size = size_of(str((spec.get("resources") or {}).get("instance_type") or ""))
    return (Capacity(*size) if size else _ONE).within(machine)


def _needs(values: Mapping[str, Given]) -> list[str]:
    """The steps whose outputs are given."""
    return sorted({str(value["from"][0]) for value in values.values() if value and "from" in value})


def _whose_files(values: Mapping[str, Given]) -> list[str]:
    """The steps whose own files, not a declared output, these inputs read."""
    sources = [value["from"] for value in values.values() if value and "from" in value]
    return [str(step) for step, output in sources if output in IMPLICIT_OUTPUTS]


def _words(name: str, body: Mapping[str, Any], step: Mapping[str, Any]) -> dict[str, Any]:
    """What people read about a step, and its properties."""
    return {
        "display_name": step.get("display_name") or (body.get("display_name") if body is not step else None) or name,
        "description": step.get("description") or body.get("description"),
        "tags": {**(body.get("tags") or {}), **(step.get("tags") or {})},
        "properties": {**(body.get("properties") or {}), **(step.get("properties") or {})},
    }
