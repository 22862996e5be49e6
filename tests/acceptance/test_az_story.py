"""Somebody who knows `az ml` works with this platform in their own words, after one line: eval "$(pratique env)"."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from .installation import PLAIN_ENVIRONMENT, Installation, Said, until, write

Az = Callable[[str], Said]
GROUP: Final = "credit-rg"
WORKSPACE: Final = "credit"
PROJECT: Final = {
    **PLAIN_ENVIRONMENT,
    "rows.csv": "a,b\n1,2\n3,4\n",
    "data.yml": "name: rows\ntype: uri_file\npath: rows.csv\ntags:\n  owner: us\n",
    "src/train.sh": 'wc -l < "$1"\ncp "$1" "$2/weights.csv"\necho "trained with $3"\n',
    "job.yml": """\
type: command
code: src
command: bash train.sh ${{inputs.rows}} ${{outputs.weights}} ${{inputs.lr}}
inputs:
  lr: 0.1
  rows:
    type: uri_file
    path: azureml:rows@latest
outputs:
  weights:
    type: uri_folder
environment: azureml:plain@latest
compute: azureml:cpu-cluster
experiment_name: story
""",
    "weights.txt": "3 4 5",
    "score/score.py": """\
import json
import os
from pathlib import Path


def init():
    global weights
    weights = Path(os.environ["AZUREML_MODEL_DIR"], "weights.txt").read_text()
    print("init is done")


def run(raw):
    print("run was asked")
    return {"sum": sum(json.loads(raw)["data"]), "weights": weights, "colour": os.environ["COLOUR"]}
""",
    "endpoint.yml": "name: story\nauth_mode: key\n",
    "blue.yml": """\
name: blue
endpoint_name: story
model: azureml:weights@latest
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
environment_variables:
  COLOUR: blue
instance_type: Standard_DS3_v2
instance_count: 1
""",
    "request.json": '{"data": [1, 2, 3]}',
}


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """Plain Azure ML files in a folder of their own."""
    return write(platform.folder / "story", PROJECT)


@pytest.fixture(scope="module")
def az(platform: Installation, project: Path) -> Az:
    """Runs a script in a shell where `az` is pratique; the shell's profile is its own."""
    place = replace(platform, extra={"PRATIQUE_CONFIG_DIR": str(project / ".config")})

    def run(script: str) -> Said:
        return place.bash(f'eval "$(pratique env)" 2>/dev/null\n{script}', cwd=project)

    made = run(f"""
        az group create --name {GROUP} --location westeurope
        az ml workspace create --name {WORKSPACE} --resource-group {GROUP}
        az configure --defaults group={GROUP} workspace={WORKSPACE}
    """)
    assert made.code == 0, made
    return run


@pytest.fixture(scope="module")
def assets(az: Az) -> Said:
    """Data and environment of the story."""
    said = az("""
        az ml data create --file data.yml --query version -o tsv
        az ml environment create --file environment.yml --query "join(':', [name, version])" -o tsv
    """)
    assert said.code == 0, said
    return said


@pytest.fixture(scope="module")
def models(az: Az) -> Said:
    """A model with the version it had elsewhere, and the next one."""
    said = az("""
        az ml model create --name weights --version 7 --type custom_model --path weights.txt --query version -o tsv
        az ml model create --name weights --type custom_model --path weights.txt --query version -o tsv
    """)
    assert said.code == 0, said
    return said


@pytest.fixture(scope="module")
def served(az: Az, assets: Said, models: Said) -> str:
    """The endpoint with blue, which has all traffic, and green, which has none; its key."""
    said = az("""
        az ml online-endpoint create --file endpoint.yml --output none
        az ml online-deployment create --file blue.yml --all-traffic --output none
        az ml online-deployment create --file blue.yml --name green --set environment_variables.COLOUR=green -o none
        az ml online-endpoint get-credentials --name story --query primaryKey --output tsv
    """)
    assert said.code == 0, said
    return said.out.strip()


def test_the_shell_says_what_az_is_and_gives_it_back(platform: Installation, az: Az) -> None:
    said = platform.bash("""
        eval "$(pratique env)"
        command -v az
        az version --query pratique -o tsv
        pratique_deactivate
        command -v az || echo no az
    """)
    assert said.code == 0, said
    assert "az in this shell is pratique" in said.err
    assert "pratique_deactivate" in said.err
    ours, _, after = said.out.splitlines()
    assert ours == str(platform.folder / "config" / "bin" / "az")
    assert after != ours


def test_data_and_environment_get_their_first_version(assets: Said) -> None:
    assert assets.out.split() == ["1", "plain:1"]


def test_an_explicit_version_is_kept_and_the_next_one_follows_it(models: Said) -> None:
    assert models.out.split() == ["7", "8"]


def test_a_job_is_streamed_and_its_output_comes_down_as_it_was(az: Az, assets: Said, project: Path) -> None:
    said = az("""
        name=$(az ml job create --file job.yml --set inputs.lr=0.5 --stream --query name --output tsv)
        az ml job show --name "$name" --query "[status, experiment_name]" --output tsv
        az ml job download --name "$name" --output-name weights --download-path got
    """)
    assert said.code == 0, said
    assert "trained with 0.5" in said.err
    assert said.out.split() == ["Completed", "story"]
    assert (project / "got" / "named-outputs" / "weights" / "weights.csv").read_text() == PROJECT["rows.csv"]


def test_a_key_opens_the_endpoint_and_nothing_else_does(az: Az, served: str) -> None:
    said = az(f"""
        uri=$(az ml online-endpoint show --name story --query scoring_uri -o tsv)
        ask() {{ curl -s -o /dev/null -w '%{{http_code}} ' -d @request.json "$@"; }}
        ask "$uri" -H 'Authorization: Bearer {served}'
        ask "$uri" -H 'Authorization: Bearer wrong'
        ask "$uri"
        ask "${{uri/story/nothing}}" -H 'Authorization: Bearer {served}'
    """)
    assert said.code == 0, said
    assert said.out.split() == ["200", "401", "401", "404"]


def test_invoke_prints_the_answer_as_az_does(az: Az, served: str) -> None:
    said = az("az ml online-endpoint invoke --name story --request-file request.json")
    assert said.code == 0, said
    answer = json.loads(json.loads(said.out))
    assert answer == {"sum": 6, "weights": "3 4 5", "colour": "blue"}


def test_the_header_leads_to_the_deployment_that_it_names(platform: Installation, az: Az, served: str) -> None:
    body = PROJECT["request.json"].encode()
    plain = platform.score(WORKSPACE, "story", served, body)
    led = platform.score(WORKSPACE, "story", served, body, {"azureml-model-deployment": "green"})
    astray = platform.score(WORKSPACE, "story", served, body, {"azureml-model-deployment": "red"})
    assert (plain.document["colour"], plain.headers["azureml-model-deployment"]) == ("blue", "blue")
    assert (led.document["colour"], led.headers["azureml-model-deployment"]) == ("green", "green")
    assert astray.status == 404
    said = az("az ml online-endpoint invoke -n story -r request.json --deployment-name green")
    assert json.loads(json.loads(said.out))["colour"] == "green"


def test_the_log_of_a_deployment_has_what_its_script_printed(az: Az, served: str) -> None:
    said = az("""
        az ml online-endpoint invoke -n story -r request.json -o none
        az ml online-deployment get-logs --endpoint-name story --name blue --lines 200
    """)
    assert said.code == 0, said
    assert "init is done" in said.out
    assert "run was asked" in said.out


def test_a_query_gives_bare_values_to_a_script(az: Az, served: str) -> None:
    said = az("""
        az ml model list --name weights --query "[].version" --output tsv
        az ml online-deployment list --endpoint-name story --query "sort([].name)" -o tsv
        az ml online-endpoint show -n story --query nothing.there -o tsv
    """)
    assert said.code == 0, said
    assert said.out.split() == ["8", "7", "blue", "green"]


def test_an_unknown_verb_exits_2_and_names_what_is_near(az: Az) -> None:
    said = az("az ml model crate --name x")
    assert said.code == 2, said
    assert said.out == ""
    assert "create" in said.err


def test_an_unknown_name_exits_3_and_prints_no_data(az: Az) -> None:
    for words in (
        "model show --name nothing --version 1",
        "job show --name nothing",
        "online-endpoint show -n nothing",
    ):
        said = az(f"az ml {words}")
        assert said.code == 3, said
        assert said.out == ""
        assert "nothing" in said.err


def test_a_deployment_with_traffic_stays_and_an_endpoint_takes_its_deployments_along(az: Az, served: str) -> None:
    kept = az("az ml online-deployment delete --endpoint-name story --name blue --yes")
    assert kept.code == 1, kept
    assert "traffic" in kept.err
    gone = az("az ml online-endpoint delete --name story --yes --no-wait")
    assert gone.code == 0, gone
    until(lambda: az("az ml online-endpoint show --name story").code == 3, "the endpoint is gone")


def test_nothing_of_a_deleted_endpoint_runs_or_answers(platform: Installation, az: Az, served: str) -> None:
    # It comes after the test that deletes it.
    until(lambda: az("az ml online-endpoint show --name story").code == 3, "the endpoint is gone")
    assert platform.score(WORKSPACE, "story", served).status == 404
    assert platform.pids("pratique_serving", "/story") == []
