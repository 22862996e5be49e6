"""Online deployments: ``pratique ml online-deployment create``."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from pratique.content.paths import check_relative
from pratique.specs.environment import InlineEnvironment, problems_with_environment
from pratique.specs.grammar import Part, Spec, planned
from pratique.specs.key_types import (
    Choice,
    Count,
    FilledText,
    Flag,
    Free,
    Reference,
    Tags,
    Text,
    TextOrMapping,
    Variables,
    Whole,
    asset_reference,
    checked,
    named,
)
from pratique.specs.keys import Found, Key, below
from pratique.specs.model import InlineModel
from pratique.specs.network import problems_with_network
from pratique.specs.references import Asset, Purpose, parse_reference

MAX_REQUEST_TIMEOUT_MS = 180_000  # Azure's own limit for managed endpoints.


class CodeConfiguration(Part):
    """The scoring code."""

    code: Reference = Field(description="Folder with the code; .amlignore or .gitignore say what is left out.")
    scoring_script: Annotated[FilledText, checked(check_relative)] = Field(
        description="The script in it with init() and run()."
    )


class RequestSettings(Part):
    """How requests are treated."""

    request_timeout_ms: Annotated[Whole, Field(ge=1, le=MAX_REQUEST_TIMEOUT_MS)] = Field(
        default=5000, description="Milliseconds after which a caller gets 408."
    )
    max_concurrent_requests_per_instance: Count | None = Field(
        default=None,
        description="Requests that one instance answers at a time; twice as many may be pending. "
        "Unset, the instance takes as many as it can; Azure would take one.",
    )
    max_queue_wait_ms: Annotated[Whole, Field(ge=0)] | None = planned(
        "Milliseconds that a request may wait in the queue."
    )


class Probe(Part):
    """How often and how patiently the health of an instance is asked for."""

    initial_delay: Annotated[Whole, Field(ge=0)] | None = Field(
        default=None, description="Seconds in which failures do not count; 10 when unset."
    )
    period: Count | None = Field(default=None, description="Seconds between two; 10 when unset.")
    timeout: Count | None = Field(default=None, description="Seconds after which one has failed; 2 when unset.")
    success_threshold: Count | None = Field(
        default=None, description="Successes in a row that make it healthy; 1 when unset."
    )
    failure_threshold: Count | None = Field(
        default=None, description="Failures in a row that make it unhealthy; 30 when unset."
    )
    path: Text | None = Field(default=None, description="Path that is asked; one of the model server's when unset.")
    port: Count | None = planned("Port that is asked; an instance has a socket of its own instead.")
    scheme: Text | None = planned("http or https; an instance is always asked by http.")
    method: Annotated[Literal["get", "head", "options"], Choice] | None = Field(
        default=None, description="Method of the request; GET when unset."
    )


class ScaleSettings(Part):
    """How many instances run."""

    type: Annotated[Literal["default", "target_utilization"], Choice] = Field(
        default="default", description="A fixed number, or by utilization."
    )
    min_instances: Annotated[Whole, Field(ge=0)] | None = Field(default=None, description="Fewest instances.")
    max_instances: Count | None = Field(default=None, description="Most instances.")
    polling_interval: Count | None = Field(default=None, description="Seconds between two looks.")
    target_utilization_percentage: Annotated[Whole, Field(ge=1, le=100)] | None = Field(
        default=None, description="Utilization to aim for."
    )


class CollectionData(Part):
    """The data asset that a collection fills."""

    name: Text | None = Field(default=None, description="Name of the data asset.")
    version: Text | Whole | None = Field(default=None, description="Its version.")
    path: Text | None = planned("Where it is kept; modelDataCollector/ENDPOINT/DEPLOYMENT of workspaceblobstore.")


class Collection(Part):
    """One stream of collected data."""

    enabled: Flag | None = Field(default=None, description="Whether it is collected.")
    sampling_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="Share of requests.")
    data: (
        Annotated[
            Annotated[FilledText, asset_reference("data"), Tag("<text>")] | Annotated[CollectionData, Tag("<mapping>")],
            TextOrMapping,
        ]
        | None
    ) = Field(default=None, description="The data asset that shows it; version 1 of ENDPOINT-DEPLOYMENT-COLLECTION.")
    client_id: Text | None = planned("The identity that writes it.")


class RequestLogging(Part):
    """What is kept of requests beside their bodies."""

    capture_headers: list[Annotated[str, named("header")]] | None = Field(
        default=None, description="Headers of requests, kept in the column headers of what calls fill."
    )


class DataCollector(Part):
    """Which inputs and outputs of the model are kept."""

    collections: dict[Annotated[str, named("collection")], Collection] | None = Field(
        default=None, description="The streams by name."
    )
    rolling_rate: Annotated[Literal["year", "month", "day", "hour", "minute"], Choice] | None = Field(
        default=None, description="How much time one file covers."
    )
    sampling_rate: Annotated[float, Field(ge=0, le=1)] | None = Field(default=None, description="Share of requests.")
    request_logging: RequestLogging | None = Field(default=None, description="Headers that are kept as well.")
    enabled: Flag | None = Field(default=None, description="Whether anything is kept; as older files write it.")
    destination: Free | None = planned("Where to; as older files write it.")
    sampling_strategy: Free | None = planned("Share of requests; as older files write it.")


class ResourceAmounts(Part):
    """How much of each resource, in the words of Kubernetes."""

    cpu: Text | None = Field(default=None, description="Processors, such as 0.5 or 500m.")
    memory: Text | None = Field(default=None, description="Memory, such as 1Gi.")
    gpu: Text | None = planned("Graphics processors.", alias="nvidia.com/gpu")


class ContainerResources(Part):
    """What a container on Kubernetes asks for."""

    requests: ResourceAmounts | None = Field(default=None, description="What it is given at least.")
    limits: ResourceAmounts | None = Field(default=None, description="What it is given at most.")


class OnlineDeployment(Spec):
    """A model with its scoring code and environment, behind an endpoint."""

    written_by_platform = Spec.written_by_platform | {"provisioning_state", "error", "timings", "replicas"}

    name: Annotated[str, named("deployment")] = Field(description="Name of the deployment.")
    endpoint_name: Annotated[str, named("endpoint")] = Field(description="Name of its endpoint.")
    type: Annotated[Literal["managed", "kubernetes"], Choice] = Field(
        default="managed", description="Where it runs on Azure; here it is this machine."
    )
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: Tags = Field(default_factory=dict, description="Tags; they can be changed later.")
    properties: Tags = Field(default_factory=dict, description="Properties; they stay as they are.")
    model: (
        Annotated[
            Annotated[FilledText, asset_reference("models"), Tag("<text>")] | Annotated[InlineModel, Tag("<mapping>")],
            TextOrMapping,
        ]
        | None
    ) = Field(default=None, description="A model asset (azureml:NAME:VERSION), or one inline.")
    code_configuration: CodeConfiguration | None = Field(
        default=None, description="The scoring code; an MLflow model needs none."
    )
    environment: (
        Annotated[
            Annotated[FilledText, asset_reference("environments"), Tag("<text>")]
            | Annotated[InlineEnvironment, Tag("<mapping>")],
            TextOrMapping,
        ]
        | None
    ) = Field(default=None, description="An environment asset, or one inline; an MLflow model brings its own.")
    environment_variables: Variables = Field(
        default_factory=dict, description="Environment variables of the scoring process."
    )
    request_settings: RequestSettings = Field(default_factory=RequestSettings, description="How requests are treated.")
    instance_count: Count = Field(default=1, description="Instances; each is a process with a socket of its own.")
    instance_type: Text | None = Field(
        default=None, description="Size of an instance: the cores and memory that it takes, where Azure has that size."
    )
    app_insights_enabled: Flag | None = planned("Whether Application Insights watches it.")
    scale_settings: ScaleSettings | None = planned("How many instances run.")
    liveness_probe: Probe | None = Field(default=None, description="When an instance is ended and started again.")
    readiness_probe: Probe | None = Field(default=None, description="When an instance gets requests.")
    startup_probe: Probe | None = planned("When an instance has started.")
    data_collector: DataCollector | None = Field(
        default=None, description="Which inputs and outputs of the model are kept, as Parquet."
    )
    model_mount_path: Text | None = planned("Where a container of your own sees the model.")
    egress_public_network_access: Annotated[Literal["enabled", "disabled"], Choice] | None = planned(
        "Whether it may reach the internet."
    )
    private_network_connection: Flag | None = planned("Whether it is in the private network of the workspace.")
    resources: ContainerResources | None = Field(
        default=None, description="What an instance takes; a process of this machine, no container."
    )

    def planned_keys(self) -> Iterator[str]:
        if self.type == "kubernetes":
            yield "type"
        yield from super().planned_keys()

    def wanted_on_azure(self) -> Iterable[Found]:
        if self.type == "kubernetes":
            for key in ("egress_public_network_access", "private_network_connection"):
                if getattr(self, key) is not None:
                    yield Found((key,), "Azure ML has this key for managed deployments only")
            return
        if self.instance_type is None:
            yield Found(("instance_type",), "Azure ML requires this key of managed deployments")
        if self.resources is not None:
            yield Found(("resources",), "Azure ML has this key for deployments of type kubernetes only")
        if self.scale_settings is not None and self.scale_settings.type != "default":
            yield Found(("scale_settings", "type"), "Azure ML scales managed deployments by rules of Azure Monitor")

    def references(self) -> Iterable[tuple[Key, str, Purpose]]:
        if self.code_configuration is not None:
            yield ("code_configuration", "code"), self.code_configuration.code, "code"
        for name, part in (("model", self.model), ("environment", self.environment)):
            if isinstance(part, Spec):
                yield from (((name, *key), text, purpose) for key, text, purpose in part.references())

    @classmethod
    def cross_problems(cls, value: Mapping[str, Any]) -> Iterable[Found]:
        has_code = value.get("code_configuration") is not None
        environment = value.get("environment")
        if value.get("model") is None and not has_code:
            yield Found((), "a deployment needs a model or a code_configuration")
        if has_code and environment is None:
            yield Found(
                ("code_configuration",), "it needs an environment to run in", "environment: azureml:NAME:VERSION"
            )
        if isinstance(tags := value.get("tags"), Mapping):
            yield from _problems_with_optimizing(tags.get("pratique.optimize"), has_code)
            yield from _problems_with_grpc(tags.get("pratique.grpc"), has_code)
        yield from problems_with_network(value)
        if isinstance(environment, Mapping):
            yield from below(("environment",), problems_with_environment(environment))


def collections_of(collector: Mapping[str, Any] | None) -> dict[str, float]:
    """What a `data_collector` keeps: the share of requests by the name of the collection; nothing where it is off."""
    given = collector or {}
    share = given.get("sampling_rate")
    everywhere = 1.0 if share is None else float(share)
    named = given.get("collections")
    if named is None:
        return dict.fromkeys(("model_inputs", "model_outputs"), everywhere) if given.get("enabled") else {}
    found = {name: one or {} for name, one in named.items() if one is None or one.get("enabled") is not False}
    shares = {name: one.get("sampling_rate") for name, one in found.items()}
    return {name: everywhere if own is None else float(own) for name, own in shares.items()}


def assets_of(collector: Mapping[str, Any] | None, endpoint: str, deployment: str) -> dict[str, tuple[str, str]]:
    """Name and version of the data asset that shows each collection which is kept."""
    named = (collector or {}).get("collections") or {}
    given = {name: (named.get(name) or {}).get("data") or {} for name in collections_of(collector)}
    return {name: _asset_of(data, f"{endpoint}-{deployment}-{name}") for name, data in given.items()}


def _asset_of(data: Mapping[str, Any] | str, usual: str) -> tuple[str, str]:
    if isinstance(data, str):
        reference = parse_reference(data)
        return (reference.name, reference.version or "1") if isinstance(reference, Asset) else (usual, "1")
    return str(data.get("name") or usual), str(data.get("version") or "1")


def _problems_with_grpc(wished: object, has_code: bool) -> Iterator[Found]:
    """Only a model whose inputs the server knows has the Open Inference Protocol."""
    key, text = ("tags", "pratique.grpc"), str(wished).lower() if isinstance(wished, bool) else wished
    if text not in (None, "true", "false"):
        yield Found(key, f"expected true or false, got {wished!r}")
    elif text == "true" and has_code:
        yield Found(key, "a script has no tensors with names", "leave out code_configuration, or this tag")


def _problems_with_optimizing(wished: object, has_code: bool) -> Iterator[Found]:
    """`onnx` is all there is, and only the platform's own call of a model can be another one."""
    key = ("tags", "pratique.optimize")
    if wished is not None and wished != "onnx":
        yield Found(key, f"expected onnx, got {wished!r}")
    elif wished and has_code:
        yield Found(key, "a script calls its model itself", "leave out code_configuration, or this tag")
