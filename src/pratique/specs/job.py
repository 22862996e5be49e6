"""Command jobs: ``pratique ml job create``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    Tag,
    model_validator,
)

from pratique.base.errors import InvalidInput
from pratique.specs.bindings import problems_with_command
from pratique.specs.environment import InlineEnvironment, problems_with_environment
from pratique.specs.grammar import NotRun, Part, Spec, planned
from pratique.specs.key_types import (
    AssetName,
    AssetType,
    Choice,
    Count,
    FilledText,
    Flag,
    Free,
    QuotedTags,
    Reference,
    Text,
    TextOrMapping,
    Variables,
    Version,
    asset_reference,
    checked,
    named,
)
from pratique.specs.keys import Found, Key, below
from pratique.specs.network import problems_with_network
from pratique.specs.port_names import problems_with_names
from pratique.specs.problems import refused
from pratique.specs.references import DatastorePath, LocalPath, Purpose, parse_compute, parse_reference
from pratique.specs.words import did_you_mean, shown

LITERAL_TYPES: Final = ("string", "number", "integer", "boolean")
MODEL_TYPES: Final = ("custom_model", "mlflow_model", "triton_model")
DATA_TYPES: Final = ("uri_file", "uri_folder", "mltable", *MODEL_TYPES)
IMPLICIT_OUTPUTS: Final = ("default", "artifacts")
"""Names of the output that every job has: its run's own folder."""

Literally: TypeAlias = Annotated[StrictBool | StrictInt | StrictFloat | StrictStr, Field(union_mode="left_to_right")]


def _input_type(value: Any) -> Any:
    """The type of an input in lower case; what is none is refused with all that there are."""
    known = (*DATA_TYPES, *LITERAL_TYPES)
    if not isinstance(value, str) or value.lower() not in known:
        raise refused(f"expected one of {', '.join(known)}; got {shown(value)}", hint=did_you_mean(value, known))
    return value.lower()


# --- inputs --------------------------------------------------------------------------------------------------------


class LiteralInput(Part):
    """An input with a value of its own and, if it is said, the type of it."""

    type: Annotated[Literal["string", "number", "integer", "boolean"], BeforeValidator(_input_type)] | None = Field(
        default=None, description="What the value is."
    )
    value: Literally = Field(description="The value; a command sees booleans as True and False.")
    description: Text | None = Field(default=None, description="What it is, for people.")

    @model_validator(mode="before")
    @classmethod
    def _default_is_value(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and "default" in value and "value" not in value:
            return {("value" if name == "default" else name): inner for name, inner in value.items()}
        return value


class DataInput(Part):
    """An input that is a file or a folder."""

    type: Annotated[AssetType, BeforeValidator(_input_type)] = Field(
        default="uri_folder", description="What `path` is."
    )
    path: Reference = Field(description="A local file or folder, an asset, an output of a job, or a URI.")
    mode: Annotated[
        Literal["ro_mount", "rw_mount", "download", "direct", "eval_mount", "eval_download"],
        Choice,
        NotRun(dict.fromkeys(("eval_mount", "eval_download"), "evaluating an MLTable is")),
    ] = Field(default="ro_mount", description="How the job sees it: as a local path, or `direct` as its URI.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    datastore: Text | None = planned("The datastore to upload to; the content store takes everything.")
    path_on_compute: Text | None = planned("Where on the compute to put it.")

    @property
    def purpose(self) -> Purpose:
        """What `path` is for: files, or with mode `direct` a place of which the job gets the URI."""
        return "place" if self.mode == "direct" else "data"

    def planned_keys(self) -> Iterator[str]:
        if self.mode == "rw_mount":  # The job gets a copy; what it writes there is not brought back.
            yield "mode"
        yield from super().planned_keys()


def _input_kind(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "<data>" if isinstance(value, DataInput) else "<mapping>"
    if not isinstance(value, Mapping):
        return "<literal>"
    is_literal = str(value.get("type")).lower() in LITERAL_TYPES or "value" in value or "default" in value
    return "<mapping>" if is_literal else "<data>"


def _literal(value: Any) -> Any:
    if not isinstance(value, str | int | float):
        raise refused(f"expected a value or a mapping with type and path; got {shown(value)}")
    return value


JobInput: TypeAlias = Annotated[
    Annotated[Literally, BeforeValidator(_literal), Tag("<literal>")]
    | Annotated[LiteralInput, Tag("<mapping>")]
    | Annotated[DataInput, Tag("<data>")],
    Discriminator(_input_kind),
]


# --- outputs -------------------------------------------------------------------------------------------------------


def with_named_outputs(value: Any) -> Any:
    """`value` of a job or a step; an output that is only named (`model:`) has every default."""
    outputs = value.get("outputs") if isinstance(value, Mapping) else None
    if not isinstance(outputs, Mapping):
        return value
    filled = {name: {} if inner is None else inner for name, inner in outputs.items()}
    return {**value, "outputs": filled}


def _no_local_output(text: str) -> None:
    if isinstance(found := parse_reference(text), LocalPath):
        hint = "leave path out; pratique ml job download fetches outputs"
        raise InvalidInput(f"an output cannot be written to the local path {found.path}", hint=hint)
    if not isinstance(found, DatastorePath):
        raise InvalidInput(f"expected azureml://datastores/NAME/paths/PATH; got {text}")


class JobOutput(Part):
    """An output of a job; with a name it becomes an asset when the job has completed."""

    type: Annotated[AssetType, Choice] = Field(default="uri_folder", description="What is written.")
    path: Annotated[FilledText, checked(_no_local_output)] | None = Field(
        default=None, description="Where in a datastore to put it besides; ${{name}} in it is the job."
    )
    mode: Annotated[
        Literal["rw_mount", "mount", "upload", "direct"], Choice, NotRun({"direct": "writing to a URI is"})
    ] = Field(default="rw_mount", description="How it is brought to the store; the job writes to a local path.")
    name: AssetName | None = Field(default=None, description="Name of the asset to register it as.")
    version: Version | None = Field(default=None, description="Version of that asset.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    path_on_compute: Text | None = planned("Where on the compute to put it.")
    early_available: Flag | None = planned("Whether others may read it while the job runs.")


# --- the rest of a job ---------------------------------------------------------------------------------------------


class Resources(Part):
    """What a job asks of a compute."""

    instance_count: Count | None = Field(default=None, description="Nodes; one runs.")
    max_instance_count: Count | None = planned("Most nodes of an elastic job.")
    instance_type: Text | None = Field(default=None, description="Size of a node: the cores and memory that it takes.")
    properties: Free | None = planned("Settings of a Kubernetes compute.")
    docker_args: Text | list[Text] | None = planned("Arguments for docker run.")
    shm_size: Text | None = planned("Size of a container's shared memory.")
    locations: list[Text] | None = planned("Regions in which the job may run.")

    def planned_keys(self) -> Iterator[str]:
        if (self.instance_count or 1) > 1:
            yield "instance_count"
        yield from super().planned_keys()


class Limits(Part):
    """When a job is stopped."""

    timeout: Count | None = Field(default=None, description="Seconds after which the job is canceled.")


class Distribution(Part):
    """Several processes for one job."""

    type: Annotated[Literal["mpi", "pytorch", "tensorflow", "ray"], Choice] = Field(description="The framework.")
    process_count_per_instance: Count | None = Field(default=None, description="Processes on each node.")
    worker_count: Count | None = Field(default=None, description="Workers of TensorFlow.")
    parameter_server_count: int | None = Field(default=None, ge=0, description="Parameter servers of TensorFlow.")
    port: Count | None = Field(default=None, description="Port of Ray.")
    address: Text | None = Field(default=None, description="Address of Ray's head node.")
    include_dashboard: Flag | None = Field(default=None, description="Whether Ray shows its dashboard.")
    dashboard_port: Count | None = Field(default=None, description="Port of Ray's dashboard.")
    head_node_additional_args: Text | None = Field(default=None, description="More arguments for Ray's head node.")
    worker_node_additional_args: Text | None = Field(default=None, description="More arguments for Ray's workers.")

    @model_validator(mode="after")
    def _of_one_framework(self) -> Self:
        own = _OF_FRAMEWORK[self.type]
        for name in self.model_fields_set - {"type", *own}:
            raise refused(f"{name} is not for {self.type}", hint=f"{self.type} takes {', '.join(own)}")
        return self


_OF_FRAMEWORK: Final = {
    "mpi": ("process_count_per_instance",),
    "pytorch": ("process_count_per_instance",),
    "tensorflow": ("worker_count", "parameter_server_count"),
    "ray": (
        "port", "address", "include_dashboard", "dashboard_port", "head_node_additional_args",
        "worker_node_additional_args",
    ),
}  # fmt: skip


class QueueSettings(Part):
    """How a job waits for serverless compute."""

    job_tier: Annotated[Literal["spot", "basic", "standard", "premium", "null"], Choice] | None = Field(
        default=None, description="Tier of the compute."
    )
    priority: Annotated[Literal["low", "medium", "high"], Choice] | None = Field(
        default=None, description="Priority among waiting jobs."
    )


class JobIdentity(Part):
    """The identity with which a job reaches other services."""

    type: Annotated[Literal["managed", "managed_identity", "aml_token", "user_identity"], Choice] = Field(
        description="Whose it is."
    )
    client_id: Text | None = Field(
        default=None, description="Client id of an identity that somebody made; without one, the workspace's."
    )
    object_id: Text | None = Field(default=None, description="The same by its object id.")
    msi_resource_id: Text | None = Field(default=None, description="The same by its resource id.")


class JobService(Part):
    """An interactive service beside a job."""

    type: Text | None = Field(default=None, description="Kind of the service, such as ssh or jupyter_lab.")
    job_service_type: Text | None = Field(default=None, description="The same, as older files write it.")
    port: Count | None = Field(default=None, description="Port of the service.")
    nodes: Text | None = Field(default=None, description="Nodes on which it runs.")
    ssh_public_keys: Text | None = Field(default=None, description="Keys that may log in.")
    log_dir: Text | None = Field(default=None, description="Folder that TensorBoard shows.")
    endpoint: Text | None = Field(default=None, description="Where it answers; written by the platform.")
    status: Text | None = Field(default=None, description="How it is; written by the platform.")
    error_message: Text | None = Field(default=None, description="Why it is not up; written by the platform.")
    properties: Free | None = Field(default=None, description="More settings.")


class CommandJob(Spec):
    """One command, run once in an environment with inputs and outputs."""

    written_by_platform = Spec.written_by_platform | {"status", "log_files", "parameters", "error", "run_id"}

    type: Annotated[Literal["command"], Choice] = Field(default="command", description="Kind of the job.")
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
    command: FilledText = Field(
        description="What bash runs in a copy of `code`, after bindings such as ${{inputs.NAME}} are replaced."
    )
    code: Reference | None = Field(
        default=None, description="Folder with the code; .amlignore or .gitignore say what is left out."
    )
    environment: Annotated[
        Annotated[FilledText, asset_reference("environments"), Tag("<text>")]
        | Annotated[InlineEnvironment, Tag("<mapping>")],
        TextOrMapping,
    ] = Field(description="An environment asset (azureml:NAME:VERSION or azureml:NAME@latest), or one inline.")
    environment_variables: Variables = Field(default_factory=dict, description="Environment variables of the command.")
    inputs: dict[str, JobInput] = Field(default_factory=dict, description="Values, files and folders for the command.")
    outputs: dict[str, JobOutput] = Field(default_factory=dict, description="What the command writes.")
    compute: Annotated[FilledText, checked(parse_compute)] = Field(
        default="local", description="Where it runs; every compute is this machine in this version."
    )
    resources: Resources | None = Field(default=None, description="What it asks of a compute.")
    limits: Limits | None = Field(default=None, description="When it is stopped.")
    distribution: Distribution | None = planned("Several processes for one job.")
    services: dict[str, JobService] | None = planned("Interactive services beside the job.")
    identity: JobIdentity | None = Field(
        default=None, description="The identity with which it reaches other services; `managed` is the workspace's."
    )
    queue_settings: QueueSettings | None = planned("How it waits for serverless compute.")
    parent_job_name: Text | None = planned("The job of which it is a part.")

    @model_validator(mode="before")
    @classmethod
    def _named_outputs(cls, value: Any) -> Any:
        return with_named_outputs(value)

    def planned_keys(self) -> Iterator[str]:
        if parse_compute(self.compute).name != "local":
            yield "compute"
        yield from super().planned_keys()

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        if self.code is not None:
            yield ("code",), self.code, "code"
        for name, given in self.inputs.items():
            if isinstance(given, DataInput):
                yield ("inputs", name, "path"), given.path, given.purpose
        if isinstance(self.environment, InlineEnvironment):
            for key, text, purpose in self.environment.references():
                yield ("environment", *key), text, purpose

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        inputs, outputs = _mapping(value, "inputs"), _mapping(value, "outputs")
        yield from problems_with_names("inputs", inputs)
        yield from problems_with_names("outputs", outputs)
        yield from _problems_with_literals(inputs)
        yield from _problems_with_outputs(outputs)
        yield from problems_with_network(value)
        command, environment = value.get("command"), value.get("environment")
        if isinstance(command, str):
            # At this point every input has a value or a problem of its own.
            for problem in problems_with_command(command, dict.fromkeys(inputs, ""), outputs):
                yield Found(("command",), problem.message, problem.hint)
        if isinstance(environment, Mapping):
            yield from below(("environment",), problems_with_environment(environment))


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, Mapping) else {}


def _problems_with_outputs(outputs: Mapping[str, Any]) -> Iterable[Found]:
    for name, output in outputs.items():
        if name in IMPLICIT_OUTPUTS:
            yield Found(("outputs", name), f"{name} is the output that every job has; choose another name")
        if isinstance(output, Mapping) and output.get("version") and not output.get("name"):
            yield Found(("outputs", name, "version"), "a version needs the name of the asset", "add name:")


_FITS: Final = {"string": (str,), "number": (int, float), "integer": (int,), "boolean": (bool,)}


def _problems_with_literals(inputs: Mapping[str, Any]) -> Iterable[Found]:
    """Values that are not of the type that is said."""
    for name, given in inputs.items():
        if not isinstance(given, Mapping):
            continue
        kind, key = str(given.get("type")).lower(), "value" if "value" in given else "default"
        value = given.get(key)
        if value is None or kind not in _FITS:
            continue
        if not isinstance(value, _FITS[kind]) or isinstance(value, bool) != (kind == "boolean"):
            hint = f'quote it: {key}: "{shown(value)}"' if kind == "string" else ""
            yield Found(("inputs", name, key), f"expected a value of type {kind}; got {shown(value)}", hint)
