"""Computes: where jobs of Azure run.

One class for each `type`. Everything runs on this machine in this version; a
file that describes a compute is checked in full, and nothing is started.
"""

from typing import Annotated, Literal, TypeAlias

from pydantic import BeforeValidator, Field

from pratique.specs.grammar import Part, Spec
from pratique.specs.key_types import Choice, FilledText, Flag, Free, QuotedTags, Text, Variables, Whole, named, snake


class ComputeIdentityOfUser(Part):
    """One identity that a user has made."""

    written_by_platform = frozenset({"principal_id", "client_id", "tenant_id"})

    resource_id: Text = Field(description="Its id.")


class ComputeIdentity(Part):
    """With which identity a compute reaches other services."""

    written_by_platform = frozenset({"principal_id", "tenant_id"})

    type: Annotated[
        Literal["system_assigned", "user_assigned", "none", "system_assigned,user_assigned"], BeforeValidator(snake)
    ] = Field(description="Who makes it.")
    user_assigned_identities: list[ComputeIdentityOfUser] | None = Field(default=None, description="Which ones.")


class NetworkSettings(Part):
    """The network that a compute is in."""

    written_by_platform = frozenset({"public_ip_address", "private_ip_address"})

    vnet_name: Text | None = Field(default=None, description="Name of the virtual network.")
    subnet: Text | None = Field(default=None, description="Name or id of the subnet.")


class _Compute(Spec):
    """What every compute has."""

    written_by_platform = Spec.written_by_platform | {
        "provisioning_errors", "provisioning_state", "created_on",
    }  # fmt: skip

    name: Annotated[str, named("compute")] = Field(description="Name of the compute.")
    location: Text | None = Field(default=None, description="Region.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: QuotedTags = Field(default_factory=dict, description="Tags; they can be changed later.")


# --- clusters ------------------------------------------------------------------------------------------------------


class ClusterSsh(Part):
    """Who may log in to the nodes of a cluster."""

    admin_username: Text = Field(description="Name of the administrator.")
    admin_password: Text | None = Field(default=None, repr=False, description="Password of the administrator.")
    ssh_key_value: Text | None = Field(default=None, description="Public key of the administrator.")


class AmlCompute(_Compute):
    """A cluster that grows and shrinks by itself."""

    type: Annotated[Literal["amlcompute"], Choice] = Field(description="Kind of the compute.")
    size: Text | None = Field(default=None, description="Size of a node.")
    tier: Annotated[Literal["low_priority", "dedicated"], BeforeValidator(snake)] | None = Field(
        default=None, description="Whether nodes may be taken away."
    )
    min_instances: Annotated[Whole, Field(ge=0)] = Field(default=0, description="Fewest nodes.")
    max_instances: Annotated[Whole, Field(ge=0)] = Field(default=4, description="Most nodes.")
    idle_time_before_scale_down: Annotated[Whole, Field(ge=0)] = Field(
        default=120, description="Seconds after which an idle node goes."
    )
    ssh_public_access_enabled: Flag | None = Field(default=None, description="Whether nodes can be logged in to.")
    ssh_settings: ClusterSsh | None = Field(default=None, description="Who may log in.")
    network_settings: NetworkSettings | None = Field(default=None, description="Its network.")
    identity: ComputeIdentity | None = Field(default=None, description="Its identity.")
    enable_node_public_ip: Flag = Field(default=True, description="Whether nodes have public addresses.")


# --- workstations --------------------------------------------------------------------------------------------------


class InstanceSsh(Part):
    """Who may log in to a workstation."""

    written_by_platform = frozenset({"admin_username", "ssh_port"})

    ssh_key_value: Text | None = Field(default=None, description="Public key of the user.")


class Assignee(Part):
    """For whom a workstation is made."""

    user_tenant_id: Text = Field(description="Tenant of the user.")
    user_object_id: Text = Field(description="Id of the user.")


class Pattern(Part):
    """At which times of which days."""

    week_days: (
        list[Annotated[Literal["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"], Choice]]
        | None
    ) = Field(default=None, description="The days.")
    hours: list[Whole] | None = Field(default=None, description="The hours.")
    minutes: list[Whole] | None = Field(default=None, description="The minutes.")


class Trigger(Part):
    """When something is done, as a cron expression or as a recurrence."""

    type: Annotated[Literal["cron", "recurrence"], Choice] = Field(description="How the times are given.")
    start_time: Text | None = Field(default=None, description="When it begins.")
    time_zone: Text = Field(default="UTC", description="Time zone of the times.")
    expression: Text | None = Field(default=None, description="The cron expression.")
    frequency: Annotated[Literal["minute", "hour", "day", "week", "month"], Choice] | None = Field(
        default=None, description="Unit of the interval."
    )
    interval: Whole | None = Field(default=None, description="How many units lie between two times.")
    schedule: Pattern | None = Field(default=None, description="At which times of which days.")


class StartStop(Part):
    """When a workstation is started or stopped."""

    written_by_platform = frozenset({"schedule_id", "provisioning_state"})

    trigger: Trigger | None = Field(default=None, description="When.")
    action: Annotated[Literal["start", "stop"], Choice] = Field(description="What is done.")
    state: Annotated[Literal["enabled", "disabled"], Choice] = Field(
        default="enabled", description="Whether it is in force."
    )


class Schedules(Part):
    """What is done with a workstation by itself."""

    compute_start_stop: list[StartStop] | None = Field(default=None, description="Starts and stops.")


class Script(Part):
    """A script that prepares a workstation."""

    path: Text | None = Field(default=None, description="Where the script is.")
    command: Text | None = Field(default=None, description="How it is run.")
    timeout_minutes: Whole | None = Field(default=None, description="Minutes after which it is given up.")


class SetupScripts(Part):
    """Scripts that prepare a workstation."""

    creation_script: Script | None = Field(default=None, description="Run once, when it is made.")
    startup_script: Script | None = Field(default=None, description="Run at each start.")


class Image(Part):
    """A container image."""

    reference: Text | None = Field(default=None, description="Its name.")


ApplicationPort: TypeAlias = Annotated[Whole, Field(ge=1025, le=65535)]


class ApplicationEndpoint(Part):
    """A port of an application."""

    target: ApplicationPort | None = Field(default=None, description="Port inside the container.")
    published: ApplicationPort | None = Field(default=None, description="Port outside of it.")


class Volume(Part):
    """A folder that an application sees."""

    source: Text | None = Field(default=None, description="The folder on the workstation.")
    target: Text | None = Field(default=None, description="Where the application sees it.")


class Application(Part):
    """An application on a workstation."""

    name: FilledText = Field(description="Its name.")
    type: Annotated[Literal["docker"], Choice] | None = Field(default=None, description="How it runs.")
    image: Image | None = Field(default=None, description="Its image.")
    endpoints: list[ApplicationEndpoint] | None = Field(default=None, description="Its ports.")
    environment_variables: Variables | None = Field(default=None, description="Its environment variables.")
    bind_mounts: list[Volume] | None = Field(default=None, description="The folders that it sees.")


class ComputeInstance(_Compute):
    """A workstation of one person."""

    written_by_platform = _Compute.written_by_platform | {
        "state", "last_operation", "services", "os_image_metadata",
    }  # fmt: skip

    type: Annotated[Literal["computeinstance"], Choice] = Field(description="Kind of the compute.")
    size: Text | None = Field(default=None, description="Its size.")
    network_settings: NetworkSettings | None = Field(default=None, description="Its network.")
    create_on_behalf_of: Assignee | None = Field(default=None, description="For whom it is made.")
    ssh_settings: InstanceSsh | None = Field(default=None, description="Who may log in.")
    ssh_public_access_enabled: Flag | None = Field(default=None, description="Whether it can be logged in to.")
    schedules: Schedules | None = Field(default=None, description="What is done with it by itself.")
    identity: ComputeIdentity | None = Field(default=None, description="Its identity.")
    idle_time_before_shutdown: Text | None = Field(
        default=None, description="Idle time after which it stops, such as PT30M."
    )
    idle_time_before_shutdown_minutes: Whole | None = Field(default=None, description="The same in minutes.")
    custom_applications: list[Application] | None = Field(default=None, description="Its applications.")
    setup_scripts: SetupScripts | None = Field(default=None, description="Scripts that prepare it.")
    enable_node_public_ip: Flag = Field(default=True, description="Whether it has a public address.")
    enable_sso: Flag = Field(default=True, description="Whether a login at Azure is enough.")
    enable_root_access: Flag = Field(default=True, description="Whether its user may become root.")
    release_quota_on_stop: Flag = Field(default=False, description="Whether a stop gives its quota back.")
    enable_os_patching: Flag = Field(default=False, description="Whether its system is kept up to date.")


# --- attached ------------------------------------------------------------------------------------------------------


class KubernetesCompute(_Compute):
    """A Kubernetes cluster that was there before."""

    type: Annotated[Literal["kubernetes"], Choice] = Field(description="Kind of the compute.")
    namespace: FilledText = Field(default="default", description="Namespace of the jobs.")
    resource_id: Text | None = Field(default=None, description="Id of the cluster.")
    properties: Free | None = Field(default=None, description="Settings of the cluster.")
    identity: ComputeIdentity | None = Field(default=None, description="Its identity.")


class SynapseSparkCompute(_Compute):
    """A Spark pool of Synapse that was there before."""

    written_by_platform = _Compute.written_by_platform | {
        "node_count", "node_family", "node_size", "spark_version", "scale_settings", "auto_pause_settings",
    }  # fmt: skip

    type: Annotated[Literal["synapsespark"], Choice] = Field(description="Kind of the compute.")
    resource_id: FilledText = Field(description="Id of the pool.")
    identity: ComputeIdentity | None = Field(default=None, description="Its identity.")


class MachineSsh(Part):
    """How a machine is logged in to."""

    admin_username: Text = Field(description="Name of the administrator.")
    admin_password: Text | None = Field(default=None, repr=False, description="Password of the administrator.")
    ssh_port: Whole = Field(default=22, description="Port of the machine.")
    ssh_private_key_file: Text | None = Field(default=None, description="Where the private key is.")


class VirtualMachineCompute(_Compute):
    """A machine that was there before."""

    written_by_platform = _Compute.written_by_platform | {"compute_location"}

    type: Annotated[Literal["virtualmachine"], Choice] = Field(description="Kind of the compute.")
    resource_id: FilledText = Field(description="Id of the machine.")
    ssh_settings: MachineSsh | None = Field(default=None, description="How it is logged in to.")
