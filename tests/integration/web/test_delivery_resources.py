"""Variable groups, service connections, environments and checks by the command line, over the real API."""

import json

import pytest

from pratique.base.clock import utc_now
from pratique.control import deliveries, workspaces
from pratique.control.actor import PLATFORM

from .conftest import PROJECT, Run, Site

CANARY = "canary-group-7f3a"
P = ("--project", PROJECT)


@pytest.fixture
def delivery(site: Site, pratique: Run) -> str:
    """A pipeline of the project, and a workspace."""
    del pratique  # Its resource group has to be there.
    wished = {"name": "train", "repository": "/src", "repository_type": "folder", "path": "a.yml"}
    with site.platform.database.write() as tx:
        workspaces.create(tx, PLATFORM, {"name": "dev"}, group="rg", now=utc_now())
        if not any(one.name == "train" for one in deliveries.every(tx, PLATFORM, PROJECT)):
            deliveries.create(tx, PLATFORM, PROJECT, wished, now=utc_now())
    return "train"


def test_a_group_with_its_variables_as_the_azure_devops_cli_has_it(pratique: Run) -> None:
    group = ("pipelines", "variable-group")
    made = json.loads(pratique(*group, "create", "--name", "g1", "--variables", "a=1", "b=x=y", *P).stdout)
    assert (made["name"], made["type"], made["authorized"]) == ("g1", "Vsts", False)
    assert made["variables"] == {"a": {"isSecret": None, "value": "1"}, "b": {"isSecret": None, "value": "x=y"}}
    here = ("--group-id", str(made["id"]), *P)
    added = pratique(*group, "variable", "create", *here, "--name", "key", "--secret", "true", "--debug", stdin=CANARY)
    assert json.loads(added.stdout) == {"key": {"isSecret": True, "value": None}}
    assert CANARY not in added.stderr
    listed = pratique(*group, "variable", "list", *here)
    assert json.loads(listed.stdout)["key"] == {"isSecret": True, "value": None}
    assert pratique(*group, "variable", "update", *here, "--name", "key", "--secret", "false").returncode == 1
    renamed = pratique(*group, "variable", "update", *here, "--name", "a", "--new-name", "c", "--value", "2")
    assert json.loads(renamed.stdout) == {"c": {"isSecret": None, "value": "2"}}
    assert json.loads(pratique(*group, "update", *here, "--authorize", "true").stdout)["authorized"] is True
    assert pratique(*group, "variable", "delete", *here, "--name", "b", "--yes").returncode == 0
    shown = pratique(*group, "show", "--group-id", "G1", *P, "--query", "variables")
    assert set(json.loads(shown.stdout)) == {"c", "key"}
    assert CANARY not in shown.stdout
    assert pratique(*group, "delete", *here, "--yes").returncode == 0
    assert pratique(*group, "show", *here).returncode == 3


def test_a_group_of_a_vault_names_secrets_and_shows_none(pratique: Run) -> None:
    assert pratique("keyvault", "create", "-n", "kv-group").returncode == 0
    for name in ("one", "two"):
        here = ("--vault-name", "kv-group", "-n", name)
        assert pratique("keyvault", "secret", "set", *here, "--file", "-", stdin=CANARY).returncode == 0
    create = ("pipelines", "variable-group", "create", "--name", "g2", "--vault", "kv-group", *P)
    assert pratique(*create).returncode == 2
    assert pratique(*create, "--secrets", "absent").returncode == 3
    made = json.loads(pratique(*create, "--secrets", "one").stdout)
    assert (made["type"], made["providerData"]) == ("AzureKeyVault", {"vault": "kv-group"})
    more = ("pipelines", "variable-group", "variable", "create", "--group-id", "g2", "--name", "two", *P)
    assert json.loads(pratique(*more).stdout) == {"two": {"isSecret": True, "value": None}}
    policies = json.loads(pratique("keyvault", "show", "-n", "kv-group").stdout)["properties"]["accessPolicies"]
    assert f"{PROJECT}/g2" in [one["name"] for one in policies]
    assert pratique("keyvault", "delete", "-n", "kv-group").returncode == 1


def test_a_connection_and_who_may_use_it(pratique: Run, delivery: str) -> None:
    assert pratique("ad", "sp", "create-for-rbac", "-n", "ci").returncode == 0
    endpoint = ("devops", "service-endpoint")
    create = (*endpoint, "create", "--name", "aml-dev", "--service-principal", "ci", "--workspace", "dev", *P)
    assert pratique(*create, who="eve", role="Contributor").returncode == 1
    made = json.loads(pratique(*create).stdout)
    assert (made["name"], made["type"], made["data"]["workspace"]) == ("aml-dev", "azurerm", "dev")
    permission = ("pipelines", "permission")
    here = ("--kind", "service-connection", "--name", "aml-dev", *P)
    assert json.loads(pratique(*permission, "list", *here).stdout)["pipelines"] == []
    allowed = json.loads(pratique(*permission, "add", *here, "--pipeline", delivery).stdout)
    assert [one["name"] for one in allowed["pipelines"]] == ["train"]
    assert pratique(*permission, "add", *here, "--pipeline", "absent").returncode == 3
    assert json.loads(pratique(*permission, "remove", *here, "--pipeline", delivery).stdout)["pipelines"] == []
    assert pratique(*endpoint, "delete", "--id", "aml-dev", "--yes", *P).returncode == 0
    assert pratique(*endpoint, "show", "--id", "aml-dev", *P).returncode == 3


def test_a_connection_to_an_address_has_no_principal(pratique: Run) -> None:
    endpoint = ("devops", "service-endpoint")
    create = (*endpoint, "create", "--name", "tickets", *P)
    assert pratique(*create).returncode == 2
    assert pratique(*create, "--url", "https://here", "--service-principal", "ci").returncode == 2
    for wrong in ("ftp://here", "https://", "https://ann@here/", "https://here/?x=1"):
        assert "is no address" in pratique(*create, "--url", wrong).stderr
    assert pratique(*create, "--url", "https://here", "--workspace", "dev").returncode == 1
    made = json.loads(pratique(*create, "--url", "https://tickets.example.com/api/").stdout)
    assert (made["type"], made["url"], made["data"]) == ("generic", "https://tickets.example.com/api", {})
    assert pratique(*endpoint, "update", "--id", "tickets", "--workspace", "dev", *P).returncode == 1
    assert pratique(*endpoint, "delete", "--id", "tickets", "--yes", *P).returncode == 0


def test_an_environment_and_its_checks(pratique: Run) -> None:
    environment = ("pipelines", "environment")
    assert pratique(*environment, "create", "--name", "qa", *P, who="cleo", role="Contributor").returncode == 0
    check = (*environment, "check", "add", "--environment", "qa", *P)
    assert pratique(*check, "--type", "approval", who="cleo", role="Contributor").returncode == 1
    approval = json.loads(pratique(*check, "--type", "approval", "--approvers", "cleo", "--in-order").stdout)
    assert approval["settings"]["in_order"] is True
    assert pratique(*check, "--type", "approval", "--branches", "refs/heads/main").returncode == 2
    assert pratique(*check, "--type", "branch-control", "--branches", "main").returncode == 1
    assert pratique(*check, "--type", "exclusive-lock").returncode == 0
    gate = ("--type", "model-gate", "--workspace", "dev", "--model", "m", "--metrics")
    found = json.loads(pratique(*check, *gate, "auc:higher:threshold=0.7:margin=0").stdout)
    assert found["settings"]["metrics"] == [{"name": "auc", "direction": "higher", "threshold": 0.7, "margin": 0.0}]
    assert pratique(*check, *gate, "auc").returncode == 1
    assert pratique(*check, *gate, "auc:best").returncode == 2
    listed = json.loads(pratique(*environment, "check", "list", "--environment", "qa", *P).stdout)
    assert [one["type"] for one in listed] == ["approval", "exclusive_lock", "model_gate"]
    remove = (*environment, "check", "remove", "--environment", "qa", "--id", str(approval["id"]), "--yes", *P)
    assert pratique(*remove, who="cleo", role="Contributor").returncode == 1
    assert pratique(*remove).returncode == 0
    listed = json.loads(pratique("pipelines", "approval", "list", "--status", "all", *P).stdout)
    assert [one for one in listed if one["environment"] == "qa"] == []
    assert pratique("pipelines", "approval", "show", "--id", "absent").returncode == 3
    assert pratique(*environment, "delete", "--name", "qa", "--yes", *P).returncode == 0
