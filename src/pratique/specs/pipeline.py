"""Pipelines: jobs that consist of steps, and components that do.

A step runs a command of its own, a component, or a pipeline component, which
has steps again. A component in a file beside the pipeline has been put in its
place before this module sees it (`specs.component_files`), so that a spec is
whole; a reference such as ``azureml:train:1`` stays for the platform.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, model_validator

from pratique.base.errors import InvalidInput
from pratique.specs.bindings import problems_with_command
from pratique.specs.component import (
    Component,
    EnvironmentUse,
    InlineCommandComponent,
    is_without_value,
    mapping_at,
    problems_with_ports,
)
from pratique.specs.environment import InlineEnvironment, problems_with_environment
from pratique.specs.grammar import Part, Spec, planned
from pratique.specs.graph import problems_with_steps
from pratique.specs.job import (
    DATA_TYPES,
    DataInput,
    Distribution,
    JobIdentity,
    JobInput,
    JobOutput,
    JobService,
    Limits,
    QueueSettings,
    Resources,
    with_named_outputs,
)
from pratique.specs.key_types import (
    Choice,
    FilledText,
    Flag,
    QuotedTags,
    Reference,
    Text,
    TextOrMapping,
    Variables,
    asset_reference,
    checked,
    named,
)
from pratique.specs.keys import Found, Key, below
from pratique.specs.network import problems_with_network
from pratique.specs.port_names import problems_with_names
from pratique.specs.problems import not_yet, refused
from pratique.specs.references import Purpose, parse_compute
from pratique.specs.step_ports import StepData, StepInput, StepOutputUse, has_binding
from pratique.specs.types import OTHER_TYPES
from pratique.specs.words import did_you_mean, shown

STEP_TYPES: Final = ("command", "pipeline")
OTHER_STEPS: Final = OTHER_TYPES | {
    "data_transfer": "data transfers are",
    "do_while": "loops are",
    "parallel_for": "loops are",
    "if_else": "conditions are",
}
"""Types of steps that Azure ML knows and this version does not."""

HERE: Final = ("local", "serverless")
"""Computes that are this machine without being another one's name."""


def _compute_or_binding(text: str) -> None:
    if not has_binding(text):
        parse_compute(text)


def _datastore_reference(text: str) -> None:
    prefix, _, name = text.partition(":")
    if prefix != "azureml" or not name:
        raise InvalidInput(f"expected azureml:NAME; got {text}")


ComputeUse: TypeAlias = Annotated[FilledText, checked(_compute_or_binding)]


# --- steps ---------------------------------------------------------------------------------------------------------


class _Step(Part):
    """What every step has."""

    inputs: dict[str, StepInput] = Field(default_factory=dict, description="What it is given.")
    outputs: dict[str, StepOutputUse] = Field(default_factory=dict, description="How what it makes is kept.")
    comment: Text | None = Field(default=None, description="A note about it.")
    properties: QuotedTags = Field(default_factory=dict, description="Properties; they stay as they are.")

    @model_validator(mode="before")
    @classmethod
    def _named_outputs(cls, value: Any) -> Any:
        return with_named_outputs(value)

    @model_validator(mode="before")
    @classmethod
    def _paths_of_data(cls, value: Any) -> Any:
        """A text for a port that takes data is a path (`rows: ./data`, `rows: azureml:rows:1`)."""
        if not isinstance(value, Mapping):
            return value
        ports, given = mapping_at(value.get("component"), "inputs"), mapping_at(value, "inputs")
        paths = {name: _path_for(ports.get(name), inner) for name, inner in given.items()}
        filled = {name: path for name, path in paths.items() if path is not None}
        return {**value, "inputs": {**given, **filled}} if filled else value

    def references(self) -> Iterator[tuple[Key, str, Purpose]]:
        """Every field that may name a local file."""
        for name, given in self.inputs.items():
            if isinstance(given, StepData) and not has_binding(given.path):
                yield ("inputs", name, "path"), given.path, "place" if given.mode == "direct" else "data"
        yield from _environment_references(getattr(self, "environment", None))


def _path_for(port: Any, given: Any) -> Mapping[str, str] | None:
    """What a text says of the data for `port`; None when it is no text, a binding, or the port takes a value."""
    kind = port.get("type") if isinstance(port, Mapping) else None
    if kind not in DATA_TYPES or not isinstance(given, str) or has_binding(given):
        return None
    return {"type": kind, "path": given}


class _CommandKeys(_Step):
    """What every step has that runs a command."""

    type: Annotated[Literal["command"], Choice] = Field(default="command", description="Kind of the step.")
    compute: ComputeUse | None = Field(default=None, description="Where it runs.")
    distribution: Distribution | None = planned("Several processes for one step.")
    environment_variables: Variables = Field(default_factory=dict, description="Environment variables of the command.")
    identity: JobIdentity | None = Field(default=None, description="The identity with which it reaches other services.")
    limits: Limits | None = Field(default=None, description="When it is stopped.")
    queue_settings: QueueSettings | None = planned("How it waits for serverless compute.")
    resources: Resources | None = Field(default=None, description="What it asks of a compute.")
    services: dict[str, JobService] | None = planned("Interactive services beside it.")


class CommandStep(_CommandKeys):
    """A step with a command of its own."""

    written_by_platform = frozenset({"$schema", "id", "creation_context", "status", "log_files", "parameters"})

    command: FilledText = Field(description="What bash runs in a copy of `code`, after bindings are replaced.")
    code: Reference | None = Field(default=None, description="Folder with the code.")
    environment: EnvironmentUse = Field(description="An environment asset, or one inline.")
    name: Annotated[str, named("job")] | None = Field(default=None, description="Name of the step's job.")
    display_name: Text | None = Field(default=None, description="Name for people.")
    description: Text | None = Field(default=None, description="What it does, for people.")
    experiment_name: Text | None = Field(default=None, description="Experiment of the run.")
    parent_job_name: Text | None = Field(default=None, description="The job of which it is a part.")
    tags: QuotedTags = Field(default_factory=dict, description="Tags.")

    def references(self) -> Iterator[tuple[Key, str, Purpose]]:
        if self.code is not None:
            yield ("code",), self.code, "code"
        yield from super().references()


CommandComponentUse: TypeAlias = Annotated[
    Annotated[FilledText, asset_reference("components"), Tag("<text>")]
    | Annotated[InlineCommandComponent, Tag("<mapping>")],
    TextOrMapping,
]


class ComponentStep(_CommandKeys):
    """A step that runs a command component."""

    written_by_platform = frozenset({"$schema"})

    component: CommandComponentUse = Field(
        description="A component asset (azureml:NAME:VERSION), the path of its file, or the component itself."
    )
    environment: EnvironmentUse | None = Field(default=None, description="An environment instead of the component's.")

    def references(self) -> Iterator[tuple[Key, str, Purpose]]:
        yield from super().references()
        if isinstance(self.component, Spec):
            for key, text, purpose in self.component.references():
                yield ("component", *key), text, purpose


class PipelineStep(_Step):
    """A step that runs a pipeline component."""

    written_by_platform = frozenset({"$schema"})

    type: Annotated[Literal["pipeline"], Choice] = Field(description="Kind of the step.")
    component: "PipelineComponentUse" = Field(
        description="A component asset (azureml:NAME:VERSION), the path of its file, or the component itself."
    )

    def references(self) -> Iterator[tuple[Key, str, Purpose]]:
        yield from super().references()
        if isinstance(self.component, Spec):
            for key, text, purpose in self.component.references():
                yield ("component", *key), text, purpose


def _step_kind(value: Any) -> str:
    if isinstance(value, BaseModel):
        return {CommandStep: "<command>", ComponentStep: "<component>"}.get(type(value), "<pipeline>")
    given = value if isinstance(value, Mapping) else {}
    component = given.get("component")
    inner = component.get("type") if isinstance(component, Mapping) and "type" not in given else None
    if str(given.get("type", inner)).lower() == "pipeline":
        return "<pipeline>"
    return "<component>" if "component" in given else "<command>"


def _known_step(value: Any) -> Any:
    """Steps of other types have other keys, so their type is the only problem that is told."""
    if not isinstance(value, Mapping) or value.get("type") is None:
        return value
    named_type = str(value["type"]).lower()
    if named_type in OTHER_STEPS and named_type not in STEP_TYPES:
        raise not_yet(f"{named_type}: {OTHER_STEPS[named_type]} not run in this version")
    if named_type not in STEP_TYPES:
        known = [*STEP_TYPES, *(name for name in OTHER_STEPS if name not in STEP_TYPES)]
        said = f"expected type to be one of {', '.join(known)}; got {shown(value['type'])}"
        raise refused(said, hint=did_you_mean(value["type"], known))
    return value


Step: TypeAlias = Annotated[
    Annotated[
        Annotated[CommandStep, Tag("<command>")]
        | Annotated[ComponentStep, Tag("<component>")]
        | Annotated[PipelineStep, Tag("<pipeline>")],
        Discriminator(_step_kind),
    ],
    BeforeValidator(_known_step),
]


# --- pipelines -----------------------------------------------------------------------------------------------------


class InlinePipelineComponent(Component):
    """A pipeline component described where it is used; its name is optional there."""

    may_be_empty = frozenset({"properties"})

    type: Annotated[Literal["pipeline"], Choice] = Field(description="Kind of the component.")
    jobs: dict[str, Step] = Field(description="The steps by name.")

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        return _step_references(self.jobs)

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        yield from problems_with_ports(value)
        yield from problems_with_network(value)
        yield from _problems_with_jobs(value)


class PipelineComponent(InlinePipelineComponent):
    """A pipeline under a name and a version, which pipelines use as a step."""

    name: Annotated[str, named("component")] = Field(description="Name of the component.")


def _without_compute(jobs: Mapping[str, _Step]) -> Iterator[Key]:
    """The steps that name no compute, those of nested pipelines among them."""
    for name, step in jobs.items():
        if not isinstance(step, PipelineStep):
            if getattr(step, "compute", None) is None:
                yield (name,)
        elif isinstance(step.component, InlinePipelineComponent):
            yield from ((name, "component", "jobs", *key) for key in _without_compute(step.component.jobs))


PipelineComponentUse: TypeAlias = Annotated[
    Annotated[FilledText, asset_reference("components"), Tag("<text>")]
    | Annotated[InlinePipelineComponent, Tag("<mapping>")],
    TextOrMapping,
]


class Settings(Part):
    """How the steps of a pipeline run."""

    default_compute: Annotated[FilledText, checked(_compute_or_binding)] | None = Field(
        default=None, description="Where steps run that say nothing else."
    )
    default_datastore: Annotated[FilledText, checked(_datastore_reference)] | None = Field(
        default=None, description="Where outputs are kept that say nothing else."
    )
    continue_on_step_failure: Flag | None = Field(
        default=None, description="Whether steps that do not need a failed one still run."
    )
    force_rerun: Flag | None = Field(default=None, description="Whether steps run again that ran before.")


class PipelineJob(Spec):
    """A job of several steps."""

    written_by_platform = Spec.written_by_platform | {"status", "log_files", "parameters", "error", "run_id"}

    type: Annotated[Literal["pipeline"], Choice] = Field(description="Kind of the job.")
    name: Annotated[str, named("job")] | None = Field(
        default=None, description="Name of the job, unique in its workspace; without one, the platform makes one up."
    )
    display_name: Text | None = Field(default=None, description="Name for people.")
    experiment_name: FilledText | None = Field(
        default=None, description="Experiment of the run; without one, the name of the folder of the YAML file."
    )
    description: Text | None = Field(default=None, description="What it does, for people.")
    tags: QuotedTags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: QuotedTags = Field(default_factory=dict, description="Properties; they stay as they are.")
    compute: ComputeUse | None = Field(default=None, description="Where its steps run.")
    settings: Settings | None = Field(default=None, description="How its steps run.")
    inputs: dict[str, JobInput] = Field(default_factory=dict, description="Values, files and folders for the steps.")
    outputs: dict[str, JobOutput] = Field(default_factory=dict, description="What the pipeline makes.")
    jobs: dict[str, Step] = Field(default_factory=dict, description="The steps by name.")
    component: PipelineComponentUse | None = Field(default=None, description="A pipeline component instead of steps.")
    services: dict[str, JobService] | None = planned("Interactive services beside the job.")
    identity: JobIdentity | None = Field(default=None, description="The identity with which it reaches other services.")

    @model_validator(mode="before")
    @classmethod
    def _named_outputs(cls, value: Any) -> Any:
        return with_named_outputs(value)

    def wanted_on_azure(self) -> Iterable[Found]:
        if self.compute is not None or (self.settings is not None and self.settings.default_compute is not None):
            return
        for key in _without_compute(self.jobs):
            said = "Azure ML requires a compute of every step"
            yield Found(("jobs", *key), said, "add settings.default_compute")

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        for name, given in self.inputs.items():
            if isinstance(given, DataInput):
                yield ("inputs", name, "path"), given.path, given.purpose
        yield from _step_references(self.jobs)
        if isinstance(self.component, Spec):
            for key, text, purpose in self.component.references():
                yield ("component", *key), text, purpose

    def planned_keys(self) -> Iterator[str]:
        if any(parse_compute(named).name not in HERE for named in self._computes()):
            yield "compute"
        yield from super().planned_keys()

    def _computes(self) -> Iterator[str]:
        """Every compute that is named, by the pipeline or a step of its own."""
        default = self.settings.default_compute if self.settings else None
        for named_compute in (self.compute, default, *(getattr(step, "compute", None) for step in self.jobs.values())):
            if named_compute is not None and not has_binding(named_compute):
                yield named_compute

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        for kind in ("inputs", "outputs"):
            yield from problems_with_names(kind, mapping_at(value, kind))
        if value.get("component") is not None and value.get("jobs"):
            yield Found(("component",), "a pipeline job has jobs or a component, not both", "remove one of them")
        elif value.get("component") is None and not value.get("jobs"):
            yield Found((), "a pipeline needs at least one step", "add jobs:")
        yield from problems_with_network(value)
        yield from _problems_with_jobs(value)
        component = value.get("component")
        if isinstance(component, Mapping):
            yield from below(("component",), InlinePipelineComponent.cross_problems(component))


def _step_references(jobs: Mapping[str, Any]) -> Iterator[tuple[Key, str, Purpose]]:
    for name, step in jobs.items():
        for key, text, purpose in step.references():
            yield ("jobs", name, *key), text, purpose


def _environment_references(environment: Any) -> Iterator[tuple[Key, str, Purpose]]:
    if isinstance(environment, InlineEnvironment):
        for key, text, purpose in environment.references():
            yield ("environment", *key), text, purpose


# --- between keys --------------------------------------------------------------------------------------------------


def _problems_with_jobs(value: Mapping[str, Any]) -> Iterable[Found]:
    """What is wrong inside each step, and between the steps."""
    for name, step in mapping_at(value, "jobs").items():
        if isinstance(step, Mapping):
            yield from below(("jobs", name), _problems_with_step(step))
    yield from problems_with_steps(value)


def _problems_with_step(step: Mapping[str, Any]) -> Iterable[Found]:
    if str(step.get("type", "command")).lower() not in STEP_TYPES:
        return
    component, command, environment = step.get("component"), step.get("command"), step.get("environment")
    yield from problems_with_network(step)
    if isinstance(component, Mapping):
        inner = InlinePipelineComponent if _step_kind(step) == "<pipeline>" else InlineCommandComponent
        yield from below(("component",), inner.cross_problems(component))
    elif component is None and isinstance(command, str):
        inputs = {name: None if is_without_value(given) else "" for name, given in mapping_at(step, "inputs").items()}
        for problem in problems_with_command(command, inputs, mapping_at(step, "outputs")):
            yield Found(("command",), problem.message, problem.hint)
    if isinstance(environment, Mapping):
        yield from below(("environment",), problems_with_environment(environment))


InlinePipelineComponent.model_rebuild()
