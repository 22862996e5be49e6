"""Every key that Azure ML documents for a kind is read: none is lost when the classes change.

The table is written from Azure's public documentation of the YAML of each
kind, apart from our classes: a dot leads into a mapping, ``*`` stands for any
name, ``[]`` for an item of a list. Keys that only the service writes count as
read when they are accepted and left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, get_args

import pytest

from pratique.base.errors import NotYet
from pratique.specs.detection import detect
from pratique.specs.grammar import Part
from pratique.specs.kinds import KINDS, PLANNED_FORMS, PLANNED_KINDS, class_of, load
from pratique.specs.pipeline import PipelineStep
from pratique.specs.reader import document_of

ASSET: Final = "$schema name version description tags"
RESOURCES: Final = """
    resources.instance_count resources.instance_type resources.max_instance_count resources.properties
    resources.docker_args resources.shm_size resources.locations
"""
RUN: Final = (
    RESOURCES
    + """
    distribution.type distribution.process_count_per_instance distribution.worker_count
    distribution.parameter_server_count limits.timeout queue_settings.job_tier queue_settings.priority
    identity.type identity.client_id identity.object_id services.*.type services.*.port services.*.nodes
    services.*.properties services.*.ssh_public_keys services.*.log_dir services.*.status services.*.endpoint
    environment_variables compute
"""
)
ENVIRONMENT: Final = """
    image conda_file build.path build.dockerfile_path os_type inference_config.liveness_route.path
    inference_config.liveness_route.port inference_config.readiness_route.path inference_config.readiness_route.port
    inference_config.scoring_route.path inference_config.scoring_route.port
"""
JOB: Final = """
    $schema name display_name experiment_name description tags properties type id status creation_context
    inputs.*.type inputs.*.path inputs.*.mode inputs.*.value
    outputs.*.type outputs.*.path outputs.*.mode outputs.*.name outputs.*.version
"""
PORTS: Final = """
    inputs.*.type inputs.*.description inputs.*.default inputs.*.optional inputs.*.min inputs.*.max inputs.*.enum
    inputs.*.mode outputs.*.type outputs.*.description outputs.*.mode is_deterministic display_name type
"""
PROBES: Final = " ".join(
    f"{probe}_probe.{key}"
    for probe in ("liveness", "readiness")
    for key in ("initial_delay", "period", "timeout", "success_threshold", "failure_threshold", "path", "scheme")
)
COMPUTE: Final = "$schema name type description tags location"
STORE: Final = "$schema name type description tags"
PRINCIPAL: Final = """
    credentials.tenant_id credentials.client_id credentials.client_secret credentials.resource_url
    credentials.authority_url credentials.certificate credentials.thumbprint
"""

DOCUMENTED: Final[Mapping[str, str]] = {
    "data": f"{ASSET} type path properties auto_delete_setting.condition auto_delete_setting.value",
    "environment": f"{ASSET} {ENVIRONMENT}",
    "model": f"{ASSET} path type properties flavors stage",
    "job": f"""{JOB} {RUN} command code
        environment.{" environment.".join(ENVIRONMENT.split())}""",
    "pipeline-job": f"""{JOB} compute component
        settings.default_compute settings.default_datastore settings.continue_on_step_failure settings.force_rerun
        identity.type services.*.type jobs.*.type jobs.*.component jobs.*.inputs jobs.*.inputs.*.path
        jobs.*.inputs.*.type jobs.*.inputs.*.mode jobs.*.outputs.*.type jobs.*.outputs.*.path jobs.*.outputs.*.mode
        jobs.*.outputs.*.name jobs.*.outputs.*.version jobs.*.command jobs.*.code jobs.*.environment
        jobs.*.environment.image jobs.*.environment.conda_file jobs.*.environment.build.path
        jobs.*.component.name jobs.*.component.command jobs.*.component.environment jobs.*.component.inputs
        jobs.*.component.code jobs.*.component.jobs jobs.*.display_name jobs.*.name jobs.*.comment
        {" ".join(f"jobs.*.{key}" for key in RUN.split())}""",
    "command-component": f"""{ASSET} {PORTS} {RESOURCES} command code environment additional_includes
        environment.{" environment.".join(ENVIRONMENT.split())}
        distribution.type distribution.process_count_per_instance""",
    "pipeline-component": f"{ASSET} {PORTS} jobs jobs.*.component jobs.*.command jobs.*.inputs jobs.*.outputs",
    "online-endpoint": """$schema name description tags auth_mode identity.type
        identity.user_assigned_identities.[].resource_id public_network_access compute traffic mirror_traffic
        properties location provisioning_state scoring_uri openapi_uri""",
    "online-deployment": f"""$schema name description tags endpoint_name type model code_configuration.code
        code_configuration.scoring_script environment environment_variables instance_type instance_count
        app_insights_enabled scale_settings.type scale_settings.min_instances scale_settings.max_instances
        scale_settings.polling_interval scale_settings.target_utilization_percentage
        request_settings.request_timeout_ms request_settings.max_concurrent_requests_per_instance
        request_settings.max_queue_wait_ms {PROBES} egress_public_network_access model_mount_path
        data_collector.collections.*.enabled data_collector.collections.*.data.name
        data_collector.collections.*.data.path data_collector.collections.*.data.version
        data_collector.rolling_rate data_collector.sampling_rate data_collector.request_logging
        resources.requests resources.limits properties provisioning_state
        model.path model.name model.version model.type environment.image environment.conda_file
        environment.build.path environment.inference_config.scoring_route.port""",
    "workspace": """$schema name resource_group location display_name description tags storage_account
        container_registry key_vault application_insights hbi_workspace image_build_compute public_network_access
        customer_managed_key.key_vault customer_managed_key.key_uri identity.type
        identity.user_assigned_identities.*.client_id identity.user_assigned_identities.*.principal_id
        primary_user_assigned_identity managed_network.isolation_mode managed_network.outbound_rules.[].name
        managed_network.outbound_rules.[].type managed_network.outbound_rules.[].destination
        managed_network.outbound_rules.[].destination.service_tag managed_network.firewall_sku
        network_acls.default_action network_acls.ip_rules.[].value serverless_compute.custom_subnet
        serverless_compute.no_public_ip system_datastores_auth_mode enable_data_isolation
        allow_roleassignment_on_rg provision_network_now workspace_hub mlflow_tracking_uri discovery_url""",
    "amlcompute": f"""{COMPUTE} size tier min_instances max_instances idle_time_before_scale_down
        ssh_public_access_enabled ssh_settings.admin_username ssh_settings.admin_password
        ssh_settings.ssh_key_value network_settings.vnet_name network_settings.subnet enable_node_public_ip
        identity.type identity.user_assigned_identities.[].resource_id""",
    "computeinstance": f"""{COMPUTE} size create_on_behalf_of.user_tenant_id create_on_behalf_of.user_object_id
        ssh_public_access_enabled ssh_settings.ssh_key_value network_settings.vnet_name network_settings.subnet
        schedules.compute_start_stop.[].action schedules.compute_start_stop.[].trigger.type
        schedules.compute_start_stop.[].trigger.expression identity.type idle_time_before_shutdown
        idle_time_before_shutdown_minutes setup_scripts.creation_script.path setup_scripts.startup_script.command
        custom_applications.[].name custom_applications.[].image.reference enable_node_public_ip""",
    "kubernetes-compute": f"{COMPUTE} resource_id namespace identity.type properties",
    "synapsespark-compute": f"{COMPUTE} resource_id identity.type",
    "virtual-machine-compute": f"""{COMPUTE} resource_id ssh_settings.admin_username ssh_settings.admin_password
        ssh_settings.ssh_port ssh_settings.ssh_private_key_file""",
    "blob-datastore": f"""{STORE} account_name container_name endpoint protocol
        credentials.account_key credentials.sas_token""",
    "file-datastore": f"""{STORE} account_name file_share_name endpoint protocol
        credentials.account_key credentials.sas_token""",
    "gen1-datastore": f"{STORE} store_name {PRINCIPAL}",
    "gen2-datastore": f"{STORE} account_name filesystem endpoint protocol {PRINCIPAL}",
    "one-lake-datastore": f"{STORE} one_lake_workspace_name endpoint artifact.name artifact.type {PRINCIPAL}",
}


def test_the_table_has_every_kind() -> None:
    assert set(DOCUMENTED) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_documented_key_is_read(kind: str) -> None:
    PipelineStep.model_rebuild()  # Pipelines hold pipelines, which pydantic looks up late.
    lost = [key for key in DOCUMENTED[kind].split() if not is_read([class_of(kind)], key.split("."))]
    assert lost == []


def test_the_default_of_an_input_of_a_job_is_its_value() -> None:
    text = {"command": "x", "environment": "azureml:e:1", "inputs": {"rate": {"type": "number", "default": 0.1}}}
    assert load("job", document_of(text)).to_document()["inputs"]["rate"] == {"type": "number", "value": 0.1}


def test_a_key_that_nobody_documents_is_not_read() -> None:
    assert not is_read([class_of("job")], ["resources", "instance_cout"])
    assert not is_read([class_of("job")], ["inputs", "*", "patch"])


OTHERS: Final = [
    ("sweepJob", {"type": "sweep", "trial": {"command": "x"}}),
    ("parallelJob", {"type": "parallel", "task": {}}),
    ("sparkJob", {"type": "spark", "entry": {"file": "x.py"}}),
    ("autoMLJob", {"type": "automl", "task": "classification"}),
    ("autoMLClassificationJob", {"task": "classification"}),
    ("importJob", {"type": "import", "source": {}}),
    ("parallelComponent", {"type": "parallel", "name": "x"}),
    ("sparkComponent", {"type": "spark", "name": "x"}),
    ("schedule", {"name": "x", "trigger": {}, "create_job": "./job.yml"}),
    ("monitorSchedule", {"name": "x", "create_monitor": {}}),
    ("batchEndpoint", {"name": "x", "defaults": {"deployment_name": "a"}}),
    ("batchDeployment", {"name": "x", "endpoint_name": "e", "mini_batch_size": 10}),
    ("modelBatchDeployment", {"name": "x", "type": "model", "settings": {"mini_batch_size": 10}}),
    ("pipelineComponentBatchDeployment", {"name": "x", "type": "pipeline", "component": "azureml:x:1"}),
    ("workspaceConnection", {"name": "x", "type": "git", "target": "https://example.com"}),
    ("registry", {"name": "x", "replication_locations": []}),
    ("featureStore", {"name": "x", "offline_store": {}}),
    ("featureSet", {"name": "x", "specification": {"path": "x"}}),
    ("featureStoreEntity", {"name": "x", "index_columns": []}),
    ("serverlessEndpoint", {"name": "x", "model_id": "azureml://registries/r/models/m"}),
]


@pytest.mark.parametrize(("schema", "value"), OTHERS, ids=[schema for schema, _ in OTHERS])
def test_every_other_kind_is_known_by_its_schema_and_refused_by_name(schema: str, value: dict[str, Any]) -> None:
    url = f"https://azuremlschemas.azureedge.net/latest/{schema}.schema.json"
    with pytest.raises(NotYet) as caught:
        detect(document_of({"$schema": url, **value}))
    assert len(caught.value.problems) == 1, "a file of another kind is not read any further"


def test_other_kinds_are_refused_by_the_verbs_as_well() -> None:
    for kind in PLANNED_KINDS:
        with pytest.raises(NotYet, match="not in this version"):
            load(kind, document_of({"name": "x"}))
    for noun, forms in PLANNED_FORMS.items():
        for form in forms:
            with pytest.raises(NotYet, match=r"not in this version|1 problem"):
                load(noun, document_of({"name": "x", "type": form}))


# --- from keys to classes ------------------------------------------------------------------------------------------


def is_read(parts: Iterable[type[Part]], key: list[str]) -> bool:
    """Whether one of `parts` takes the key, in the depth too."""
    name, *rest = key
    for part in parts:
        if name in part.written_by_platform and not rest:
            return True
        fields = {field.alias or own: field for own, field in part.model_fields.items()}
        if name in fields and (not rest or is_read_inside(fields[name].annotation, rest)):
            return True
    return False


def is_read_inside(annotation: Any, key: list[str]) -> bool:
    """Whether a value of this type takes the key."""
    below = key[1:] if key[0] in ("*", "[]") else key
    parts = [*parts_in(annotation)]
    return not below or is_read(parts, below)


def parts_in(annotation: Any) -> Iterator[type[Part]]:
    """Every mapping of keys that a value of this type can be, or hold as an item."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        yield annotation
    for inner in get_args(annotation):
        yield from parts_in(inner)
