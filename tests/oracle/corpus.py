"""The files on which our reader and Azure's are compared: written by rule, one thing at a time.

For each kind there is the smallest file that means something, and a table of
keys with values that should pass and values that should not. From these come

- the smallest file, and the one with every key at once;
- one file for each key and value, good and bad;
- one file for each required key that is left out;
- one file for each mapping with a key that nobody knows.

Besides these there are the files below ``written``, each by hand as people
write them: with comments, anchors, folded commands, numbers where text is
meant. And there are the odd ones (`odd_cases`): every key once with each of a
few values that hardly belong there, and every key inside of it left empty.

Which of them are right is not said here: that is what is compared.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

Value = Any
Keys = dict[str, tuple[Sequence[Value], Sequence[Value]]]
"""Dotted key: values that should pass, values that should not. The first that passes is in the full file."""


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    name: str
    kind: str
    document: Mapping[str, Any]
    written: str = ""
    """The file as it was written by hand."""

    @property
    def text(self) -> str:
        return self.written or str(yaml.safe_dump(dict(self.document), sort_keys=False, allow_unicode=True))


WRITTEN: Final = Path(__file__).with_name("written")
"""Files by hand: a folder for each kind."""

ODD: Final[Mapping[str, Any]] = {
    "null": None, "int": 3, "float": 2.5, "bool": True, "text": "some words", "digits": "3", "empty": "", "list": [],
    "mapping": {},
}  # fmt: skip
"""Values that hardly any key takes."""


BESIDE: Final[Mapping[str, str]] = {
    # Files that the corpus names; all are in the folder of the files.
    "src/train.py": "print('trained')\n",
    "src/score.py": "def init(): ...\ndef run(data): return data\n",
    "conda.yml": "dependencies: [python=3.11, {pip: [numpy==2.1.0]}]\n",
    "data/rows.csv": "a,b\n1,2\n",
    "model/MLmodel": "flavors: {}\n",
    "docker/Dockerfile": "FROM scratch\n",
    "train.yml": """\
name: train
type: command
command: echo ${{inputs.rows}} ${{inputs.rate}} $[[ --note ${{inputs.note}} ]] ${{outputs.model}}
environment: azureml:sklearn:1
code: ./src
inputs:
  rows: {type: uri_folder}
  rate: {type: number, default: 0.1, min: 0, max: 1}
  note: {type: string, optional: true}
outputs:
  model: {type: uri_folder}
""",
    "parts/prepare.yml": """\
name: prepare
type: command
command: echo ${{inputs.rows}} ${{outputs.clean}}
environment: {image: python, conda_file: ../conda.yml}
code: ../src
inputs:
  rows: {type: uri_file}
outputs:
  clean: {type: uri_folder}
""",
    "inner.yml": """\
name: inner
type: pipeline
inputs:
  rows: {type: uri_folder}
outputs:
  model: {type: uri_folder}
jobs:
  fit:
    type: command
    component: ./train.yml
    inputs: {rows: "${{parent.inputs.rows}}"}
    outputs: {model: "${{parent.outputs.model}}"}
""",
}


def arm(path: str) -> str:
    """The id of a resource on Azure."""
    return f"/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/{path}"


# --- keys that several kinds share -----------------------------------------------------------------------------------

TEXT = (["some words"], [["a", "list"]])
DESCRIPTION: Final[Keys] = {"description": (["What it is.", ""], [["a"], {"a": "b"}])}
TAGS: Final[Keys] = {"tags": ([{"team": "risk", "stage": "dev"}], ["risk", ["risk"]])}
ASSET: Final[Keys] = (
    DESCRIPTION
    | TAGS
    | {
        "version": (["3", 7, "1.0"], [["1"], {"a": 1}]),
    }
)
PROPERTIES: Final[Keys] = {"properties": ([{"source": "lake"}], ["lake"])}
INLINE_ENVIRONMENT: Final = {
    "name": "sk",
    "version": "2",
    "description": "Pinned.",
    "tags": {"a": "b"},
    "image": "python:3.11",
    "conda_file": "conda.yml",
    "os_type": "linux",
    "inference_config": {
        "liveness_route": {"path": "/", "port": 8080},
        "readiness_route": {"path": "/", "port": 8080},
        "scoring_route": {"path": "/score", "port": 8080},
    },
}
ENVIRONMENT_USE: Final = (
    [
        INLINE_ENVIRONMENT,
        "azureml:sklearn:1",
        "azureml:sklearn@latest",
        "azureml://registries/azureml/environments/sklearn-1.5/versions/12",
        {"image": "python:3.11"},
        {"image": "python:3.11", "conda_file": {"dependencies": ["python=3.11", {"pip": ["numpy==2.1.0"]}]}},
    ],
    [3, ["azureml:sklearn:1"], "sklearn:1", {"imag": "python"}, {"image": ["python"]}, {}],
)
RESOURCES: Final[Keys] = {
    "resources.instance_count": ([2, 1], ["many", [2]]),
    "resources.instance_type": (["Standard_DS3_v2"], [[1]]),
    "resources.max_instance_count": ([4], ["many"]),
    "resources.shm_size": (["2g"], [[1]]),
    "resources.docker_args": (["--gpus all", ["--gpus", "all"]], [{"a": 1}]),
    "resources.locations": ([["westeurope"]], ["westeurope"]),
    "resources.properties": ([{"a": "b"}], ["b"]),
}
DISTRIBUTION: Final[Keys] = {
    "distribution": (
        [
            {"type": "pytorch", "process_count_per_instance": 2},
            {"type": "mpi", "process_count_per_instance": 2},
            {"type": "tensorflow", "worker_count": 2, "parameter_server_count": 1},
            {
                "type": "ray",
                "port": 6379,
                "address": "auto",
                "include_dashboard": True,
                "dashboard_port": 8265,
                "head_node_additional_args": "-a",
                "worker_node_additional_args": "-b",
            },
            {"type": "PyTorch"},
        ],
        [
            {"type": "horovod"},
            "pytorch",
            {"process_count_per_instance": 2},
            {"type": "mpi", "worker_count": 1},
            {"type": "pytorch", "process_count_per_instance": "many"},
        ],
    )
}
QUEUE: Final[Keys] = {
    "queue_settings.job_tier": (["spot", "premium"], ["gold", 3]),
    "queue_settings.priority": (["low", "high"], ["highest"]),
}
SERVICES: Final[Keys] = {
    "services": (
        [
            {
                "ssh": {
                    "type": "ssh",
                    "port": 2222,
                    "nodes": "all",
                    "ssh_public_keys": "key",
                    "properties": {"a": "b"},
                },
                "board": {"type": "tensor_board", "log_dir": "logs"},
                "lab": {"type": "jupyter_lab"},
                "code": {"type": "vs_code"},
            }
        ],
        ["ssh", {"ssh": "yes"}, {"ssh": {"type": "ssh", "prt": 1}}],
    )
}
IDENTITY: Final[Keys] = {
    "identity": (
        [{"type": "user_identity"}, {"type": "aml_token"}, {"type": "managed", "client_id": "c"}],
        ["user_identity", {"type": "nobody"}, {}],
    )
}
RUN: Final[Keys] = (
    RESOURCES
    | DISTRIBUTION
    | QUEUE
    | SERVICES
    | IDENTITY
    | {
        "limits.timeout": ([60], ["long"]),
        "environment_variables": ([{"A": "b"}, {"N": 1}], ["A=b", ["A"]]),
    }
)
JOB: Final[Keys] = (
    DESCRIPTION
    | TAGS
    | PROPERTIES
    | {
        "name": (["brave_job"], [["a"], 3]),
        "display_name": (["A brave job"], [["a"]]),
        "experiment_name": (["bravery"], [["a"]]),
    }
)
JOB_INPUTS: Final = (
    [
        {"rows": {"type": "uri_file", "path": "data/rows.csv"}},
        {"rows": {"type": "uri_file", "path": "data/rows.csv", "mode": "download"}},
        {"rows": {"type": "uri_folder", "path": "azureml:rows:1", "mode": "ro_mount"}},
        {"rows": {"type": "uri_folder", "path": "azureml:rows@latest"}},
        {"rows": {"type": "uri_folder", "path": "azureml://datastores/lake/paths/rows/"}},
        {"rows": {"type": "mltable", "path": "azureml:rows:1", "mode": "direct"}},
        {"rows": {"type": "mlflow_model", "path": "azureml:credit:1"}},
        {"rows": {"type": "custom_model", "path": "azureml:credit:1"}},
        {"rows": {"type": "uri_file", "path": "https://example.com/rows.csv"}},
        {"rows": {"path": "azureml:rows:1"}},
        {"rows": 0.5},
        {"rows": 3},
        {"rows": "words"},
        {"rows": True},
        {"rows": {"value": 3}},
    ],
    [
        ["rows"],
        {"rows": [1, 2]},
        {"rows": {"type": "uri_fil", "path": "azureml:rows:1"}},
        {"rows": {"type": "uri_file", "pth": "azureml:rows:1"}},
        {"rows": {"type": "uri_file", "path": "azureml:rows:1", "mode": "sideways"}},
        {"rows": {"type": "uri_file", "path": ["azureml:rows:1"]}},
        {"rows": {"type": "uri_file", "path": 3}},
        {"rows": {"value": [3]}},
        {"rows": {"value": 3, "unknown": 4}},
    ],
)
JOB_OUTPUTS: Final = (
    [
        {"model": {"type": "uri_folder", "mode": "rw_mount", "name": "credit", "version": "3"}},
        {"model": {"type": "uri_file", "mode": "upload"}},
        {"model": {"type": "mlflow_model", "path": "azureml://datastores/lake/paths/models/${{name}}/"}},
        {"model": {"type": "mltable"}},
        {"model": {}},
        {"model": None},
    ],
    [
        ["model"],
        {"model": 3},
        {"model": "text"},
        {"model": {"type": "folder"}},
        {"model": {"type": "uri_folder", "mode": "sideways"}},
        {"model": {"typ": "uri_folder"}},
        {"model": {"type": "uri_folder", "name": ["credit"]}},
    ],
)
COMPUTES: Final = (["azureml:cpu", "local"], [3, ["azureml:cpu"]])
PORTS: Final[Keys] = {
    "inputs": (
        [
            {
                "rows": {"type": "uri_folder", "mode": "ro_mount", "optional": False, "description": "Rows."},
                "rate": {"type": "number", "default": 0.1, "min": 0, "max": 1, "description": "Rate."},
                "steps": {"type": "integer", "default": 3, "min": 1, "max": 9, "optional": True},
                "kind": {"type": "string", "enum": ["a", "b"], "default": "a"},
                "quick": {"type": "boolean", "default": True},
            },
            {"rows": {"type": "uri_file"}},
            {"rows": {"type": "mltable", "optional": True}},
            {"rows": {"type": "mlflow_model"}},
            {"rows": {"type": "string"}},
            {"rows": {"type": "number", "default": 3}},
            {"rows": {"type": "boolean", "default": False}},
            {"rows": {"type": "uri_folder", "default": "azureml:rows:1"}},
        ],
        [
            ["rows"],
            {"rows": 3},
            {"rows": "uri_folder"},
            {"rows": {}},
            {"rows": {"type": "folder"}},
            {"rows": {"typ": "uri_folder"}},
            {"rows": {"type": "uri_folder", "path": "azureml:rows:1"}},
            {"rows": {"type": "uri_folder", "optional": "maybe"}},
            {"rows": {"type": "number", "default": "many"}},
            {"rows": {"type": "integer", "default": 1.5}},
            {"rows": {"type": "boolean", "default": "perhaps"}},
            {"rows": {"type": "number", "default": [1]}},
            {"rows": {"type": "string", "enum": "a"}},
            {"row s": {"type": "string"}},
            {"1row": {"type": "string"}},
        ],
    ),
    "outputs": (
        [
            {"model": {"type": "uri_folder", "mode": "rw_mount", "description": "The model."}},
            {"model": {"type": "mlflow_model"}},
            {"model": {"type": "uri_file", "mode": "upload"}},
        ],
        [
            ["model"],
            {"model": 3},
            {"model": {"type": "folder"}},
            {"model": {"mode": "rw_mount"}},
            {"model": {"type": "uri_folder", "mode": "sideways"}},
            {"mod el": {"type": "uri_folder"}},
        ],
    ),
}
COMPONENT: Final[Keys] = (
    ASSET
    | PORTS
    | PROPERTIES
    | {
        "display_name": (["Train it"], [["a"]]),
        "is_deterministic": ([False, True], ["perhaps", [True]]),
    }
)


def step(**keys: Value) -> dict[str, Value]:
    """A pipeline's keys with one step more that has `keys`."""
    first = {
        "type": "command",
        "command": "echo 1",
        "environment": "azureml:e:1",
        "outputs": {"out": {"type": "uri_folder"}},
    }
    return {"first": first, "second": {"type": "command", **keys}}


COMMAND_STEP: Final = {"command": "echo ${{inputs.rows}}", "environment": "azureml:e:1"}
FROM_FIRST: Final = {"rows": "${{parent.jobs.first.outputs.out}}"}
STEPS: Final = (
    [
        step(**COMMAND_STEP, inputs=FROM_FIRST),
        step(component="./train.yml", inputs=FROM_FIRST),
        step(component="file:./train.yml", inputs={**FROM_FIRST, "rate": 0.3, "note": "words"}),
        step(component="file:train.yml", inputs=FROM_FIRST, compute="azureml:cpu", resources={"instance_count": 2}),
        step(component="azureml:train:1", inputs=FROM_FIRST),
        step(component="azureml:train@latest", inputs=FROM_FIRST),
        step(component="azureml://registries/r/components/train/versions/1", inputs=FROM_FIRST),
        step(component="parts/prepare.yml", inputs={"rows": {"path": "azureml:rows:1", "type": "uri_file"}}),
        step(
            component="./train.yml",
            inputs={"rows": {"path": FROM_FIRST["rows"], "mode": "download", "type": "uri_folder"}},
        ),
        step(component="./train.yml", inputs=FROM_FIRST, outputs={"model": {"type": "uri_folder", "mode": "upload"}}),
        step(
            component="./train.yml",
            inputs=FROM_FIRST,
            outputs={"model": {"name": "credit", "version": "1", "type": "uri_folder"}},
        ),
        step(
            component="./train.yml",
            inputs=FROM_FIRST,
            outputs={"model": {"path": "azureml://datastores/d/paths/m/", "type": "uri_folder"}},
        ),
        step(component="./train.yml", inputs=FROM_FIRST, outputs={"model": None}),
        step(
            **COMMAND_STEP, inputs={"rows": 3}, code="./src", limits={"timeout": 60}, environment_variables={"A": "b"}
        ),
        step(
            **COMMAND_STEP,
            inputs={"rows": {"value": 3}},
            display_name="Second",
            description="Two.",
            tags={"a": "b"},
            properties={"a": "b"},
            name="second",
            experiment_name="e",
        ),
        step(
            **COMMAND_STEP,
            inputs=FROM_FIRST,
            distribution={"type": "mpi"},
            identity={"type": "user_identity"},
            queue_settings={"priority": "low"},
            services={"ssh": {"type": "ssh"}},
        ),
        step(
            component="./train.yml",
            inputs=FROM_FIRST,
            comment="Note.",
            environment="azureml:e:1",
            environment_variables={"A": "b"},
            properties={"a": "b"},
            limits={"timeout": 60},
            distribution={"type": "mpi"},
            identity={"type": "user_identity"},
            queue_settings={"priority": "low"},
            services={"ssh": {"type": "ssh"}},
        ),
        step(
            component={
                "type": "command",
                "command": "echo 1",
                "environment": "azureml:e:1",
                "environment_variables": {"A": "b"},
            }
        ),
        step(
            component={
                "command": "echo 1",
                "environment": {"image": "python:3.11"},
                "code": "./src",
                "resources": {"instance_count": 2},
                "distribution": {"type": "mpi"},
            }
        ),
        {
            "only": {
                "type": "pipeline",
                "component": "./inner.yml",
                "inputs": {"rows": {"path": "azureml:r:1", "type": "uri_folder"}},
            }
        },
        {"only": {"type": "pipeline", "component": "azureml:inner:1", "comment": "Note.", "properties": {"a": "b"}}},
        {"only": {"command": "echo 1", "environment": "azureml:e:1"}},
    ],
    [
        [],
        "train",
        {"only": 3},
        {"only": {"type": "comand", "command": "echo 1", "environment": "azureml:e:1"}},
        {"only": {"type": "command"}},
        {"only": {"type": "command", "environment": "azureml:e:1"}},
        {"only": {"type": "command", "command": "echo 1"}},
        {"only": {"type": "command", "command": "echo 1", "environment": "e:1"}},
        {"only": {"type": "command", "command": ["echo", "1"], "environment": "azureml:e:1"}},
        {"only": {"type": "command", "comand": "echo 1", "environment": "azureml:e:1"}},
        {"only": {"type": "pipeline"}},
        {"only": {"type": "pipeline", "component": 3}},
        {"only": {"type": "pipeline", "component": "./none.yml"}},
        {"only": {"type": "pipeline", "component": "./train.yml"}},
        {"only": {"type": "command", "component": "./none.yml"}},
        {"only": {"type": "command", "component": "./inner.yml"}},
        {"only": {"type": "command", "component": "./conda.yml"}},
        {"only": {"type": "command", "component": ["./train.yml"]}},
        {"only": {"type": "command", "component": "./train.yml"}},
        step(component="./train.yml", inputs={"rows": 3}),
        step(component="./train.yml", inputs={"row": "${{parent.jobs.first.outputs.out}}"}),
        step(component="./train.yml", inputs={**FROM_FIRST, "other": 3}),
        step(component="./train.yml", inputs={**FROM_FIRST, "rate": "fast"}),
        step(component="./train.yml", inputs={"rows": "${{parent.jobs.frist.outputs.out}}"}),
        step(component="./train.yml", inputs={"rows": "${{parent.jobs.first.outputs.nothing}}"}),
        step(component="./train.yml", inputs={"rows": "${{parent.inputs.nothing}}"}),
        step(component="./train.yml", inputs={"rows": "${{parent.jobs.second.outputs.model}}"}),
        step(component="./train.yml", inputs=FROM_FIRST, outputs={"model": "${{parent.outputs.nothing}}"}),
        step(component="./train.yml", inputs=FROM_FIRST, outputs={"modle": {"type": "uri_folder"}}),
        step(component="./train.yml", inputs=FROM_FIRST, outputs={"model": {"type": "folder"}}),
        step(component="./train.yml", inputs=["rows"]),
        step(component="./train.yml", inputs=FROM_FIRST, compute=3),
        step(component="./train.yml", inputs=FROM_FIRST, limits={"timeout": "long"}),
        step(component="./train.yml", inputs=FROM_FIRST, resources={"instance_count": "many"}),
        step(component="./train.yml", inputs=FROM_FIRST, computed="azureml:cpu"),
        step(**COMMAND_STEP, inputs=FROM_FIRST, codes="./src"),
        {"Only": {"type": "command", "command": "echo 1", "environment": "azureml:e:1"}},
        {"on ly": {"type": "command", "command": "echo 1", "environment": "azureml:e:1"}},
        {"1only": {"type": "command", "command": "echo 1", "environment": "azureml:e:1"}},
    ],
)

# --- the kinds -------------------------------------------------------------------------------------------------------

PRINCIPAL: Final = {"tenant_id": "t", "client_id": "c", "client_secret": "s"}
CERTIFICATE: Final = {"tenant_id": "t", "client_id": "c", "thumbprint": "p", "certificate": "x"}
STORE: Final[Keys] = DESCRIPTION | TAGS
ACCOUNT: Final[Keys] = STORE | {
    "endpoint": (["core.windows.net", "core.cloudapi.de"], [["a"]]),
    "protocol": (["https", "http"], [["a"]]),
}
STORAGE_CREDENTIALS: Final = (
    [{"account_key": "k"}, {"sas_token": "s"}],
    ["key", {"account_ky": "k"}, {"account_key": ["k"]}, {"account_key": "k", "sas_token": "s"}],
)
IDENTITY_CREDENTIALS: Final = (
    [
        PRINCIPAL | {"authority_url": "https://login.example.com", "resource_url": "https://example.com"},
        PRINCIPAL,
        CERTIFICATE,
    ],
    ["secret", {"client_secret": "s"}, {"tenant_id": "t", "client_id": "c"}, PRINCIPAL | {"more": 1}],
)
COMPUTE: Final[Keys] = DESCRIPTION | TAGS | {"location": (["westeurope"], [["a"]])}
COMPUTE_IDENTITY: Final = (
    [
        {"type": "user_assigned", "user_assigned_identities": [{"resource_id": "/subscriptions/s/i"}]},
        {"type": "system_assigned"},
    ],
    ["system_assigned", {"type": "nobody"}, {"type": "user_assigned", "user_assigned_identities": "i"}],
)
NETWORK: Final[Keys] = {
    "network_settings.vnet_name": (["net"], [["a"]]),
    "network_settings.subnet": (["sub"], [["a"]]),
}
PROBE: Final = {
    "initial_delay": 10,
    "period": 10,
    "timeout": 2,
    "success_threshold": 1,
    "failure_threshold": 30,
}
DEPLOYMENT: Final[Keys] = (
    DESCRIPTION
    | TAGS
    | PROPERTIES
    | {
        "model": (
            [
                {"name": "credit", "version": "1", "path": "model", "type": "custom_model"},
                "azureml:credit:1",
                "azureml:credit@latest",
                "azureml://registries/r/models/credit/versions/1",
                {"path": "model"},
            ],
            [3, ["azureml:credit:1"], "credit:1", {"pth": "model"}],
        ),
        "code_configuration": (
            [{"code": "src", "scoring_script": "score.py"}],
            ["src", {"code": "src"}, {"scoring_script": "score.py"}, {"code": "src", "scoring_script": 3}],
        ),
        "environment": ENVIRONMENT_USE,
        "environment_variables": ([{"A": "b"}], ["A=b"]),
        "instance_count": ([2], ["many", [2]]),
        "app_insights_enabled": ([True], ["perhaps"]),
        "request_settings.request_timeout_ms": ([3000], ["long"]),
        "request_settings.max_concurrent_requests_per_instance": ([2], ["many"]),
        "request_settings.max_queue_wait_ms": ([100], ["long"]),
        "liveness_probe": ([PROBE], [3, {"perod": 3}, {"period": "long"}]),
        "readiness_probe": ([PROBE], [3, {"perod": 3}]),
        "scale_settings": (
            [{"type": "default"}],
            ["default", {"type": "sometimes"}],
        ),
        "model_mount_path": (["/models"], [["a"]]),
        "data_collector": (
            [
                {
                    "collections": {
                        "model_inputs": {
                            "enabled": "true",
                            "client_id": "c",
                            "data": {"name": "in", "version": "1", "path": "azureml://datastores/d/paths/in"},
                        }
                    },
                    "rolling_rate": "hour",
                    "sampling_rate": 0.5,
                    "request_logging": {"capture_headers": ["a"]},
                }
            ],
            [
                "all",
                {"collections": "all"},
                {"rolling_rate": "century", "collections": {}},
                {"collections": {"x": {"sampling_rate": 0.5}}},
            ],
        ),
    }
)

BASES: Final[dict[str, dict[str, Value]]] = {
    "data": {"name": "rows", "type": "uri_file", "path": "data/rows.csv"},
    "environment": {"name": "sk", "image": "python:3.11"},
    "model": {"name": "credit", "path": "model"},
    "job": {"type": "command", "command": "echo 1", "environment": "azureml:sklearn:1"},
    "pipeline-job": {
        "type": "pipeline",
        "compute": "azureml:cpu",
        "jobs": {"only": {"type": "command", **COMMAND_STEP, "inputs": {"rows": 1}}},
    },
    "command-component": {"name": "train", "type": "command", "command": "echo 1", "environment": "azureml:e:1"},
    "pipeline-component": {
        "name": "train_all",
        "type": "pipeline",
        "jobs": {"only": {"type": "command", **COMMAND_STEP, "inputs": {"rows": 1}}},
    },
    "online-endpoint": {"name": "credit", "auth_mode": "key"},
    "online-deployment": {
        "name": "blue",
        "endpoint_name": "credit",
        "model": "azureml:credit:1",
        "instance_type": "Standard_DS3_v2",
        "instance_count": 1,
    },
    "workspace": {"name": "team-a", "location": "westeurope"},
    "blob-datastore": {"name": "lake", "type": "azure_blob", "account_name": "acc", "container_name": "con"},
    "file-datastore": {"name": "share", "type": "azure_file", "account_name": "acc", "file_share_name": "files"},
    "gen1-datastore": {"name": "lake", "type": "azure_data_lake_gen1", "store_name": "store"},
    "gen2-datastore": {"name": "lake", "type": "azure_data_lake_gen2", "account_name": "acc", "filesystem": "fs"},
    "one-lake-datastore": {
        "name": "lake",
        "type": "one_lake",
        "one_lake_workspace_name": "ws",
        "endpoint": "onelake.example.com",
        "artifact": {"name": "house", "type": "lake_house"},
    },
    "amlcompute": {"name": "cpu", "type": "amlcompute"},
    "computeinstance": {"name": "desk", "type": "computeinstance"},
    "kubernetes-compute": {"name": "k8s", "type": "kubernetes", "namespace": "ml"},
    "synapsespark-compute": {"name": "spark", "type": "synapsespark", "resource_id": "/subscriptions/s/p"},
    "virtual-machine-compute": {"name": "vm", "type": "virtualmachine", "resource_id": "/subscriptions/s/v"},
}

KEYS: Final[Mapping[str, Keys]] = {
    "data": ASSET
    | PROPERTIES
    | {
        "type": (["uri_file"], ["uri_fil", 3]),
        "path": (
            ["data/rows.csv", "azureml://datastores/lake/paths/rows.csv", "https://example.com/rows.csv"],
            [3, ["a"]],
        ),
        "datastore": (["azureml:lake"], [["a"]]),
        "auto_delete_setting": ([{"condition": "created_greater_than", "value": "30d"}], ["30d"]),
    },
    "environment": ASSET
    | {
        "image": (["python:3.11"], [3, ["python"]]),
        "conda_file": (["conda.yml", {"dependencies": ["python=3.11"]}], []),
        "build": ([{"path": "docker", "dockerfile_path": "Dockerfile"}], ["docker", {"pth": "docker"}]),
        "os_type": (["linux", "Linux"], ["plan9", 3]),
        "inference_config": (
            [INLINE_ENVIRONMENT["inference_config"]],
            ["yes", {"scoring_route": {"path": "/", "port": 1}}],
        ),
        "datastore": (["azureml:lake"], [["a"]]),
        "auto_delete_setting": ([{"condition": "created_greater_than", "value": "30d"}], ["30d"]),
    },
    "model": ASSET
    | PROPERTIES
    | {
        "type": (["custom_model", "mlflow_model", "triton_model", "Custom_Model"], ["pickle", 3]),
        "path": (
            ["model", "azureml://jobs/j/outputs/model/paths/m", "runs:/r/model", "azureml://datastores/d/paths/m"],
            [3],
        ),
        "stage": (["Production"], [["a"]]),
        "flavors": ([{"sklearn": {"version": "1.5"}}], ["sklearn"]),
        "datastore": (["azureml:lake"], [["a"]]),
        "default_deployment_template": (
            [{"asset_id": "azureml://registries/r/deploymenttemplates/t/versions/1"}],
            ["t"],
        ),
        "allowed_deployment_templates": (
            [[{"asset_id": "azureml://registries/r/deploymenttemplates/t/versions/1"}]],
            ["t"],
        ),
        "system_metadata": ([{"a": "b"}], ["a"]),
    },
    "job": JOB
    | RUN
    | {
        "command": (["echo two"], [["echo", "1"], 3]),
        "code": (["./src", "src"], [3, ["src"], "./none"]),
        "environment": ENVIRONMENT_USE,
        "inputs": JOB_INPUTS,
        "outputs": JOB_OUTPUTS,
        "compute": COMPUTES,
        "parent_job_name": (["parent"], [["a"]]),
    },
    "pipeline-job": JOB
    | IDENTITY
    | SERVICES
    | {
        "compute": COMPUTES,
        "settings.default_compute": (["azureml:cpu", "serverless"], [3, ["azureml:cpu"]]),
        "settings.default_datastore": (["azureml:lake"], ["lake", 3]),
        "settings.continue_on_step_failure": ([True, False], ["perhaps"]),
        "settings.force_rerun": ([True], ["perhaps"]),
        "inputs": JOB_INPUTS,
        "outputs": JOB_OUTPUTS,
        "jobs": STEPS,
        "component": ([], [3, "azureml:train:1"]),
    },
    "command-component": COMPONENT
    | RESOURCES
    | DISTRIBUTION
    | QUEUE
    | {
        "name": (["train_it"], ["Train", "train it", "1train", 3]),
        "command": (["echo two"], [["echo"], 3]),
        "code": (["./src"], [3, "./none"]),
        "environment": ENVIRONMENT_USE,
        "additional_includes": ([["data"]], ["data"]),
        "auto_delete_setting": ([{"condition": "created_greater_than", "value": "30d"}], ["30d"]),
    },
    "pipeline-component": COMPONENT
    | {
        "name": (["train_it"], ["Train", "train it"]),
        "jobs": STEPS,
        "auto_delete_setting": ([{"condition": "created_greater_than", "value": "30d"}], ["30d"]),
    },
    "online-endpoint": DESCRIPTION
    | TAGS
    | PROPERTIES
    | {
        "auth_mode": (["key", "aml_token", "aad_token", "Key"], ["password", 3]),
        "traffic": ([{"blue": 100}], ["blue=100", {"blue": "most"}]),
        "mirror_traffic": ([{"green": 10}], ["green=10", {"green": "some"}]),
        "location": (["westeurope"], [["a"]]),
        "public_network_access": (["enabled", "disabled"], ["sometimes"]),
        "identity": (
            [
                {"type": "user_assigned", "user_assigned_identities": [{"resource_id": "/subscriptions/s/i"}]},
                {"type": "system_assigned"},
            ],
            ["system_assigned", {"type": "nobody"}],
        ),
        "compute": ([], ["cpu"]),
    },
    "online-deployment": DEPLOYMENT
    | {
        "instance_type": (["Standard_F2s_v2"], [["a"]]),
        "egress_public_network_access": (["enabled", "disabled"], ["sometimes"]),
        "private_network_connection": ([True], ["perhaps"]),
        "startup_probe": ([], [3]),
        "type": (["managed", "kubernetes"], ["lambda"]),
        "resources": ([], [{"requests": {"cpu": "1"}}]),
    },
    "workspace": DESCRIPTION
    | TAGS
    | {
        "display_name": (["Team A"], [["a"]]),
        "location": (["westeurope"], [["a"]]),
        "resource_group": (["group"], [["a"]]),
        "hbi_workspace": ([True], ["perhaps"]),
        "storage_account": ([arm("Microsoft.Storage/storageAccounts/x")], [["a"]]),
        "container_registry": ([arm("Microsoft.ContainerRegistry/registries/x")], [["a"]]),
        "key_vault": ([arm("Microsoft.KeyVault/vaults/x")], [["a"]]),
        "application_insights": ([arm("Microsoft.insights/components/x")], [["a"]]),
        "customer_managed_key": (
            [{"key_vault": "v", "key_uri": "https://vault.example.com/keys/k"}],
            ["v", {"key_valt": "v"}],
        ),
        "image_build_compute": (["cpu"], [["a"]]),
        "public_network_access": (["Enabled", "Disabled", "enabled"], ["sometimes"]),
        "identity": ([{"type": "system_assigned"}], ["system_assigned"]),
        "primary_user_assigned_identity": (["/subscriptions/s/i"], [["a"]]),
        "enable_data_isolation": ([True], ["perhaps"]),
        "allow_roleassignment_on_rg": ([True], ["perhaps"]),
        "provision_network_now": ([True], ["perhaps"]),
        "managed_network": ([{"isolation_mode": "allow_internet_outbound"}], ["open"]),
        "network_acls": ([{"default_action": "Deny", "ip_rules": [{"value": "10.0.0.0/8"}]}], ["deny"]),
        "serverless_compute": (
            [{"custom_subnet": arm("Microsoft.Network/virtualNetworks/x/subnets/s"), "no_public_ip": False}],
            ["none"],
        ),
        "system_datastores_auth_mode": (["identity"], [["a"]]),
        "workspace_hub": ([arm("Microsoft.MachineLearningServices/workspaces/x")], [["a"]]),
    },
    "blob-datastore": ACCOUNT | {"credentials": STORAGE_CREDENTIALS, "container_name": (["other"], [["a"], 3])},
    "file-datastore": ACCOUNT | {"credentials": STORAGE_CREDENTIALS, "file_share_name": (["other"], [["a"], 3])},
    "gen1-datastore": STORE | {"credentials": IDENTITY_CREDENTIALS, "store_name": (["other"], [["a"], 3])},
    "gen2-datastore": ACCOUNT | {"credentials": IDENTITY_CREDENTIALS, "filesystem": (["other"], [["a"], 3])},
    "one-lake-datastore": STORE
    | {
        "credentials": ([PRINCIPAL], ["secret", {"client_secret": "s"}]),
        "artifact": ([{"name": "h", "type": "lake_house"}], ["h", {"type": "lake_house"}]),
    },
    "amlcompute": COMPUTE
    | NETWORK
    | {
        "size": (["Standard_DS3_v2"], [["a"], 3]),
        "tier": (["dedicated", "low_priority"], ["gold", 3]),
        "min_instances": ([1, 0], ["few"]),
        "max_instances": ([3], ["many"]),
        "idle_time_before_scale_down": ([60], ["long"]),
        "ssh_public_access_enabled": ([True], ["perhaps"]),
        "ssh_settings": ([{"admin_username": "a", "admin_password": "p", "ssh_key_value": "k"}], ["k", {"key": "k"}]),
        "identity": COMPUTE_IDENTITY,
        "enable_node_public_ip": ([False], ["perhaps"]),
    },
    "computeinstance": COMPUTE
    | NETWORK
    | {
        "size": (["Standard_DS3_v2"], [["a"]]),
        "create_on_behalf_of": ([{"user_tenant_id": "t", "user_object_id": "o"}], ["me", {"user": "o"}]),
        "ssh_public_access_enabled": ([True], ["perhaps"]),
        "ssh_settings": ([{"ssh_key_value": "k"}], ["k"]),
        "schedules": (
            [
                {
                    "compute_start_stop": [
                        {
                            "action": "stop",
                            "state": "enabled",
                            "trigger": {
                                "type": "cron",
                                "expression": "0 18 * * *",
                                "time_zone": "UTC",
                                "start_time": "2026-01-01T00:00:00",
                            },
                        },
                        {
                            "action": "start",
                            "trigger": {
                                "type": "recurrence",
                                "frequency": "week",
                                "interval": 1,
                                "schedule": {"week_days": ["monday"], "hours": [8], "minutes": [0]},
                            },
                        },
                    ]
                }
            ],
            ["daily", {"compute_start_stop": [{"action": "pause"}]}, {"compute_start_stop": [{"state": "enabled"}]}],
        ),
        "identity": COMPUTE_IDENTITY,
        "idle_time_before_shutdown": (["PT30M"], [["a"]]),
        "idle_time_before_shutdown_minutes": ([30], ["long"]),
        "custom_applications": (
            [
                [
                    {
                        "name": "app",
                        "type": "docker",
                        "image": {"reference": "nginx"},
                        "endpoints": [{"target": 8081, "published": 8080}],
                        "environment_variables": {"A": "b"},
                        "bind_mounts": [{"source": "/a", "target": "/b"}],
                    }
                ]
            ],
            ["app", [{"type": "docker"}], [{"name": "app", "endpoints": [{"target": 80, "published": 8080}]}]],
        ),
        "setup_scripts": (
            [
                {
                    "creation_script": {"path": "a.sh", "command": "bash a.sh", "timeout_minutes": 5},
                    "startup_script": {"path": "b.sh"},
                }
            ],
            ["a.sh", {"creation_script": "a.sh"}],
        ),
        "enable_node_public_ip": ([False], ["perhaps"]),
        "enable_sso": ([False], ["perhaps"]),
        "enable_root_access": ([False], ["perhaps"]),
        "release_quota_on_stop": ([True], ["perhaps"]),
        "enable_os_patching": ([True], ["perhaps"]),
    },
    "kubernetes-compute": COMPUTE
    | {
        "namespace": (["jobs"], [["a"]]),
        "resource_id": (["/subscriptions/s/k"], [["a"]]),
        "properties": ([{"a": "b"}], ["a"]),
        "identity": COMPUTE_IDENTITY,
    },
    "synapsespark-compute": COMPUTE | {"identity": COMPUTE_IDENTITY},
    "virtual-machine-compute": COMPUTE
    | {
        "ssh_settings": (
            [{"admin_username": "a", "admin_password": "p", "ssh_port": 22, "ssh_private_key_file": "key"}],
            ["key", {"user": "a"}, {"ssh_port": "first"}],
        ),
    },
}

MORE: Final[dict[str, Keys]] = {
    # Keys that are seldom written: each in a file of its own, and in none with every key.
    "environment": {"properties": ([{"source": "lake"}], [])},
    "job": {
        "inputs.rows": (
            [{"type": "uri_file", "path": "azureml:rows:1", "datastore": "azureml:lake", "path_on_compute": "/rows"}],
            [],
        ),
        "outputs.model": ([{"type": "uri_folder", "path_on_compute": "/model"}, {"early_available": True}], []),
        "services.ssh": (
            [
                {"type": "ssh", "status": "Running"},
                {"type": "ssh", "endpoint": "ssh://x"},
                {"type": "ssh", "error_message": ""},
                {"job_service_type": "ssh"},
            ],
            [],
        ),
        "identity": ([{"type": "managed", "object_id": "o"}, {"type": "managed", "msi_resource_id": "m"}], []),
        "environment": (
            [
                {"build": {"path": "docker", "dockerfile_path": "Dockerfile"}, "datastore": "azureml:lake"},
                {"image": "python:3.11", "auto_delete_setting": {"condition": "created_greater_than", "value": "3d"}},
            ],
            [],
        ),
    },
    "command-component": {"environment_variables": ([{"A": "b"}], [])},
    "pipeline-job": {
        "jobs.only.parent_job_name": (["parent"], []),
        "jobs.only.inputs.rows": (
            [
                {"path": "azureml:rows:1", "type": "uri_file", "datastore": "azureml:lake"},
                {"path": "azureml:rows:1", "type": "uri_file", "path_on_compute": "/rows"},
            ],
            [],
        ),
        "jobs": (
            [
                {
                    "only": {
                        "component": {"command": "echo 1", "environment": "azureml:e:1", "additional_includes": ["src"]}
                    }
                },
                {
                    "only": {
                        "type": "pipeline",
                        "component": {
                            "type": "pipeline",
                            "is_deterministic": False,
                            "auto_delete_setting": {"condition": "created_greater_than", "value": "3d"},
                            "jobs": {"in": {"command": "echo 1", "environment": "azureml:e:1"}},
                        },
                    }
                },
            ],
            [],
        ),
    },
    "online-endpoint": {
        "identity": (
            [
                {
                    "type": "user_assigned",
                    "user_assigned_identities": [{"resource_id": "i", "client_id": "c", "principal_id": "p"}],
                },
                {"type": "system_assigned", "principal_id": "p"},
                {"type": "system_assigned", "tenant_id": "t"},
            ],
            [],
        )
    },
    "online-deployment": {
        "resources.limits": ([{"cpu": "1"}], []),
        "data_collector.destination": ([{"path": "p"}], []),
        "data_collector.sampling_strategy": ([{"rate": 0.5}], []),
        "liveness_probe": ([{"period": 3, "path": "/live", "port": 5001}, {"scheme": "http"}, {"method": "GET"}], []),
        "scale_settings": (
            [
                {
                    "type": "target_utilization",
                    "min_instances": 1,
                    "max_instances": 3,
                    "polling_interval": 10,
                    "target_utilization_percentage": 70,
                }
            ],
            [],
        ),
        "model": (
            [
                {"path": "model", "flavors": {"sklearn": {"version": "1"}}},
                {"path": "model", "datastore": "azureml:lake"},
                {"path": "model", "system_metadata": {"a": "b"}},
                {"path": "model", "default_deployment_template": {"asset_id": "azureml:t:1"}},
                {"path": "model", "allowed_deployment_templates": [{"asset_id": "azureml:t:1"}]},
            ],
            [],
        ),
    },
    "workspace": {
        "customer_managed_key": (
            [
                {
                    "key_vault": "v",
                    "key_uri": "https://vault.example.com/keys/k",
                    "cosmosdb_id": "c",
                    "storage_id": "s",
                    "search_id": "x",
                }
            ],
            [],
        ),
        "enable_software_networking": ([True], []),
        "identity": (
            [
                {
                    "type": "user_assigned",
                    "user_assigned_identities": {
                        "/subscriptions/s/i": {"client_id": "c", "principal_id": "p"},
                        "/subscriptions/s/j": {"resource_id": "/subscriptions/s/j"},
                    },
                    "principal_id": "p",
                    "tenant_id": "t",
                }
            ],
            [],
        ),
        "managed_network": (
            [
                {
                    "isolation_mode": "allow_only_approved_outbound",
                    "firewall_sku": "basic",
                    "outbound_rules": [
                        {
                            "name": "tag",
                            "type": "service_tag",
                            "destination": {
                                "service_tag": "DataFactory",
                                "protocol": "TCP",
                                "port_ranges": "80",
                                "address_prefixes": ["10.0.0.0/8"],
                            },
                        },
                        {
                            "name": "store",
                            "type": "private_endpoint",
                            "destination": {
                                "service_resource_id": arm("Microsoft.Storage/storageAccounts/x"),
                                "subresource_target": "blob",
                                "spark_enabled": True,
                            },
                            "fqdns": ["x.example.com"],
                        },
                        {"name": "packages", "type": "fqdn", "destination": "packages.example.org"},
                    ],
                }
            ],
            [],
        ),
        "feature_store_settings": ([{"offline_store_connection_name": "c"}], []),
        "hub_id": (["h"], []),
        "kind": (["default"], []),
        "soft_delete_enabled": ([True], []),
        "workspace_id": (["w"], []),
    },
}

REQUIRED: Final[Mapping[str, Sequence[str]]] = {
    kind: [
        key for key in base if not (kind in ("workspace", "online-endpoint", "online-deployment") and key in _CAN_GO)
    ]
    for kind, base in BASES.items()
    for _CAN_GO in [("location", "auth_mode", "instance_count", "model")]
}
"""Keys of the smallest file without which it is another file, or none."""


def cases() -> Iterator[Case]:
    """Every file, always in the same order and with the same names."""
    for kind, base in BASES.items():
        keys = KEYS[kind]
        yield Case(f"{kind}-smallest", kind, base)
        full: Mapping[str, Value] = base
        for key, (good, _) in keys.items():
            full = with_value(full, key, good[0]) if good and not is_alternative(kind, key) else full
        yield Case(f"{kind}-full", kind, full)
        for key, (good, bad) in keys.items():
            for number, value in enumerate(good):
                yield Case(f"{kind}-{slug(key)}-good-{number}", kind, with_value(base, key, value))
            for number, value in enumerate(bad):
                yield Case(f"{kind}-{slug(key)}-bad-{number}", kind, with_value(base, key, value))
        for key, (good, _) in MORE.get(kind, {}).items():
            for number, value in enumerate(good):
                yield Case(f"{kind}-{slug(key)}-more-{number}", kind, with_value(base, key, value))
        for key in REQUIRED[kind]:
            yield Case(f"{kind}-without-{key}", kind, {name: value for name, value in base.items() if name != key})
        yield Case(f"{kind}-with-an-unknown-key", kind, {**base, "unknown_key": "x"})
        yield Case(f"{kind}-with-a-number-for-a-name", kind, {**base, "name": 3})
    yield from written_cases()


def written_cases() -> Iterator[Case]:
    """Every file that was written by hand."""
    for file in sorted(WRITTEN.rglob("*.yml")):
        text = file.read_text(encoding="utf-8")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            value = None
        document = value if isinstance(value, dict) else {}
        yield Case(f"{file.parent.name}-by-hand-{file.stem}", file.parent.name, document, text or "\n")


def odd_cases() -> Iterator[Case]:
    """Every key with values that hardly belong there, and with something inside of it left empty."""
    for kind, base in BASES.items():
        for key in dict.fromkeys([*base, *KEYS[kind]]):
            for name, value in ODD.items():
                yield Case(f"{kind}-{slug(key)}-odd-{name}", kind, with_value(base, key, value))
            good, _ = KEYS[kind].get(key, ((), ()))
            for number, value in enumerate(good):
                for inner in with_one_left_empty(value):
                    yield Case(f"{kind}-{slug(key)}-odd-inside-{number}", kind, with_value(base, key, inner))
                if isinstance(value, str) and value.isidentifier():
                    yield Case(f"{kind}-{slug(key)}-odd-upper-{number}", kind, with_value(base, key, value.upper()))


def with_one_left_empty(value: Any) -> Iterator[Any]:
    """`value` with each key of each of its mappings without a value, one at a time."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield {**value, name: None}
        yield from ({**value, name: less} for less in with_one_left_empty(inner))


def is_alternative(kind: str, key: str) -> bool:
    """Whether a key stands in another's place, so that a file with both is wrong."""
    return (kind, key) in {("environment", "build"), ("computeinstance", "idle_time_before_shutdown_minutes")}


def with_value(document: Mapping[str, Value], key: str, value: Value) -> Mapping[str, Value]:
    """`document` with `value` at a dotted key."""
    whole = copy.deepcopy(dict(document))
    inner = whole
    *way, last = key.split(".")
    for name in way:
        inner = inner.setdefault(name, {})
    inner[last] = copy.deepcopy(value)
    return whole


def slug(key: str) -> str:
    """A dotted key as a part of a file name."""
    return key.replace(".", "-").replace("_", "-")


def write_beside(folder: Path) -> None:
    """Write the files that the corpus names into `folder`."""
    for name, text in BESIDE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def write(folder: Path, found: Case) -> Path:
    """Write the file of a case into `folder`."""
    path = folder / f"{found.name}.yml"
    path.write_text(found.text, encoding="utf-8")
    return path
