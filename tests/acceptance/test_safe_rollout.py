"""A rollout as users of `az` script it: the same script would run on Azure, unchanged."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from .installation import PLAIN_ENVIRONMENT, Installation, Said, prepare_workspace, until, write

WORKSPACE: Final = "rollout"
SCORE: Final = """\
import json
import os


def init():
    print("colour:", os.environ["COLOUR"])


def run(raw_data):
    return {"colour": os.environ["COLOUR"], "rows": len(json.loads(raw_data)["data"])}
"""
DEPLOYMENT: Final = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: {colour}
endpoint_name: placeholder
environment: azureml:plain@latest
code_configuration:
  code: ./score
  scoring_script: score.py
environment_variables:
  COLOUR: {colour}
request_settings:
  request_timeout_ms: 5000
liveness_probe:
  initial_delay: 10
  period: 10
readiness_probe:
  initial_delay: 10
  period: 10
instance_type: Standard_DS3_v2
instance_count: 1
"""
FILES: Final = {
    **PLAIN_ENVIRONMENT,
    "endpoint.yml": "$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json\n"
    "name: placeholder\nauth_mode: key\ntags:\n  prod: 'yes'\n",
    "blue.yml": DEPLOYMENT.format(colour="blue"),
    "green.yml": DEPLOYMENT.format(colour="green"),
    "score/score.py": SCORE,
    "sample.json": '{"data": [[1, 2], [3, 4]]}',
}
SCRIPT: Final = """\
set -e
export ENDPOINT_NAME=safe-rollout

# blue takes everything
az ml online-endpoint create --name $ENDPOINT_NAME -f endpoint.yml
az ml online-deployment create --name blue --endpoint $ENDPOINT_NAME -f blue.yml --all-traffic
az ml online-endpoint show -n $ENDPOINT_NAME
endpoint_status=`az ml online-endpoint show --name $ENDPOINT_NAME --query "provisioning_state" -o tsv`
[[ $endpoint_status == "Succeeded" ]]
az ml online-endpoint invoke --name $ENDPOINT_NAME --request-file sample.json

# it has to carry more
az ml online-deployment update --name blue --endpoint-name $ENDPOINT_NAME --set instance_count=2

# green beside it, without traffic
az ml online-deployment create --name green --endpoint-name $ENDPOINT_NAME -f green.yml
az ml online-endpoint invoke --name $ENDPOINT_NAME --deployment-name green --request-file sample.json

ENDPOINT_KEY=$(az ml online-endpoint get-credentials -n $ENDPOINT_NAME -o tsv --query primaryKey)
SCORING_URI=$(az ml online-endpoint show -n $ENDPOINT_NAME -o tsv --query scoring_uri)
curl --fail --silent --request POST "$SCORING_URI" --header "Authorization: Bearer $ENDPOINT_KEY" \\
  --header "Content-Type: application/json" --header "azureml-model-deployment: green" --data @sample.json
echo

# a copy of every tenth request goes to green
az ml online-endpoint update --name $ENDPOINT_NAME --mirror-traffic "green=10"
for i in {1..20} ; do
    curl --fail --silent --output answer.json --request POST "$SCORING_URI" \\
      --header "Authorization: Bearer $ENDPOINT_KEY" --header "Content-Type: application/json" --data @sample.json
done
az ml online-deployment get-logs --name blue --endpoint $ENDPOINT_NAME
az ml online-endpoint update --name $ENDPOINT_NAME --mirror-traffic "green=0"

# one in ten, then all
az ml online-endpoint update --name $ENDPOINT_NAME --traffic "blue=90 green=10"
az ml online-endpoint show -n $ENDPOINT_NAME --query traffic
az ml online-endpoint update --name $ENDPOINT_NAME --traffic "blue=0 green=100"
az ml online-endpoint invoke --name $ENDPOINT_NAME --request-file sample.json

# the others are told which one it is, and the key that was in a chat is renewed
az ml online-endpoint update --name $ENDPOINT_NAME --set tags.prod=green
az ml online-endpoint show -n $ENDPOINT_NAME --query tags.prod -o tsv
az ml online-endpoint regenerate-keys -n $ENDPOINT_NAME --key-type primary --yes
status() {
    curl --silent --output /dev/null --write-out '%{http_code}' --request POST "$SCORING_URI" \\
      --header "Authorization: Bearer $1" --header "Content-Type: application/json" --data @sample.json
}
[[ $(status $ENDPOINT_KEY) == 401 ]]
[[ $(status $(az ml online-endpoint get-credentials -n $ENDPOINT_NAME -o tsv --query primaryKey)) == 200 ]]
az ml online-endpoint invoke --name $ENDPOINT_NAME --request-file sample.json --local

# blue has done its work
az ml online-deployment delete --name blue --endpoint $ENDPOINT_NAME --yes --no-wait
az ml online-endpoint delete --name $ENDPOINT_NAME --yes --no-wait
"""


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """The files of a team, in a workspace of their own."""
    return write(prepare_workspace(platform, WORKSPACE), FILES)


@pytest.fixture(scope="module")
def ran(platform: Installation, project: Path) -> Said:
    """The script, to its end, in a shell where `az` is pratique."""
    place = replace(platform, extra={"PRATIQUE_CONFIG_DIR": str(project / ".config")})
    return place.bash(
        f'eval "$(pratique env)" 2>/dev/null\naz configure --defaults group=group workspace={WORKSPACE}\n{SCRIPT}',
        cwd=project,
    )


def test_the_script_of_a_safe_rollout_runs_to_its_end(ran: Said) -> None:
    assert ran.code == 0, ran


def test_each_step_answers_what_it_answers_on_azure(ran: Said) -> None:
    answers = [json.loads(json.loads(line)) for line in ran.out.splitlines() if line.startswith('"{')]
    assert [answer["colour"] for answer in answers] == ["blue", "green", "green", "green"]
    assert '{"colour": "green", "rows": 2}' in ran.out, "the pinned call, by curl"
    assert '"blue": 90' in ran.out
    assert "\ngreen\n" in ran.out, "its tag"


def test_nothing_of_the_script_is_ignored_in_silence(ran: Said) -> None:
    assert "--local" in ran.err
    for used in ("instance_count", "instance_type", "liveness_probe", "readiness_probe", "request_settings"):
        assert f"{used}: planned" not in ran.err
        assert f"{used}, " not in ran.err


def test_what_was_deleted_goes_with_all_that_ran(platform: Installation, project: Path, ran: Said) -> None:
    until(
        lambda: platform.run("ml", "online-endpoint", "show", "-n", "safe-rollout", cwd=project).code == 3,
        "the endpoint is gone",
    )
    assert platform.pids("pratique_serving", "/safe-rollout") == []


def test_a_promotion_switches_in_one_step_and_lets_the_old_one_go(platform: Installation, project: Path) -> None:
    platform.do("ml", "online-endpoint", "create", "-n", "promoted", cwd=project)
    for colour in ("blue", "green"):
        words = ("create", "-f", f"{colour}.yml", "-e", "promoted", *(["--all-traffic"] if colour == "blue" else []))
        platform.do("ml", "online-deployment", *words, cwd=project)
    endpoint = ("-n", "promoted")
    platform.fail("ml", "online-endpoint", "promote", *endpoint, "--to", "red", cwd=project, code=3)
    assert "was changed meanwhile" in platform.fail(
        "ml", "online-endpoint", "promote", *endpoint, "--to", "green", "--if-generation", "1", cwd=project
    )
    platform.fail(
        "ml", "online-endpoint", "promote", *endpoint, "--to", "green", "--keep-old", "soon", cwd=project, code=2
    )
    promoted = platform.get(
        "ml", "online-endpoint", "promote", *endpoint, "--to", "green", "--keep-old", "0", cwd=project
    )
    assert promoted["traffic"] == {"green": 100}
    until(
        lambda: len(platform.get("ml", "online-deployment", "list", "-e", "promoted", cwd=project)) == 1,
        "blue is gone",
    )
    platform.do("ml", "online-endpoint", "delete", *endpoint, "--yes", cwd=project)
