"""Who is logged in: account, login, logout, people, programs and roles; env and extension."""

import json
import os
import shutil
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

LOGIN = ("login", "--service-principal", "-u", "app-1", "-p", "s3cret", "--tenant", "t")


def test_account_show_has_azure_s_shape(platform: Any, pratique: Any) -> None:
    shown = json.loads(pratique("account", "show").out)
    assert shown["id"] == "c0d681b1-87c9-576d-bab2-4f40f5619b86"
    assert shown["tenantId"] == shown["homeTenantId"] == "af8a76c5-56f3-534d-8820-57d3381244ae"
    assert shown["user"] == {"name": "ada", "type": "user"}
    assert (shown["environmentName"], shown["isDefault"], shown["state"]) == ("AzureCloud", True, "Enabled")
    assert json.loads(pratique("account", "list").out) == [shown]


def test_account_set_accepts_and_warns_of_another(platform: Any, pratique: Any) -> None:
    own = json.loads(pratique("account", "show").out)["id"]
    assert pratique("account", "set", "-s", own).err == ""
    ran = pratique("account", "set", "--subscription", "My Subscription")
    assert (ran.code, ran.out) == (0, "")
    assert "'My Subscription' chooses nothing" in ran.err


def test_a_token_has_az_s_fields(platform: Any, pratique: Any) -> None:
    token = json.loads(pratique("account", "get-access-token").out)
    assert sorted(token) == ["accessToken", "expiresOn", "expires_on", "subscription", "tenant", "tokenType"]
    assert token["accessToken"] == "owner-token"
    assert time.strptime(token["expiresOn"].partition(".")[0], "%Y-%m-%d %H:%M:%S")
    assert token["expires_on"] > time.time() + 3000
    assert pratique("account", "get-access-token", "--scope", "a", "--resource", "b").code == 2
    assert pratique("account", "get-access-token", "--scope", "api://a/x", "api://b/x").code == 2
    assert pratique("account", "get-access-token", "--resource-type", "graph").code == 2


@pytest.mark.parametrize(
    ("argv", "audience"),
    [
        (["--resource", "https://ml.azure.com"], "https://ml.azure.com"),
        (["--resource", "api://credit"], "api://credit"),
        (["--scope", "https://ml.azure.com/.default"], "https://ml.azure.com"),
        (["--scope", "api://credit/score", "api://credit/read", "openid"], "api://credit"),
        (["--scope", "https://management.core.windows.net//.default"], "https://management.core.windows.net/"),
        (["--resource-type", "arm"], "https://management.core.windows.net/"),
    ],
    ids=str,
)
def test_a_token_is_meant_for_the_audience_that_was_named(
    platform: Any, pratique: Any, argv: list[str], audience: str
) -> None:
    ran = pratique("account", "get-access-token", *argv, "--query", "accessToken", "-o", "tsv")
    assert ran.out == f"owner-token-for-{audience}\n"


def test_plain_login_says_that_embedded_mode_needs_none(platform: Any, pratique: Any) -> None:
    ran = pratique("login")
    assert ran.code == 0
    assert "whoever can read PRATIQUE_HOME is the owner" in ran.err
    assert json.loads(ran.out)[0]["user"]["name"] == "ada"


def test_login_keeps_a_token_for_its_owner_only_and_logout_forgets_it(
    platform: Any, pratique: Any, tmp_path: Path
) -> None:
    ran = pratique(*LOGIN)
    assert ran.code == 0
    assert "s3cret" not in ran.out + ran.err
    profile = tmp_path / "config/pratique-profile.json"
    assert stat.S_IMODE(profile.stat().st_mode) == 0o600
    pratique("group", "list")
    assert platform.authorizations[-1] == "Bearer token-of-app-1"
    assert "`pratique logout`" in pratique("login").err
    assert pratique("logout").err == "logged out\n"
    assert not profile.exists()
    pratique("group", "list")
    assert platform.authorizations[-1] == "Bearer owner-token"
    assert pratique("logout").err == "nobody was logged in\n"


def test_a_wrong_secret_is_refused_and_nothing_is_kept(platform: Any, pratique: Any, tmp_path: Path) -> None:
    ran = pratique("login", "--service-principal", "-u", "app-1", "-p", "wrong", "--tenant", "t")
    assert ran.code == 1
    assert ran.err.startswith("error: that is not its secret")
    assert not (tmp_path / "config").exists()


def test_a_person_logs_in_by_name_and_password(platform: Any, pratique: Any) -> None:
    ran = pratique("login", "-u", "ada@example.com", "-p", "s3cret")
    assert ran.code == 0
    assert "logged in as ada@example.com" in ran.err
    pratique("group", "list")
    assert platform.authorizations[-1] == "Bearer token-of-ada@example.com"


def test_login_wants_its_flags_together(platform: Any, pratique: Any) -> None:
    assert pratique("login", "--service-principal").code == 2
    assert pratique("login", "-u", "app-1").code == 2
    assert pratique("login", "--service-principal", "-u", "a", "--tenant", "t").code == 2


def test_a_password_that_begins_with_a_dash_goes_behind_an_equals_sign(platform: Any, pratique: Any) -> None:
    argv = ["ad", "user", "create", "--display-name", "Ada", "--user-principal-name", "ada@example.com"]
    ran = pratique(*argv, "--password", "-wisteria")
    assert ran.code == 2
    assert "hint: write a value that begins with a dash behind an equals sign: --password=…" in ran.err
    assert "wisteria" not in ran.err
    assert "equals sign" not in pratique(*argv, "--password", "--output", "json").err
    assert pratique(*argv, "--password=-wisteria").code == 0
    assert platform.users["ada@example.com"]["password"] == "-wisteria"


def test_a_token_that_ends_is_renewed_without_asking(platform: Any, pratique: Any, tmp_path: Path) -> None:
    pratique(*LOGIN)
    path = tmp_path / "config/pratique-profile.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"token": "old", "expires_on": int(time.time()) + 5}))
    assert pratique("group", "list").code == 0
    assert json.loads(path.read_text())["token"] == "token-of-app-1"


def test_a_user_is_made_shown_and_removed(platform: Any, pratique: Any) -> None:
    argv = ["--display-name", "Ada", "--user-principal-name", "ada@example.com"]
    assert "shown this once" in pratique("ad", "user", "create", *argv).err
    assert pratique("ad", "user", "create", *argv, "--password", "x").err == ""
    assert platform.users["ada@example.com"]["password"] == "x"
    assert (
        pratique("ad", "user", "show", "--id", "ada@example.com", "--query", "display_name", "-o", "tsv").out == "Ada\n"
    )
    assert pratique("ad", "user", "list", "--query", "length(@)", "-o", "tsv").out == "1\n"
    assert pratique("ad", "user", "delete", "--id", "ada@example.com").code == 0
    assert pratique("ad", "user", "show", "--id", "ada@example.com").code == 3


def test_service_principals_and_their_roles(platform: Any, pratique: Any) -> None:
    assert pratique("ad", "sp", "create-for-rbac", "--role", "Reader").code == 2
    ran = pratique("ad", "sp", "create-for-rbac", "-n", "ci", "--role", "Reader", "--scopes", "/a", "/b")
    made = json.loads(ran.out)
    assert set(made) == {"appId", "displayName", "password", "tenant"}
    assert "shown this once" in ran.err
    assert [one["scope"] for one in platform.roles.values()] == ["/a", "/b"]
    assert "password" not in pratique("ad", "sp", "show", "--id", "ci").out
    assert pratique("ad", "sp", "show", "--id", "absent").code == 3
    assert pratique("ad", "sp", "list", "--query", "[].appId", "-o", "tsv").out == "app-0\n"
    assert pratique("ad", "sp", "list", "--display-name", "c", "--query", "[].appId", "-o", "tsv").out == "app-0\n"
    assert pratique("ad", "sp", "list", "--display-name", "other", "-o", "tsv").out == ""
    assert pratique("ad", "sp", "delete", "--id", "ci").code == 0
    assert not platform.principals


def test_a_service_principal_is_printed_for_ci_systems(platform: Any, pratique: Any) -> None:
    for form in ("--json-auth", "--sdk-auth"):
        ran = pratique("ad", "sp", "create-for-rbac", "-n", "ci", form)
        made = json.loads(ran.out)
        assert {"clientId", "clientSecret", "subscriptionId", "tenantId"} < set(made)
        assert made["clientId"] in platform.principals
        assert "shown this once" in ran.err


def test_scripts_ask_who_runs_them(platform: Any, pratique: Any) -> None:
    who = pratique("ad", "signed-in-user", "show", "--query", "[id, displayName]", "-o", "json").out
    name = pratique("account", "show", "--query", "user.name", "-o", "json").out
    assert json.loads(who)[1] == json.loads(name)
    assert json.loads(who)[0]


def test_providers_of_what_is_here_are_registered_and_nothing_is_done(nowhere: Any, pratique: Any) -> None:
    ran = pratique("provider", "register", "--namespace", "Microsoft.MachineLearningServices", "--wait")
    assert (ran.code, ran.out) == (0, "")
    assert "nothing to do; it is built in" in ran.err
    assert "nothing of it" in pratique("provider", "register", "-n", "Microsoft.Quantum").err
    argv = ["provider", "show", "-n", "microsoft.machinelearningservices", "--query", "registrationState"]
    assert pratique(*argv, "-o", "tsv").out == "Registered\n"
    assert pratique("provider", "show", "-n", "Microsoft.Quantum").code == 3


def test_a_service_principal_which_cannot_get_its_role_is_not_kept(platform: Any, pratique: Any) -> None:
    ran = pratique("ad", "sp", "create-for-rbac", "-n", "ci", "--role", "Reader", "--scopes", "/a", "elsewhere")
    assert (ran.code, ran.out) == (1, "")
    assert "it is not a scope" in ran.err
    assert "shown this once" not in ran.err
    assert not platform.principals


def test_a_role_is_given_listed_and_taken_away(platform: Any, pratique: Any) -> None:
    argv = ["role", "assignment", "create", "--assignee", "ada", "--role", "Reader"]
    assert pratique(*argv).code == 2
    assert pratique(*argv, "-g", "rg", "--assignee-principal-type", "Group").code == 0
    [scope] = [one["scope"] for one in platform.roles.values()]
    assert scope.startswith("/subscriptions/")
    assert scope.endswith("/resourceGroups/rg")
    pratique(*argv, "--scope", "/a")
    assert pratique("role", "assignment", "list", "--scope", "/a", "--query", "[].id", "-o", "tsv").out == "role-1\n"
    assert pratique("role", "assignment", "list", "--all", "--query", "length(@)").out == "2\n"
    assert pratique("role", "assignment", "delete").code == 2
    assert pratique("role", "assignment", "delete", "--assignee", "eve", "--yes").code == 3
    ran = pratique("role", "assignment", "delete", "--assignee", "ada", "--role", "reader")
    assert ran.code == 0  # az asks nothing here, so its scripts give no --yes.
    assert "2 role assignments will be deleted" in ran.err
    assert not platform.roles


def test_extension_says_that_it_does_nothing(nowhere: Path, pratique: Any) -> None:
    for argv in (["add", "-n", "ml", "-y"], ["update", "-n", "ml"], ["remove", "-n", "azure-cli-ml"]):
        ran = pratique("extension", *argv)
        assert (ran.code, ran.out) == (0, "")
        assert "nothing to do" in ran.err
    assert pratique("extension", "list", "--query", "[].name", "-o", "tsv").out == "ml\n"
    assert pratique("extension", "show", "-n", "azure-cli-ml").code == 3
    assert pratique("extension", "add", "-n", "ml", "--allow-preview", "false", "-y").code == 0
    assert pratique("extension", "add", "-n", "ml", "--allow-preview").code == 0


# --- env ------------------------------------------------------------------------------------------------------------


def test_env_prints_what_programs_read(platform: Any, pratique: Any) -> None:
    found = json.loads(pratique("env", "--format", "json").out)
    assert found["MLFLOW_TRACKING_URI"] == "http://door/mlflow/ws"
    assert found["MLFLOW_TRACKING_TOKEN"] == "owner-token"
    assert found["AZUREML_ARM_RESOURCEGROUP"] == "rg"
    lines = pratique("env", "--format", "dotenv").out.splitlines()
    assert 'MLFLOW_TRACKING_URI="http://door/mlflow/ws"' in lines


def test_env_for_programs_without_a_platform_is_an_error(nowhere: Path, pratique: Any) -> None:
    ran = pratique("env", "--format", "json")
    assert (ran.code, ran.out) == (1, "")


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_env_makes_az_ours_until_it_is_undone(platform: Any, pratique: Any, tmp_path: Path, shell: str) -> None:
    other = tmp_path / "other/az"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho the other\n")
    other.chmod(0o755)
    path = f"{other.parent}{os.pathsep}{os.environ['PATH']}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        ran = pratique("env")
    assert f"az in this shell is pratique, it shadows {other}. To undo: pratique_deactivate" in ran.err
    script = f"""
MLFLOW_TRACKING_URI=before; export MLFLOW_TRACKING_URI; unset MLFLOW_TRACKING_TOKEN
{ran.out}
{ran.out}
command -v az; echo "$MLFLOW_TRACKING_URI $MLFLOW_TRACKING_TOKEN"
pratique_deactivate
command -v az; echo "$MLFLOW_TRACKING_URI ${{MLFLOW_TRACKING_TOKEN-unset}}"; [ "$PATH" = {path!r} ] && echo same
"""
    program = shutil.which(shell)
    assert program
    said = subprocess.run(
        [program, "-eu"], input=script, env={"PATH": path}, capture_output=True, text=True, timeout=60
    )
    assert said.stderr == ""
    assert said.stdout.splitlines() == [
        str(tmp_path / "config/bin/az"),
        "http://door/mlflow/ws owner-token",
        str(other),
        "before unset",
        "same",
    ]


def test_env_without_a_platform_still_gives_az(nowhere: Path, pratique: Any) -> None:
    ran = pratique("env")
    assert ran.code == 0
    assert "MLflow's variables are left as they are" in ran.err
    az = nowhere / "config/bin/az"
    assert os.access(az, os.X_OK)
    assert "-P -m pratique" in az.read_text()


# --- managed identities -----------------------------------------------------------------------------------------------


def test_a_job_logs_in_as_its_identity_and_gets_another_token_when_one_ends(
    platform: Any, pratique: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = pratique("login", "--identity")
    assert ran.code == 1
    assert "IDENTITY_ENDPOINT" in ran.err
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{platform.url}/identity/token")
    monkeypatch.setenv("IDENTITY_HEADER", "proof")
    assert pratique("login", "--identity", "--service-principal").code == 2
    assert pratique("login", "--identity").code == 0
    path = tmp_path / "config/pratique-profile.json"
    written = json.loads(path.read_text())
    assert (written["token"], written["client_secret"], written["kind"]) == ("token-of-the-job", "", "identity")
    assert "proof" not in path.read_text()
    path.write_text(json.dumps(written | {"token": "old", "expires_on": int(time.time()) + 5}))
    assert pratique("group", "list").code == 0
    assert json.loads(path.read_text())["token"] == "token-of-the-job"


def test_a_profile_that_an_earlier_version_wrote_is_read(platform: Any, pratique: Any, tmp_path: Path) -> None:
    pratique(*LOGIN)
    path = tmp_path / "config/pratique-profile.json"
    written = json.loads(path.read_text())
    del written["kind"]
    path.write_text(json.dumps(written))
    assert pratique("group", "list").code == 0
