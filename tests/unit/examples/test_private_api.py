"""The files of the private API example are what they say, before any platform runs them."""

import json
import os
import re
from pathlib import Path

import pytest

from pratique.cli.main import run
from pratique.specs.policy import NamedValue
from pratique.specs.policy_scopes import read_policy
from pratique.specs.verdicts import judge

EXAMPLE = Path(__file__).parents[3] / "examples" / "private-api"
PIPELINES = sorted((EXAMPLE / "azure-pipelines").glob("[1-9]-*.yml"))


def test_pipelines_validate_accepts_the_five_files_and_warns_of_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["pipelines", "validate", *map(str, PIPELINES)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [Path(one["file"]).stem for one in found] == [
        "1-infrastructure", "2-train", "3-deploy", "4-publish", "5-test",
    ]  # fmt: skip
    assert {one["warnings"] for one in found} == {0}


def test_taking_away_is_a_parameter_of_the_first_one(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["pipelines", "expand", str(PIPELINES[0]), "--parameters", "action=delete"]) == 0
    text = capfd.readouterr().out
    assert ("az group delete" in text, "az group create" in text) == (True, False)


def test_the_endpoint_is_private_and_has_a_key() -> None:
    verdict = judge(EXAMPLE / "endpoint.yml")
    assert (verdict.kind, verdict.problems) == ("online-endpoint", ())
    text = (EXAMPLE / "endpoint.yml").read_text()
    assert "auth_mode: key\npublic_network_access: disabled\n" in text


def test_the_policy_checks_a_token_for_one_audience() -> None:
    named = {
        "openid-configuration": NamedValue("https://login.example/.well-known/openid-configuration"),
        "audience": NamedValue("api://credit"),
        "endpoint-key": NamedValue("canary", is_secret=True),
    }
    policy = read_policy((EXAMPLE / "policy.xml").read_text(), file="policy.xml", named=named)
    [check] = policy.tokens
    assert check.audiences == ("api://credit",)
    published = (EXAMPLE / "publish.sh").read_text()
    assert all(f"--named-value-id {name} " in published for name in named)


def test_each_script_is_run_by_a_pipeline_and_can_be() -> None:
    run_by = re.findall(r"scriptPath: (\S+)", "".join(path.read_text() for path in PIPELINES))
    assert all(os.access(EXAMPLE.parent / path, os.X_OK) for path in run_by)
    assert {EXAMPLE / path.name for path in map(Path, run_by) if path.parts[0] == EXAMPLE.name} == {
        *EXAMPLE.glob("*.sh")
    }


def test_the_readme_has_every_pipeline_in_its_order() -> None:
    said = (EXAMPLE / "README.md").read_text()
    assert re.findall(r"az pipelines run --name (\S+) --stream", said) == [path.stem for path in PIPELINES]
