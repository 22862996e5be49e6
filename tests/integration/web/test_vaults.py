"""The command line over the real API: what goes into a vault comes out for whom a policy lets in, and nowhere else."""

import base64
import json
import os
import urllib.parse
from pathlib import Path

from .conftest import Run, Site

CANARY = 'canary-Zq7"\\x%/é end'


def forms(secret: str) -> set[bytes]:
    """The secret as it is and in the encodings that logs and databases like."""
    raw = secret.encode()
    texts = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], urllib.parse.quote(secret)}
    return {text.encode() for text in texts} | {base64.b64encode(raw).rstrip(b"=")[:-1], raw.hex().encode()}


def found_in(folder: Path, wanted: set[bytes]) -> list[str]:
    return [
        str(path) for path in folder.rglob("*") if path.is_file() and any(form in path.read_bytes() for form in wanted)
    ]


def test_a_secret_goes_in_by_standard_input_and_comes_out_as_az_shows_it(site: Site, pratique: Run) -> None:
    assert pratique("keyvault", "create", "-n", "kv-one").returncode == 0
    set_ = ("keyvault", "secret", "set", "--vault-name", "kv-one", "-n", "api-key")
    made = pratique(*set_, "--file", "-", "--content-type", "key", stdin=CANARY + "\n", who="ada")
    answer = json.loads(made.stdout)
    assert answer["value"] is None
    assert answer["contentType"] == "key"
    assert answer["id"].startswith(f"{site.door}/vaults/kv-one/secrets/api-key/")
    assert answer["attributes"]["enabled"] is True
    shown = pratique("keyvault", "secret", "show", "--vault-name", "kv-one", "-n", "api-key", "--query", "value")
    assert json.loads(shown.stdout) == CANARY
    by_id = pratique("keyvault", "secret", "show", "--id", answer["id"], "--query", "value", "-o", "tsv")
    assert by_id.stdout == CANARY + "\n"
    listed = pratique("keyvault", "secret", "list", "--vault-name", "kv-one")
    assert [one["name"] for one in json.loads(listed.stdout)] == ["api-key"]
    assert "value" not in json.loads(listed.stdout)[0]


def test_what_is_not_there_is_exit_code_3_and_what_one_may_not_is_1(pratique: Run) -> None:
    assert pratique("keyvault", "create", "-n", "kv-two").returncode == 0
    show = ("keyvault", "secret", "show", "--vault-name", "kv-two", "-n", "absent")
    assert pratique(*show).returncode == 3
    assert pratique("keyvault", "show", "-n", "kv-absent").returncode == 3
    assert pratique(*show, who="eve", role="Contributor").returncode == 1
    assert pratique(*show, who="nobody", role=None).returncode == 3
    assert pratique("keyvault", "secret", "set", "--vault-name", "kv-two", "-n", "k").returncode == 2
    assert pratique("keyvault", "secret", "purge", "--vault-name", "kv-two", "-n", "k", "--yes").returncode == 3


def test_a_policy_lets_a_program_in_and_out(pratique: Run) -> None:
    assert pratique("keyvault", "create", "-n", "kv-three").returncode == 0
    assert pratique(
        "keyvault", "secret", "set", "--vault-name", "kv-three", "-n", "k", "--file", "-", stdin="v"
    ).returncode == 0  # fmt: skip
    show = ("keyvault", "secret", "show", "--vault-name", "kv-three", "-n", "k", "--query", "value", "-o", "tsv")
    assert pratique(*show, who="ivy", role="Reader").returncode == 1
    allow = ("keyvault", "set-policy", "-n", "kv-three", "--upn", "ivy", "--secret-permissions", "get", "list")
    policies = json.loads(pratique(*allow).stdout)["properties"]["accessPolicies"]
    assert {one["name"]: one["permissions"]["secrets"] for one in policies}["ivy"] == ["get", "list"]
    assert pratique(*show, who="ivy", role="Reader").stdout == "v\n"
    assert pratique("keyvault", "delete-policy", "-n", "kv-three", "--upn", "ivy").returncode == 0
    assert pratique(*show, who="ivy", role="Reader").returncode == 1


def test_a_canary_lies_nowhere_in_the_open(site: Site, pratique: Run, tmp_path: Path) -> None:
    """Through set, show, a new master key and delete: not in the home, not in the configuration, not in --debug."""
    canary = 'Canary-4f"é%2B+/&=' + os.urandom(6).hex()
    assert pratique("keyvault", "create", "-n", "kv-four").returncode == 0
    here = ("--vault-name", "kv-four", "-n", "k")
    said = [
        pratique("keyvault", "secret", "set", *here, "--file", "-", "--debug", stdin=canary),
        pratique("keyvault", "secret", "set", *here, "--value", canary, "--debug"),
        pratique("keyvault", "secret", "set", *here, "--value", canary, "--expires", "tomorrow", "--debug"),
        pratique("keyvault", "secret", "set", *here, "--value", canary, "--debug", who="eve", role="Reader"),
        pratique("keyvault", "secret", "show", *here, "--debug", "-o", "none"),
        pratique("keyvault", "rotate-master-key", "--debug"),
        pratique("keyvault", "secret", "list-versions", *here, "--debug"),
        pratique("keyvault", "secret", "delete", *here, "--debug"),
    ]
    assert [one.returncode for one in said] == [0, 0, 1, 1, 0, 0, 0, 0]
    wanted = forms(canary)
    for one in said:
        assert not any(form.decode() in one.stdout + one.stderr for form in wanted), one.args
    assert found_in(site.platform.home.root, wanted) == []
    assert found_in(tmp_path, wanted) == []


def test_after_a_new_master_key_everything_opens(site: Site, pratique: Run) -> None:
    assert pratique("keyvault", "create", "-n", "kv-five").returncode == 0
    here = ("--vault-name", "kv-five", "-n", "k")
    assert pratique("keyvault", "secret", "set", *here, "--file", "-", stdin="before").returncode == 0
    key = (site.platform.home.keys / "seal").read_bytes()
    answer = json.loads(pratique("keyvault", "rotate-master-key").stdout)
    assert answer["sealed"] >= 1
    assert key not in (site.platform.home.keys / "seal").read_bytes()
    assert pratique("keyvault", "secret", "show", *here, "--query", "value", "-o", "tsv").stdout == "before\n"
    assert pratique("keyvault", "rotate-master-key", who="eve", role="Contributor").returncode == 1
