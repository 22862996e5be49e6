"""Workspaces: ``pratique ml workspace create``."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, Discriminator, Field, Tag, model_validator

from pratique.specs.grammar import Part, Spec, planned
from pratique.specs.key_types import Choice, Flag, Free, QuotedTags, Text, named, snake
from pratique.specs.problems import refused
from pratique.specs.words import shown


class CustomerManagedKey(Part):
    """A key of the customer's own for encryption at rest."""

    key_vault: Text | None = Field(default=None, description="The vault that has it.")
    key_uri: Text | None = Field(default=None, description="Where in the vault it is.")
    cosmosdb_id: Text | None = Field(default=None, description="A database of the customer's own.")
    storage_id: Text | None = Field(default=None, description="A storage account of the customer's own.")
    search_id: Text | None = Field(default=None, description="A search service of the customer's own.")


_RESOURCE: Final = re.compile(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/[^/]+/.+", re.IGNORECASE)


def _resource_id(value: str) -> str:
    if not _RESOURCE.fullmatch(value):
        raise refused(f"expected the id of a resource, /subscriptions/…/providers/…; got {shown(value)}")
    return value


ResourceId: TypeAlias = Annotated[Text, AfterValidator(_resource_id)]


class AssignedIdentity(Part):
    """One identity that a user has made."""

    resource_id: Text | None = Field(default=None, description="Its id.")
    client_id: Text | None = Field(default=None, description="Its client id.")
    principal_id: Text | None = Field(default=None, description="Its principal id.")


class WorkspaceIdentity(Part):
    """With which identity a workspace reaches other services."""

    type: Annotated[
        Literal["none", "system_assigned", "user_assigned", "system_assigned,user_assigned"], BeforeValidator(snake)
    ] = Field(description="Who makes it.")
    user_assigned_identities: dict[str, AssignedIdentity] | list[AssignedIdentity] | None = Field(
        default=None, description="Which ones."
    )
    principal_id: Text | None = Field(default=None, description="Its principal id; written by the platform.")
    tenant_id: Text | None = Field(default=None, description="Its tenant; written by the platform.")


class PrivateEndpoint(Part):
    """A resource that is reached through a private endpoint."""

    service_resource_id: Text = Field(description="Its id.")
    subresource_target: Text = Field(description="Which part of it.")
    spark_enabled: Flag = Field(description="Whether Spark reaches it too.")


class ServiceTag(Part):
    """A service of Azure by its tag."""

    service_tag: Text = Field(description="The tag.")
    protocol: Text = Field(description="TCP, UDP, ICMP or *.")
    port_ranges: Text = Field(description="Ports, such as 80, 8080-8089.")
    address_prefixes: list[Text] | None = Field(default=None, description="Addresses instead of those of the tag.")


def _destination(value: Any) -> str:
    if isinstance(value, BaseModel):
        return "<mapping>" if isinstance(value, PrivateEndpoint) else "<data>"
    if not isinstance(value, Mapping):
        return "<text>"
    return "<data>" if "service_tag" in value else "<mapping>"


class OutboundRule(Part):
    """Where to a workspace may connect."""

    written_by_platform = frozenset({"parent_rule_names", "category", "status"})

    name: Text = Field(description="Its name.")
    type: Literal["fqdn", "service_tag", "private_endpoint"] | None = Field(
        default=None, description="What the destination is."
    )
    destination: Annotated[
        Annotated[Text, Tag("<text>")]
        | Annotated[PrivateEndpoint, Tag("<mapping>")]
        | Annotated[ServiceTag, Tag("<data>")],
        Discriminator(_destination),
    ] = Field(description="A domain name, a service, or a resource.")
    fqdns: list[Text] | None = Field(default=None, description="Names under which a resource is reached.")


class ManagedNetwork(Part):
    """The network that Azure makes for a workspace."""

    written_by_platform = frozenset({"network_id", "status"})
    may_be_empty = frozenset({"outbound_rules"})

    isolation_mode: Annotated[
        Literal["disabled", "allow_internet_outbound", "allow_only_approved_outbound"], BeforeValidator(snake)
    ] = Field(description="What may leave it.")
    outbound_rules: list[OutboundRule] | None = Field(default=None, description="What may leave it besides.")
    firewall_sku: Annotated[Literal["standard", "basic"], Choice] | None = Field(
        default=None, description="Kind of its firewall."
    )


class AddressRule(Part):
    """Addresses that are let in."""

    value: Text | None = Field(default=None, description="One address, or a range of them.")


class NetworkRules(Part):
    """Who may reach a workspace."""

    may_be_empty = frozenset({"ip_rules"})

    default_action: Literal["Deny", "Allow"] = Field(description="What happens to everybody else.")
    ip_rules: list[AddressRule] | None = Field(default=None, description="Who is let in.")

    @model_validator(mode="after")
    def _somebody_is_let_in(self) -> Self:
        if self.default_action == "Deny" and not self.ip_rules:
            raise refused("Deny without ip_rules lets nobody in", hint="add ip_rules")
        return self


class Serverless(Part):
    """The network of serverless compute."""

    may_be_empty = frozenset({"custom_subnet"})

    custom_subnet: ResourceId | None = Field(default=None, description="The subnet that it is in.")
    no_public_ip: Flag | None = Field(default=None, description="Whether it has no public address.")


class Workspace(Spec):
    """A place for assets, jobs and endpoints, with its own members."""

    written_by_platform = Spec.written_by_platform | {"discovery_url", "mlflow_tracking_uri", "notebook_info"}

    name: Annotated[str, named("workspace")] = Field(description="Name of the workspace.")
    resource_group: Annotated[str, named("resource group")] | None = Field(
        default=None, description="The resource group that it is in."
    )
    location: Text | None = Field(default=None, description="Region; kept, and of no effect here.")
    display_name: Text | None = Field(default=None, description="Name for people.")
    description: Text | None = Field(default=None, description="What it is, for people.")
    tags: QuotedTags = Field(default_factory=dict, description="Tags; they can be changed later.")
    kind: Text | None = planned("Default, hub or project.")
    hbi_workspace: Flag | None = planned("Whether its data is of high business impact.")
    storage_account: ResourceId | None = planned("Storage account; everything is in the home here.")
    container_registry: ResourceId | None = planned("Registry of images.")
    key_vault: ResourceId | None = planned("Vault of secrets.")
    application_insights: ResourceId | None = planned("Application Insights.")
    customer_managed_key: CustomerManagedKey | None = planned("A key of your own for encryption at rest.")
    image_build_compute: Text | None = planned("Compute on which images are built.")
    public_network_access: Annotated[Literal["enabled", "disabled"], Choice] | None = planned(
        "Whether it is reachable from outside; this version listens on loopback only."
    )
    identity: WorkspaceIdentity | None = planned("The identity with which it reaches other services.")
    primary_user_assigned_identity: Text | None = planned("The first of several identities.")
    managed_network: ManagedNetwork | None = planned("Its own network.")
    network_acls: NetworkRules | None = planned("Who may reach it.")
    provision_network_now: Flag | None = planned("Whether its network is made at once.")
    system_datastores_auth_mode: Text | None = planned("How its datastores are reached.")
    allow_roleassignment_on_rg: Flag | None = planned("Whether it may assign roles on its resource group.")
    enable_data_isolation: Flag | None = planned("Whether its data is kept apart from other workspaces.")
    enable_software_networking: Flag | None = planned("Whether software routes its traffic.")
    serverless_compute: Serverless | None = planned("Network of serverless compute.")
    workspace_hub: ResourceId | None = planned("The hub of a project.")
    hub_id: Text | None = planned("The hub of a project.")
    workspace_id: Text | None = planned("Id on Azure.")
    feature_store_settings: Free | None = planned("Settings of a feature store.")
    soft_delete_enabled: Flag | None = planned("Whether a deleted workspace can be brought back.")
