"""Command components: a command with typed ports, which pipelines use as a step.

A port is either a parameter, which has a value, or names data, which has a
path. Both are declared here and get what they are worth from the step.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, model_validator

from pratique.base.errors import InvalidInput
from pratique.specs.bindings import problems_with_command
from pratique.specs.environment import InlineEnvironment, problems_with_environment
from pratique.specs.grammar import Part, Spec, planned
from pratique.specs.job import DATA_TYPES, LITERAL_TYPES, Distribution, Literally, QueueSettings, Resources
from pratique.specs.key_types import (
    AutoDelete,
    Choice,
    FilledText,
    Flag,
    QuotedTags,
    Reference,
    Tags,
    Text,
    TextOrMapping,
    Variables,
    Version,
    asset_reference,
    checked,
    named,
)
from pratique.specs.keys import Found, Key, below
from pratique.specs.literals import fits, is_literal, literal_of
from pratique.specs.network import problems_with_network
from pratique.specs.port_names import problems_with_names
from pratique.specs.problems import refused
from pratique.specs.references import LocalPath, Purpose, parse_reference
from pratique.specs.words import did_you_mean, shown

DataType: TypeAlias = Literal[
    "uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model", "path"
]
ParameterType: TypeAlias = Literal["string", "number", "integer", "boolean"]
Mode: TypeAlias = Literal[
    "ro_mount", "rw_mount", "mount", "download", "upload", "direct", "eval_mount", "eval_download", "link"
]


def _port_type(value: Any) -> Any:
    known = (*DATA_TYPES, *LITERAL_TYPES)
    if value not in (*known, "path"):
        raise refused(f"expected one of {', '.join(known)}; got {shown(value)}", hint=did_you_mean(value, known))
    return value


class Parameter(Part):
    """An input with a value."""

    type: Annotated[ParameterType, BeforeValidator(_port_type)] = Field(description="What the value is.")
    default: Literally | None = Field(default=None, description="The value when a step gives none.")
    min: Literally | None = Field(default=None, description="Smallest value.")
    max: Literally | None = Field(default=None, description="Largest value.")
    enum: list[Literally] | None = Field(default=None, description="The values that there are.")
    optional: Flag | None = Field(default=None, description="Whether a step may leave it out.")
    description: Text | None = Field(default=None, description="What it is, for people.")

    @model_validator(mode="before")
    @classmethod
    def _of_its_type(cls, value: Any) -> Any:
        """`default: "0.5"` of a number is 0.5; what does not fit is told by `problems_with_ports`."""
        if not isinstance(value, Mapping) or value.get("type") not in LITERAL_TYPES:
            return value
        kind = value["type"]
        said = {key: value[key] for key in ("default", "min", "max") if is_literal(value.get(key))}
        return {**value, **{key: literal_of(kind, inner) for key, inner in said.items() if fits(kind, inner)}}


class Port(Part):
    """An input that is a file or a folder."""

    type: Annotated[DataType, BeforeValidator(_port_type)] = Field(description="What is expected.")
    mode: Annotated[Mode, Choice] | None = Field(default=None, description="How the command sees it.")
    optional: Flag | None = Field(default=None, description="Whether a step may leave it out.")
    description: Text | None = Field(default=None, description="What it is, for people.")


class OutputPort(Part):
    """What the command writes."""

    type: Annotated[DataType | ParameterType, BeforeValidator(_port_type)] = Field(description="What is written.")
    mode: Annotated[Mode, Choice] | None = Field(default=None, description="How it is brought to the store.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    is_control: Flag | None = planned("Whether the steps after it are chosen by it.")
    early_available: Flag | None = planned("Whether others may read it while the command runs.")


def _port_kind(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "<parameter>" if isinstance(value, Parameter) else "<port>"
    given = value.get("type") if isinstance(value, Mapping) else None
    return "<parameter>" if str(given).lower() in LITERAL_TYPES else "<port>"


InputPort: TypeAlias = Annotated[
    Annotated[Parameter, Tag("<parameter>")] | Annotated[Port, Tag("<port>")], Discriminator(_port_kind)
]
EnvironmentUse: TypeAlias = Annotated[
    Annotated[FilledText, asset_reference("environments"), Tag("<text>")]
    | Annotated[InlineEnvironment, Tag("<mapping>")],
    TextOrMapping,
]


class Component(Spec):
    """What components of every type have."""

    written_by_platform = Spec.written_by_platform | {"latest_version"}
    is_component = True

    name: Annotated[str, named("component")] | None = Field(default=None, description="Name of the component.")
    version: Version | None = Field(default=None, description="Version; without one, the platform counts.")
    display_name: Text | None = Field(default=None, description="Name for people.")
    description: Text | None = Field(default=None, description="What it does, for people.")
    tags: QuotedTags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: Tags = Field(default_factory=dict, description="Properties; they stay as they are.")
    is_deterministic: Flag = Field(
        default=True, description="Whether the same inputs give the same outputs, so that they can be used again."
    )
    inputs: dict[str, InputPort] = Field(default_factory=dict, description="What it needs.")
    outputs: dict[str, OutputPort] = Field(default_factory=dict, description="What it makes.")
    auto_delete_setting: AutoDelete | None = planned("When it may be deleted by itself.")

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        return problems_with_ports(value)


def _beside(text: str) -> None:
    """Raise `InvalidInput` for what is no path on the disk."""
    if not isinstance(parse_reference(text), LocalPath):
        raise InvalidInput(f"expected a file or folder of this disk; got {text}")


class InlineCommandComponent(Component):
    """A command component described where it is used; its name is optional there."""

    type: Annotated[Literal["command"], Choice] = Field(default="command", description="Kind of the component.")
    command: FilledText = Field(
        description="What bash runs in a copy of `code`, after bindings such as ${{inputs.NAME}} are replaced."
    )
    code: Reference | None = Field(default=None, description="Folder with the code.")
    environment: EnvironmentUse = Field(description="An environment asset, or one inline.")
    environment_variables: Variables | None = Field(default=None, description="Environment variables of the command.")
    distribution: Distribution | None = planned("Several processes for one step.")
    resources: Resources | None = Field(default=None, description="What it asks of a compute.")
    queue_settings: QueueSettings | None = planned("How it waits for serverless compute.")
    additional_includes: list[Annotated[FilledText, checked(_beside)]] | None = Field(
        default=None, description="More files and folders, laid beside the code before it is uploaded."
    )

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        if self.code is not None:
            yield ("code",), self.code, "code"
        for index, include in enumerate(self.additional_includes or ()):
            yield ("additional_includes", index), include, "include"
        if isinstance(self.environment, InlineEnvironment):
            for key, text, purpose in self.environment.references():
                yield ("environment", *key), text, purpose

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        yield from problems_with_ports(value)
        yield from problems_with_network(value)
        command, environment = value.get("command"), value.get("environment")
        if isinstance(command, str):
            inputs, outputs = mapping_at(value, "inputs"), mapping_at(value, "outputs")
            worth = {name: None if is_without_value(port) else "" for name, port in inputs.items()}
            for problem in problems_with_command(command, worth, outputs):
                yield Found(("command",), problem.message, problem.hint)
        if isinstance(environment, Mapping):
            yield from below(("environment",), problems_with_environment(environment))


class CommandComponent(InlineCommandComponent):
    """A command component under a name and a version."""

    may_be_empty = frozenset({"type"})

    name: Annotated[str, named("component")] = Field(description="Name of the component.")


# --- between keys --------------------------------------------------------------------------------------------------


def mapping_at(value: Any, key: str) -> Mapping[str, Any]:
    """The mapping at `key`, or an empty one where there is none."""
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def is_without_value(port: Any) -> bool:
    """Whether a port may stay without a value."""
    return isinstance(port, Mapping) and port.get("optional") is True and port.get("default") is None


def is_required(port: Any) -> bool:
    """Whether a step has to give a port something."""
    return isinstance(port, Mapping) and port.get("optional") is not True and port.get("default") is None


def problems_with_ports(value: Mapping[str, Any]) -> Iterable[Found]:
    """Names that are none or that differ only in case, and defaults that do not fit."""
    for kind in ("inputs", "outputs"):
        yield from problems_with_names(kind, mapping_at(value, kind))
    for name, port in mapping_at(value, "inputs").items():
        yield from below(("inputs", name), _problems_with_port(port))


def _problems_with_port(port: Any) -> Iterable[Found]:
    if not isinstance(port, Mapping):
        return
    kind = str(port.get("type")).lower()
    if kind not in LITERAL_TYPES:
        return
    for key in ("default", "min", "max"):
        yield from below((key,), problems_with_value(kind, port.get(key)))
    choices = port["enum"] if isinstance(port.get("enum"), list) else []
    for index, value in enumerate(choices if kind == "string" else ()):
        if not isinstance(value, str):
            yield Found(("enum", index), f"expected text; got {shown(value)}", f'quote it: "{shown(value)}"')
    for key in ("min", "max", "enum"):
        if port.get(key) is not None and kind not in _TAKES[key]:
            yield Found((key,), f"{key} is for {' and '.join(_TAKES[key])}, not {kind}")
    default = port.get("default")
    low, high, given = (_number(kind, port.get(key)) for key in ("min", "max", "default"))
    if low is not None and high is not None and low > high:
        yield Found(("max",), f"expected at least min, which is {low}; got {high}")
    if given is not None and ((low is not None and given < low) or (high is not None and given > high)):
        yield Found(("default",), f"{given} is not between min and max")
    if choices and is_literal(default) and fits(kind, default) and literal_of(kind, default) not in choices:
        yield Found(("default",), f"{shown(default)} is not one of enum")


_TAKES: Final = {"min": ("number", "integer"), "max": ("number", "integer"), "enum": ("string",)}


def _number(kind: str, value: Any) -> float | None:
    number = literal_of(kind, value) if is_literal(value) and fits(kind, value) else None
    return number if isinstance(number, int | float) and not isinstance(number, bool) else None


def problems_with_value(kind: str, value: Any) -> Iterable[Found]:
    """Why `value` cannot be of the type `kind`; nothing for no value and for a binding."""
    if value is None or kind not in LITERAL_TYPES or (isinstance(value, str) and "${{" in value):
        return
    if not is_literal(value) or not fits(kind, value):
        yield Found((), f"expected a value of type {kind}; got {shown(value)}")
