"""Online deployments, managed and on Kubernetes."""

from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotYet
from pratique.specs.deployment import OnlineDeployment, assets_of, collections_of
from pratique.specs.kinds import load
from pratique.specs.reader import document_of, parse_document


def deployment(**keys: Any) -> OnlineDeployment:
    spec = load(
        "online-deployment", document_of({"name": "blue", "endpoint_name": "credit", "model": "azureml:m:1"} | keys)
    )
    assert isinstance(spec, OnlineDeployment)
    return spec


MANAGED = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: credit
model:
  path: ../model/
code_configuration:
  code: ../src
  scoring_script: score.py
environment:
  conda_file: ../conda.yml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
environment_variables: {LEVEL: 3}
instance_type: Standard_DS3_v2
instance_count: 3
request_settings:
  request_timeout_ms: 90000
  max_concurrent_requests_per_instance: 4
  max_queue_wait_ms: 500
liveness_probe: {initial_delay: 30, period: 10, timeout: 2, success_threshold: 1, failure_threshold: 30}
readiness_probe: {initial_delay: 30}
data_collector:
  collections:
    model_inputs: {enabled: 'True', sampling_rate: 0.5, data: {name: in, version: 1}}
  rolling_rate: hour
egress_public_network_access: disabled
app_insights_enabled: yes
"""

KUBERNETES = """\
$schema: https://azuremlschemas.azureedge.net/latest/kubernetesOnlineDeployment.schema.json
name: green
type: kubernetes
endpoint_name: credit
model: azureml:credit@latest
resources:
  requests: {cpu: "0.1", memory: 0.5Gi, nvidia.com/gpu: "1"}
  limits: {cpu: "1"}
scale_settings:
  type: target_utilization
  min_instances: 1
  max_instances: 3
  polling_interval: 10
  target_utilization_percentage: 70
"""


def test_a_managed_deployment_is_understood_and_what_is_not_run_is_said() -> None:
    spec = load("online-deployment", parse_document(MANAGED, file="blue.yml"))
    assert isinstance(spec, OnlineDeployment)
    assert spec.request_settings.request_timeout_ms == 90000
    assert spec.environment_variables == {"LEVEL": "3"}
    assert spec.planned() == [
        "request_settings.max_queue_wait_ms",
        "app_insights_enabled",
        "egress_public_network_access",
    ]


def test_a_kubernetes_deployment_is_recognised() -> None:
    spec = load("online-deployment", parse_document(KUBERNETES, file="green.yml"))
    assert spec.planned() == ["type", "scale_settings", "resources.requests.nvidia.com/gpu"]


def test_the_defaults_are_those_of_azure() -> None:
    spec = deployment()
    assert (spec.request_settings.request_timeout_ms, spec.instance_count, spec.type) == (5000, 1, "managed")


def test_concurrency_is_left_open_unless_it_is_set() -> None:
    assert deployment().request_settings.max_concurrent_requests_per_instance is None


def test_an_mlflow_model_needs_neither_code_nor_environment() -> None:
    assert deployment(model={"path": "m", "type": "mlflow_model"}).environment is None


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"model": None}, "a deployment needs a model or a code_configuration"),
        ({"model": "credit:1"}, "model: expected azureml:NAME:VERSION"),
        ({"model": "azureml://registries/r/environments/e/versions/1"}, "is one of the environments"),
        ({"model": {"name": "x"}}, "model.path: this key is required"),
        ({"model": {"path": "x", "typ": "y"}}, "model.typ: unknown key (did you mean type?)"),
        ({"model": {"path": "x", "type": "sklearn"}}, "model.type: expected one of custom_model, mlflow_model"),
        ({"code_configuration": {"code": "s", "scoring_script": "s.py"}}, "needs an environment"),
        ({"insance_count": 1}, "insance_count: unknown key (did you mean instance_count?)"),
        ({"instance_count": 0}, "instance_count: expected at least 1; got 0"),
        ({"instance_count": "two"}, "instance_count: expected a whole number; got two"),
        ({"request_settings": {"request_timeout_ms": 200_000}}, "expected at most 180000; got 200000"),
        ({"liveness_probe": {"perod": 1}}, "liveness_probe.perod: unknown key (did you mean period?)"),
        ({"readiness_probe": {"timeout": 0}}, "readiness_probe.timeout: expected at least 1; got 0"),
        ({"scale_settings": {"type": "auto"}}, "scale_settings.type: expected one of default, target_utilization"),
        ({"data_collector": {"collections": {"x": {"sampling_rate": 2}}}}, "expected at most 1"),
        ({"endpoint_name": "-"}, "'-' cannot name an endpoint"),
        ({"tags": "pratique.optimize"}, "tags: "),
        ({"tags": {"pratique.optimize": "onyx"}}, "tags.pratique.optimize: expected onnx, got 'onyx'"),
        (
            {"tags": {"pratique.optimise": "onnx", "pratique.grcp": "true"}},
            "tags: there is no setting pratique.optimise (did you mean pratique.optimize?); "
            "there is no setting pratique.grcp (did you mean pratique.grpc?)",
        ),
        (
            {
                "tags": {"pratique.optimize": "onnx"},
                "code_configuration": {"code": "s", "scoring_script": "s.py"},
                "environment": "azureml:e:1",
            },
            "a script calls its model itself",
        ),
        ({"tags": {"pratique.grpc": "yes"}}, "tags.pratique.grpc: expected true or false, got 'yes'"),
        (
            {
                "tags": {"pratique.grpc": "true"},
                "code_configuration": {"code": "s", "scoring_script": "s.py"},
                "environment": "azureml:e:1",
            },
            "a script has no tensors with names",
        ),
    ],
)
def test_a_wrong_value_is_refused_at_its_key(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        deployment(**keys)
    (problem,) = caught.value.problems
    assert said in str(problem)


@pytest.mark.parametrize("script", ["../score.py", "/score.py", "a\\score.py", "score.py#x"])
def test_the_scoring_script_stays_inside_the_code(script: str) -> None:
    with pytest.raises(InvalidInput, match="scoring_script"):
        deployment(code_configuration={"code": "s", "scoring_script": script}, environment="azureml:e:1")


def test_triton_models_are_not_run_yet() -> None:
    with pytest.raises(NotYet, match=r"model\.type: triton_model"):
        deployment(model={"path": "x", "type": "triton_model"})


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, {}),
        ({}, {}),
        ({"enabled": True}, {"model_inputs": 1.0, "model_outputs": 1.0}),
        ({"collections": {"model_inputs": {"enabled": True}}}, {"model_inputs": 1.0}),
        ({"collections": {"model_inputs": {"enabled": False}, "request": None}}, {"request": 1.0}),
        (
            {"sampling_rate": 0.5, "collections": {"model_inputs": {}, "own": {"sampling_rate": 0}}},
            {"model_inputs": 0.5, "own": 0.0},
        ),
    ],
)
def test_what_a_data_collector_keeps(given: Any, kept: dict[str, float]) -> None:
    assert collections_of(given) == kept


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (None, ("credit-blue-model_inputs", "1")),
        ({"name": "seen"}, ("seen", "1")),
        ({"version": 3}, ("credit-blue-model_inputs", "3")),
        ("azureml:seen:4", ("seen", "4")),
        ("azureml:seen@latest", ("seen", "1")),
    ],
)
def test_a_data_asset_shows_each_collection(data: Any, shown: tuple[str, str]) -> None:
    collector = {"collections": {"model_inputs": {"data": data}, "off": {"enabled": False}}}
    assert assets_of(collector, "credit", "blue") == {"model_inputs": shown}
