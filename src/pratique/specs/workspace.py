"""Workspaces: ``pratique ml workspace create``."""

from typing import Annotated, Literal

from pydantic import Field

from pratique.specs.grammar import Choice, Flag, Free, Part, Spec, Tags, Text, named, planned


class CustomerManagedKey(Part):
    """A key of the customer's own for encryption at rest."""

    key_vault: Text | None = Field(default=None, description="The vault that has it.")
    key_uri: Text | None = Field(default=None, description="Where in the vault it is.")
    cosmosdb_id: Text | None = Field(default=None, description="A database of the customer's own.")
    storage_id: Text | None = Field(default=None, description="A storage account of the customer's own.")
    search_id: Text | None = Field(default=None, description="A search service of the customer's own.")


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
    tags: Tags = Field(default_factory=dict, description="Tags; they can be changed later.")
    kind: Text | None = planned("Default, hub or project.")
    hbi_workspace: Flag | None = planned("Whether its data is of high business impact.")
    storage_account: Text | None = planned("Storage account; everything is in the home here.")
    container_registry: Text | None = planned("Registry of images.")
    key_vault: Text | None = planned("Vault of secrets.")
    application_insights: Text | None = planned("Application Insights.")
    customer_managed_key: CustomerManagedKey | None = planned("A key of your own for encryption at rest.")
    image_build_compute: Text | None = planned("Compute on which images are built.")
    public_network_access: Annotated[Literal["enabled", "disabled"], Choice] | None = planned(
        "Whether it is reachable from outside; this version listens on loopback only."
    )
    identity: Free | None = planned("The identity with which it reaches other services.")
    primary_user_assigned_identity: Text | None = planned("The first of several identities.")
    managed_network: Free | None = planned("Its own network.")
    network_acls: Free | None = planned("Who may reach it.")
    provision_network_now: Flag | None = planned("Whether its network is made at once.")
    system_datastores_auth_mode: Text | None = planned("How its datastores are reached.")
    allow_roleassignment_on_rg: Flag | None = planned("Whether it may assign roles on its resource group.")
    enable_data_isolation: Flag | None = planned("Whether its data is kept apart from other workspaces.")
    enable_software_networking: Flag | None = planned("Whether software routes its traffic.")
    serverless_compute: Free | None = planned("Network of serverless compute.")
    workspace_hub: Text | None = planned("The hub of a project.")
    hub_id: Text | None = planned("The hub of a project.")
    workspace_id: Text | None = planned("Id on Azure.")
    feature_store_settings: Free | None = planned("Settings of a feature store.")
    soft_delete_enabled: Flag | None = planned("Whether a deleted workspace can be brought back.")
