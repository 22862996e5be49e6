"""From a pipeline as it was written to the jobs that it consists of: every reference decided, every binding led home.

A step becomes the spec of a job, its component put into it. What a step is
given is decided here as far as it can be; what another step will make stays a
binding, which `control.pipelines` resolves when it is there:

    {"from": [STEP, OUTPUT], "type", "mode"}    an output of another step of the same pipeline
    {"of": INPUT, "type", "mode"}               an input of the pipeline around it that is not known yet
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotYet, Problem
from pratique.base.machine import GIB, Capacity
from pratique.control import content, datastores, environments, inputs
from pratique.control.assets import referenced
from pratique.control.inputs import Given
from pratique.control.lookups import Lookups
from pratique.specs.bindings import bind_command, bindings_of
from pratique.specs.graph import IMPLICIT_OUTPUTS, order_of
from pratique.specs.job import DATA_TYPES, LITERAL_TYPES
from pratique.specs.literals import literal_of
from pratique.specs.network import KEY as NETWORK
from pratique.specs.references import DatastorePath, parse_reference
from pratique.specs.sizes import size_of
from pratique.specs.words import shown
from pratique.store.database import Transaction

MAX_STEPS: Final = 2000
"""Steps of a pipeline with all its nested ones; what names a component ten times in ten levels is a mistake."""
FILES_ARE_READ: Final = "files_are_read"
"""What is true of a step, among what it is resolved to, whose run's files another step reads."""
_ONE: Final = Capacity(1.0, GIB)
"""What a job takes that asks for nothing."""
_OUTPUT_MODES: Final = ("rw_mount", "mount", "upload")


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
    planning = _Planning(tx, workspace, now, machine, _Defaults.of(spec))
    given = {
        name: planning.worth(name, f"inputs.{name}", partial(planning.input, value))
        for name, value in (spec.get("inputs") or {}).items()
    }
    body = spec
    if spec.get("component") is not None:
        body = planning.component(spec["component"], "pipeline", "component")
        given = planning.ports(body, given, "inputs")
    outputs = {
        **{name: dict(port) for name, port in (body.get("outputs") or {}).items()},
        **{name: dict(value or {}) for name, value in (spec.get("outputs") or {}).items()},
    }
    made = planning.pipeline("", spec, body, given, outputs, "")
    planning.check("pipeline")
    return made


@dataclass
class _Planning(Lookups):
    """A pipeline on its way to a plan; what is wrong with it is collected."""

    tx: Transaction
    workspace: str
    now: datetime
    machine: Capacity
    defaults: "_Defaults"
    count: int = 0

    # --- pipelines

    def pipeline(
        self,
        name: str,
        spec: Mapping[str, Any],
        body: Mapping[str, Any],
        given: Mapping[str, Given],
        outputs: Mapping[str, dict[str, Any]],
        prefix: str,
    ) -> Step:
        """A pipeline: `body` has its steps, `given` is what it gets, `outputs` what it is to make."""
        jobs = body.get("jobs") or {}
        self.count += len(jobs)
        if self.count > MAX_STEPS:
            raise InvalidInput(f"a pipeline of more than {MAX_STEPS} steps, nested ones included, is not run")
        scope = _Scope(given, {port: dict(value) for port, value in outputs.items()})
        steps = tuple(self.step(each, jobs[each], scope, f"{prefix}jobs.{each}") for each in order_of(jobs))
        for port, output in scope.outputs.items():
            self.check_output(output, f"{prefix}outputs.{port}")
            if "from" not in output:
                hint = f"bind it in the outputs of a step: ${{{{parent.outputs.{port}}}}}"
                self.wrong(f"{prefix}outputs.{port}", "no step of the pipeline makes this output", hint)
        read = {source for step in steps for source in _whose_files(step.resolved["inputs"])}
        steps = tuple(
            replace(step, resolved={**step.resolved, FILES_ARE_READ: True}) if step.name in read else step
            for step in steps
        )
        resolved = {
            "inputs": dict(given),
            "outputs": scope.outputs,
            "order": [step.name for step in steps],
            "needs": {step.name: step.resolved["steps_needed"] for step in steps},
            "settings": dict(spec.get("settings") or {}),
        }
        return Step(name, spec, resolved, True, Capacity(0.0, 0), steps)

    def step(self, name: str, given: Mapping[str, Any], scope: "_Scope", key: str) -> Step:
        """One step, its component put into it."""
        body: Mapping[str, Any] = given
        kind = str(given.get("type") or "command")
        component = given.get("component")
        if component is not None:
            body = self.component(component, kind, f"{key}.component")
            values = self.ports(body, self.bound_all(given, scope, key), f"{key}.inputs")
        else:
            values = {port: _unmarked(value) for port, value in self.bound_all(given, scope, key).items()}
        outputs = self.outputs(name, given, body if component is not None else None, scope, key)
        if kind == "pipeline":
            spec = {**_words(name, body, given), "type": "pipeline", "jobs": body.get("jobs") or {}}
            spec |= {"inputs": given.get("inputs") or {}, "outputs": given.get("outputs") or {}}
            around, self.defaults = self.defaults, self.defaults.within(spec)
            made = self.pipeline(name, spec, body, values, outputs, f"{key}.component.")
            self.defaults = around
            return Step(name, spec, {**made.resolved, "steps_needed": _needs(values)}, True, made.takes, made.steps)
        return self.command(name, given, body, values, outputs, scope, key)

    def command(
        self,
        name: str,
        given: Mapping[str, Any],
        body: Mapping[str, Any],
        values: Mapping[str, Given],
        outputs: Mapping[str, dict[str, Any]],
        scope: "_Scope",
        key: str,
    ) -> Step:
        said = {each: self.text(given[each], scope, f"{key}.{each}") for each in _BOUND if given.get(each) is not None}
        spec = {
            **_words(name, body, given),
            "type": "command",
            "command": body.get("command"),
            "code": body.get("code"),
            "environment": given.get("environment") or body.get("environment"),
            "environment_variables": {
                **(body.get("environment_variables") or {}),
                **(said.get("environment_variables") or {}),
            },
            "inputs": given.get("inputs") or {},
            "outputs": given.get("outputs") or {},
            "distribution": said.get("distribution") or body.get("distribution"),
            "resources": said.get("resources") or body.get("resources"),
            "limits": said.get("limits"),
            "compute": said.get("compute") or self.defaults.compute,
        }
        for each in ("identity", "services", "queue_settings"):
            if given.get(each):
                spec[each] = given[each]
        if self.defaults.identity and not spec.get("identity"):
            spec["identity"] = self.defaults.identity
        if self.defaults.network is not None:
            spec["tags"] = {NETWORK: self.defaults.network, **spec["tags"]}
        self.tried(
            key,
            lambda _: bind_command(
                str(spec["command"]),
                inputs={port: None if value is None else "" for port, value in values.items()},
                outputs=dict.fromkeys(outputs, ""),
                name="",
            ),
        )
        code = self.tried(
            f"{key}.code",
            lambda at: (
                content.resolve(self.tx, self.workspace, str(spec["code"]), now=self.now, key=at)
                if spec["code"]
                else None
            ),
        )
        # A step whose component is not there has no environment either, which is no second thing that is wrong.
        environment = self.tried(
            f"{key}.environment",
            lambda _: (
                environments.resolve(self.tx, self.workspace, spec["environment"]) if spec["environment"] else None
            ),
        )
        self.tried(key, lambda at: check_retries(spec["properties"], f"{at}.properties"))
        takes = taken_by(spec, self.machine)
        resolved = {
            "code": {"manifest": code.manifest.digest, "name": code.name} if code else None,
            "environment": environment,
            "inputs": dict(values),
            "outputs": dict(outputs),
            "steps_needed": _needs(values),
        }
        return Step(name, spec, resolved, body.get("is_deterministic", True) is not False, takes)

    # --- components and their ports

    def component(self, given: Any, kind: str, key: str) -> Mapping[str, Any]:
        """The values of a component: inline, or those of the asset that is named."""
        spec = given
        if not isinstance(given, Mapping):
            found = self.tried(key, lambda at: referenced(self.tx, self.workspace, ("components",), str(given), key=at))
            spec = found.spec if found else {"type": kind}
        actual = str(spec.get("type") or "command")
        if actual != kind:
            self.wrong(key, f"this is a {actual} component, and the step is of type {kind}", f"write type: {actual}")
            return {"type": kind}
        return dict(spec)

    def ports(self, component: Mapping[str, Any], given: Mapping[str, Given], key: str) -> dict[str, Given]:
        """What each input of `component` is worth: what is given, else its default, checked against its type."""
        ports = component.get("inputs") or {}
        for name in given:
            if name not in ports:
                self.wrong(f"{key}.{name}", "the component has no such input", f"inputs: {', '.join(ports) or 'none'}")
        found: dict[str, Given] = {}
        for name, port in ports.items():
            value = given.get(name)
            if value is None and port.get("default") is not None:
                value = {"literal": port["default"]}
            if value is None and port.get("optional") is not True:
                self.wrong(key, f"the component needs the input {name}")
            found[name] = self.fitted(value, port, f"{key}.{name}")
        return found

    def fitted(self, value: Given, port: Mapping[str, Any], key: str) -> Given:
        """`value` as the port has it: of its type, and seen in its mode unless the step says otherwise."""
        kind = str(port.get("type"))
        if value is None:
            return None
        if kind in LITERAL_TYPES:
            if "literal" not in value:
                self.wrong(key, f"expected a value of type {kind}; got {value.get('type', 'files')}")
                return None
            return {"literal": self.literal(value["literal"], port, kind, key)}
        if "literal" in value:
            if isinstance(value["literal"], str):
                path, mode = value["literal"], str(port.get("mode") or "ro_mount")
                return self.tried(
                    key,
                    partial(self.input, {"path": path, "type": kind, "mode": mode}),
                )
            self.wrong(key, f"expected files of type {kind}; got the value {value['literal']}")
            return None
        fitted = _unmarked(value) or {}
        if kind in DATA_TYPES:
            fitted["type"] = kind
        if port.get("mode") and not value.get("is_said"):
            fitted["mode"] = self.tried(key, lambda at: inputs.checked_mode(str(port["mode"]), at)) or "ro_mount"
        return fitted

    def literal(self, value: Any, port: Mapping[str, Any], kind: str, key: str) -> Any:
        """A literal of the port's type; texts that pipelines carry for numbers are read."""
        try:
            read = literal_of(kind, value)
        except ValueError:
            self.wrong(key, f"expected a value of type {kind}; got {shown(value)}")
            return value
        if isinstance(read, int | float) and not isinstance(read, bool):
            low, high = port.get("min"), port.get("max")
            if (low is not None and read < float(low)) or (high is not None and read > float(high)):
                self.wrong(key, f"{read} is not between {low} and {high}")
        if port.get("enum") and read not in port["enum"]:
            self.wrong(key, f"{read!r} is not one of {', '.join(str(each) for each in port['enum'])}")
        return read

    # --- bindings

    def worth(self, name: str, key: str, question: Callable[[str], Given]) -> Given:
        """What the input `name` is worth; one that is wrong counts as given, so that nothing else is told of it."""
        known = len(self.failures)
        found = self.tried(key, question)
        return found if len(self.failures) == known else {"of": name}

    def input(self, value: Any, key: str) -> Given:
        """What a value without bindings gives."""
        return inputs.resolved(self.tx, self.workspace, key, value, now=self.now)

    def bound_all(self, step: Mapping[str, Any], scope: "_Scope", key: str) -> dict[str, Given]:
        """What the inputs of a step are worth."""
        return {
            name: self.worth(name, f"{key}.inputs.{name}", partial(self.bound, value, scope))
            for name, value in (step.get("inputs") or {}).items()
        }

    def bound(self, given: Any, scope: "_Scope", key: str) -> Given:
        """What one input of a step is worth."""
        said = given if isinstance(given, Mapping) else {"value": given}
        text = said.get("path", said.get("value"))
        if not isinstance(text, str) or not (bindings := [*bindings_of(text)]):
            return self.input(given, key)
        if text.replace(" ", "") != f"${{{{{bindings[0].text}}}}}":
            return {"literal": self.text(text, scope, key)}
        value = scope.value(bindings[0].parts)
        if value is None or "literal" in value:
            return value
        mode = said.get("mode")
        changed = {**value, **({"type": said["type"]} if said.get("type") else {})}
        if mode:
            changed |= {"mode": inputs.checked_mode(str(mode), key), "is_said": True}
        return changed

    def text(self, value: Any, scope: "_Scope", key: str) -> Any:
        """`value` with every binding in its texts replaced by the literal that it leads to."""
        if isinstance(value, Mapping):
            return {name: self.text(inner, scope, f"{key}.{name}") for name, inner in value.items()}
        if isinstance(value, list):
            return [self.text(inner, scope, key) for inner in value]
        if not isinstance(value, str) or "${{" not in value:
            return value
        for binding in bindings_of(value):
            found = scope.value(binding.parts)
            if found is None or "literal" not in found:
                self.wrong(key, f"${{{{{binding.text}}}}} is no value that can stand in a text")
                return value
            whole = f"${{{{{binding.text}}}}}"
            value = found["literal"] if value.strip() == whole else value.replace(whole, str(found["literal"]))
            if not isinstance(value, str):
                return value
        return value

    # --- outputs

    def outputs(
        self,
        name: str,
        step: Mapping[str, Any],
        component: Mapping[str, Any] | None,
        scope: "_Scope",
        key: str,
    ) -> dict[str, dict[str, Any]]:
        """How each output of a step is kept; one that is the pipeline's says so there."""
        given = step.get("outputs") or {}
        ports = given if component is None else (component.get("outputs") or {})
        found: dict[str, dict[str, Any]] = {}
        for port in [*ports, *(each for each in given if each not in ports)]:
            at = f"{key}.outputs.{port}"
            if port in IMPLICIT_OUTPUTS:
                self.wrong(at, f"{port} is the output that every step has and cannot be declared")
                continue
            declared = dict(ports.get(port) or {}) if component is not None else {}
            said = given.get(port)
            text = said if isinstance(said, str) else (said or {}).get("path")
            output = {**declared, **(said if isinstance(said, Mapping) else {})}
            output = {each: value for each, value in output.items() if value is not None}
            output.pop("description", None)
            bindings = [*bindings_of(text)] if isinstance(text, str) else []
            if bindings and bindings[0].parts[:2] == ("parent", "outputs"):
                output.pop("path", None)
                of_pipeline = scope.outputs.get(bindings[0].parts[2])
                if of_pipeline is not None:
                    of_pipeline["from"] = [name, port]
                    output.setdefault("type", of_pipeline.get("type") or "uri_folder")
                    of_pipeline["type"] = output["type"]
            elif self.defaults.datastore:
                output.setdefault("path", _PLACE)
            if output.get("path"):
                output["path"] = self.place(str(output["path"]), name, port, at)
            output.setdefault("type", "uri_folder")
            self.check_output(output, at)
            found[port] = output
        return found

    def place(self, path: str, step: str, port: str, key: str) -> str:
        """Where in a datastore an output is kept; a place that cannot be written is told before anything runs."""
        whole = path.replace("${{default_datastore}}", self.defaults.datastore or datastores.DEFAULT)
        sample = whole.replace("${{name}}", step).replace("${{output_name}}", port)

        def check(at: str) -> None:
            reference = parse_reference(sample)
            if isinstance(reference, DatastorePath):
                datastores.check_writable(self.tx, self.workspace, reference, key=f"{at}.path")

        self.tried(key, check)
        return whole

    def check_output(self, output: Mapping[str, Any], key: str) -> None:
        """What cannot be written here is refused in words."""
        kind, mode = str(output.get("type") or "uri_folder"), str(output.get("mode") or "rw_mount")
        if kind not in DATA_TYPES and kind != "path":
            self.tried(key, lambda at: _refuse(f"an output of type {kind} is not run in this version", at, ""))
        if mode not in _OUTPUT_MODES:
            hint = f"use {' or '.join(_OUTPUT_MODES)}"
            self.tried(key, lambda at: _refuse(f"mode {mode!r} of an output is not run in this version", at, hint))


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


_PLACE: Final = "azureml://datastores/${{default_datastore}}/paths/azureml/${{name}}/${{output_name}}"
"""Where Azure keeps an output that says nothing else."""


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

    def within(self, spec: Mapping[str, Any]) -> "_Defaults":
        """What holds inside a pipeline that is a step, by its own words."""
        return replace(self, network=(spec.get("tags") or {}).get(NETWORK, self.network))


@dataclass(frozen=True)
class _Scope:
    """What a step of one pipeline can bind to."""

    inputs: Mapping[str, Given]
    outputs: dict[str, dict[str, Any]]

    def value(self, parts: tuple[str, ...]) -> Given:
        """What ``${{parent.…}}`` leads to; None for an optional input that was left out."""
        match parts:
            case ("parent", "inputs", name, *_) if name in self.inputs:
                given = self.inputs[name]
                if given is not None and ("from" in given or "of" in given):
                    return {"of": name, "type": given.get("type"), "mode": given.get("mode")}
                return given
            case ("parent", "jobs", step, "outputs", output):
                return {"from": [step, output], "mode": "ro_mount"}
        shown = ".".join(parts)
        raise InvalidInput(f"${{{{{shown}}}}} leads nowhere in this pipeline")


def taken_by(spec: Mapping[str, Any], machine: Capacity) -> Capacity:
    """What a job takes of `machine`: all of it, when the size that it names is of a larger one."""
    size = size_of(str((spec.get("resources") or {}).get("instance_type") or ""))
    return (Capacity(*size) if size else _ONE).within(machine)


def _unmarked(value: Given) -> Given:
    """`value` without the mark that the step itself said its mode."""
    return value and {name: inner for name, inner in value.items() if name != "is_said"}


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


def _refuse(said: str, key: str, hint: str) -> None:
    raise NotYet(said, hint=hint, problems=[Problem(said, key=key, hint=hint)])
