"""Defaults: where they come from and which of them wins."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pratique.cli.configuration import Configuration
from pratique.cli.main import run


@pytest.fixture
def alone(nowhere: Path, pratique: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No default from the environment."""
    monkeypatch.delenv("AZURE_DEFAULTS_WORKSPACE")
    return nowhere


def test_a_flag_wins_then_the_environment_then_the_folder_then_the_user(
    platform: Any, pratique: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("by-user", "by-folder", "by-env", "by-flag"):
        platform.add_workspace(name, "rg")

    def asked() -> str:
        platform.requests.clear()
        assert run(["ml", "job", "list"]) == 0
        return str(platform.requests[-1][1].split("/")[4])

    monkeypatch.delenv("AZURE_DEFAULTS_WORKSPACE")
    pratique("configure", "--defaults", "workspace=by-user")
    assert asked() == "by-user"
    Path("config.json").write_text(json.dumps({"workspace_name": "by-folder", "resource_group": "rg"}))
    assert asked() == "by-folder"
    monkeypatch.setenv("AZURE_DEFAULTS_WORKSPACE", "by-env")
    assert asked() == "by-env"
    platform.requests.clear()
    assert pratique("ml", "job", "list", "-w", "by-flag").code == 0
    assert "/by-flag/" in platform.requests[-1][1]


def test_config_json_of_a_folder_above_counts(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.json").write_text('{"workspace_name": "above", "resource_group": "rg"}')
    Path("a/b").mkdir(parents=True)
    monkeypatch.chdir("a/b")
    assert Configuration().get("defaults", "workspace") == "above"
    assert Configuration().get("defaults", "group") == "rg"


def test_another_program_s_config_json_is_passed_over(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.json").write_text('{"workspace_name": "above"}')
    Path("a").mkdir()
    Path("a/config.json").write_text('{"compilerOptions": {}}')
    Path("a/b").mkdir()
    Path("a/b/config.json").write_text("[not json")
    monkeypatch.chdir("a/b")
    assert Configuration().get("defaults", "workspace") == "above"


def test_configure_lists_where_each_default_comes_from(alone: Path, pratique: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("AZURE_DEFAULTS_LOCATION", "here")
    assert pratique("configure", "--defaults", "group=rg", "workspace=ws").out == ""
    listed = {one["name"]: (one["value"], one["source"]) for one in json.loads(pratique("configure", "-l").out)}
    assert listed["group"] == ("rg", str(alone / "config/config"))
    assert listed["location"] == ("here", "AZURE_DEFAULTS_LOCATION")


def test_an_empty_value_removes_a_default(alone: Path, pratique: Any) -> None:
    pratique("configure", "--defaults", "group=rg")
    pratique("configure", "--defaults", "group=")
    assert pratique("configure", "-l").out == "[]\n"


def test_an_unknown_default_exits_2_and_names_what_is_near(alone: Path, pratique: Any) -> None:
    ran = pratique("configure", "--defaults", "wokspace=x")
    assert ran.code == 2
    assert "did you mean workspace=?" in ran.err
    assert pratique("configure").code == 2


def test_a_default_that_no_flag_has_is_refused_by_both_verbs(alone: Path, pratique: Any) -> None:
    for words in (("configure", "--defaults", "workspce=x"), ("config", "set", "defaults.workspce=x")):
        ran = pratique(*words)
        assert ran.code == 2
        assert "there is no default 'workspce'" in ran.err
        assert "did you mean workspace=?" in ran.err


def test_config_set_and_get(alone: Path, pratique: Any) -> None:
    assert pratique("config", "set", "core.output=table", "defaults.group=50%").code == 0
    assert json.loads(pratique("config", "get", "defaults.group", "-o", "json").out)["value"] == "50%"
    assert pratique("config", "get", "core.output").out.splitlines()[0].split() == ["Name", "Source", "Value"]
    assert {"core", "defaults"} <= set(json.loads(pratique("config", "get", "-o", "json").out))
    assert pratique("config", "get", "core.absent").code == 3
    assert pratique("config", "set", "output=table").code == 2
    assert pratique("config", "set", "core.output").code == 2


def test_the_file_is_its_owner_s_only(alone: Path, pratique: Any) -> None:
    pratique("config", "set", "core.output=json")
    assert stat.S_IMODE((alone / "config/config").stat().st_mode) == 0o600
    assert stat.S_IMODE((alone / "config").stat().st_mode) == 0o700


def test_a_broken_file_is_named(alone: Path, pratique: Any) -> None:
    (alone / "config").mkdir()
    (alone / "config/config").write_text("no section\n")
    ran = pratique("configure", "-l")
    assert ran.code == 1
    assert str(alone / "config/config") in ran.err


def test_azure_s_folder_serves_where_ours_is_not_named(alone: Path, pratique: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("PRATIQUE_CONFIG_DIR")
    monkeypatch.setenv("AZURE_CONFIG_DIR", str(alone / "azure"))
    pratique("configure", "--defaults", "group=rg")
    assert "group = rg" in (alone / "azure/config").read_text()


# --- workspace and group ----------------------------------------------------------------------------------------------


def test_without_a_workspace_the_way_to_set_one_is_said(platform: Any, alone: Path, pratique: Any) -> None:
    ran = pratique("ml", "job", "list")
    assert ran.code == 2
    assert "--workspace-name/-w is required" in ran.err
    assert "pratique configure --defaults workspace=NAME" in ran.err


def test_a_workspace_of_another_group_is_not_found(platform: Any, pratique: Any) -> None:
    assert pratique("ml", "job", "list", "-g", "rg").code == 0
    assert pratique("ml", "job", "list", "-g", "RG").code == 0
    ran = pratique("ml", "job", "list", "-g", "other")
    assert (ran.code, ran.out) == (3, "")
    assert "there is no workspace 'ws' in the resource group 'other'" in ran.err


def test_another_subscription_is_said_to_choose_nothing(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "job", "list", "--subscription", "1234")
    assert ran.code == 0
    assert "there is one subscription here" in ran.err
    assert pratique("ml", "job", "list", "--subscription", "pratique").err == ""


def test_a_workspace_is_made_changed_and_removed(platform: Any, pratique: Any) -> None:
    assert pratique("ml", "workspace", "create", "-n", "credit").code == 2
    assert pratique("ml", "workspace", "create", "-n", "credit", "-g", "rg", "--tags", "a=1").code == 0
    assert platform.sent("PUT", "workspaces/credit")[0]["resource_group"] == "rg"
    show = pratique("ml", "workspace", "show", "-n", "credit", "--query", "mlflow_tracking_uri", "-o", "tsv")
    assert show.out == "http://door/mlflow/credit\n"
    assert pratique("ml", "workspace", "show", "--query", "name", "-o", "tsv").out == "ws\n"
    assert pratique("ml", "workspace", "list", "--query", "[].name", "-o", "tsv").out == "ws\ncredit\n"
    assert pratique("ml", "workspace", "list", "-g", "none").out == "[]\n"
    pratique("ml", "workspace", "update", "-n", "credit", "--description", "risk", "--set", "tags.b=2")
    assert platform.workspaces["credit"]["description"] == "risk"
    assert platform.workspaces["credit"]["tags"] == {"a": "1", "b": "2"}
    assert pratique("ml", "workspace", "delete", "-n", "credit").code == 1
    assert pratique("ml", "workspace", "delete", "-n", "credit", "--yes").code == 0
    assert pratique("ml", "workspace", "show", "-n", "credit").code == 3


def test_a_group_is_made_found_and_removed(platform: Any, pratique: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_DEFAULTS_LOCATION", "westeurope")
    assert pratique("group", "exists", "-n", "new").out == "false\n"
    assert pratique("group", "create", "-n", "new", "--tags", "a=1").code == 0
    assert platform.groups["new"] == {"name": "new", "location": "westeurope", "tags": {"a": "1"}}
    assert pratique("group", "exists", "-n", "new").out == "true\n"
    assert pratique("group", "list", "--query", "[].name", "-o", "tsv").out == "rg\nnew\n"
    assert pratique("group", "show", "-g", "new", "--query", "location", "-o", "tsv").out == "westeurope\n"
    assert pratique("group", "delete", "-n", "new", "--yes").code == 0
    assert pratique("group", "show", "-n", "new").code == 3


def test_a_group_goes_with_what_is_in_it(platform: Any, pratique: Any) -> None:
    platform.workspaces.clear()
    platform.add_workspace("inside", "rg")
    platform.add_workspace("outside", "other")
    platform.services["apim-a"] = {"name": "apim-a", "resourceGroup": "RG"}
    platform.identities |= {name: {"name": name, "resourceGroup": group} for name, group in (("i", "rg"), ("j", "x"))}
    ran = pratique("group", "delete", "-n", "rg")
    assert (ran.code, ran.out) == (1, "")
    assert "what is in it: inside, apim-a, i" in ran.err
    ran = pratique("group", "delete", "--name", "rg", "--yes", "--no-wait")
    assert ran.code == 0
    assert "rg: deleted, with inside, apim-a, i" in ran.err
    assert (list(platform.workspaces), platform.services, platform.groups) == (["outside"], {}, {})
    assert list(platform.identities) == ["j"]


def test_a_group_stays_while_a_vault_of_it_can_be_recovered(platform: Any, pratique: Any) -> None:
    platform.vaults["kv-a"] = {"name": "kv-a", "resourceGroup": "rg"}
    ran = pratique("group", "delete", "-n", "rg", "--yes")
    assert ran.code == 0
    assert "pratique keyvault purge --name kv-a" in ran.err
    assert (platform.vaults, list(platform.deleted_vaults), list(platform.groups)) == ({}, ["kv-a"], ["rg"])


def test_a_setting_is_unset(pratique: Any, platform: Any) -> None:
    pratique("config", "set", "defaults.location=westeurope")
    assert pratique("config", "unset", "defaults.location", "defaults.project").code == 0
    assert pratique("config", "get", "defaults.location").code == 3
