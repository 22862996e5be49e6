"""A secret that a delivery uses in every way lies nowhere in the open, and what strangers write commands nothing."""

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote, quote_plus

import pytest
from tests.loopback import Answer, Asked, served

from pratique.base.clock import utc_now
from pratique.control import repositories, workspaces
from pratique.control.actor import PLATFORM
from pratique.store import workspaces as workspace_rows

from .conftest import PROJECT, House, Run, Site

P: Final = ("-p", PROJECT)
CORE: Final = "c4n4ry-0dd"
CANARY: Final = CORE + "/\"pa$$+w0rd%&<x>' \\z"
LEAK: Final = """\
import base64, html, json, os, shlex, sys, time
from urllib.parse import quote, quote_plus
secret = os.environ["CANARY"]
print(secret); print(secret, file=sys.stderr)
print(json.dumps({"key": secret})); print(quote(secret), quote(secret, safe=""), quote_plus(secret))
print(shlex.quote(secret), html.escape(secret), secret.encode().hex(), secret.encode().hex().upper())
for before in ("", "a", "ab", "user:"):
    print(base64.b64encode((before + secret + "@host").encode()).decode())
print(base64.encodebytes(secret.encode()).decode())
for half in (secret[:9], secret[9:]):
    sys.stdout.write(half); sys.stdout.flush(); time.sleep(0.3)
print()
print("##vso[task.logissue type=warning]" + secret)
print("##vso[build.addbuildtag]" + secret)
print("##vso[task.setprogress value=3;]" + secret)
open("summary.md", "w").write(secret)
print("##vso[task.uploadsummary]" + os.path.abspath("summary.md"))
os.unlink("summary.md") if len(sys.argv) > 1 else None
"""
PIPELINE: Final = """\
trigger: none
variables:
- group: odd-secrets
stages:
- stage: One
  jobs:
  - job: leak
    steps:
    - checkout: self
    - task: AzureKeyVault@2
      inputs: {azureSubscription: odd-reader, keyVaultName: kv-odd, secretsFilter: odd}
    - bash: python3 leak.py
      displayName: leaks $(odd)
      env: {CANARY: $(odd)}
    - bash: |
        set -x
        echo "$CANARY"
        echo "##vso[task.setvariable variable=kept;isOutput=true;issecret=true]$CANARY"
        mkdir -p out && echo "nothing" > out/plain.txt
      name: gives
      env: {CANARY: $(odd)}
    - publish: out
      artifact: drop
  - job: call
    pool: server
    steps:
    - task: InvokeRESTAPI@1
      displayName: calls with $(odd)
      inputs:
        serviceConnection: odd-api
        headers: '{"X-Secret": "$(secretHeader)", "Content-Type": "application/json"}'
        body: $(odd)
- stage: Two
  variables:
    kept: $[ stageDependencies.One.leak.outputs['gives.kept'] ]
  jobs:
  - deployment: last
    environment: odd
    strategy:
      runOnce:
        deploy:
          steps:
          - bash: |
              echo "$KEPT"; echo -n "$KEPT" | base64; exit 3
            env: {KEPT: $(kept)}
"""


@contextlib.contextmanager
def echoing() -> Iterator[tuple[str, list[str]]]:
    """An API on loopback that answers what it was sent; its URL and the bodies."""
    sent: list[str] = []

    def answer(asked: Asked) -> Answer:
        sent.append(asked.body.decode())
        headers = "".join(f"{name}: {value}\n" for name, value in asked.headers.items())
        said = b"you said " + asked.body + b" and " + base64.b64encode(asked.body) + b"\n" + headers.encode()
        return Answer(200, said)

    with served(answer) as url:
        yield url, sent


def forms(secret: str) -> set[bytes]:
    """How programs write a secret, in lower case; base64 at each of its three offsets without its uncertain ends."""
    found = {secret, json.dumps(secret)[1:-1], quote(secret), quote(secret, safe=""), quote_plus(secret)}
    found |= {CORE, secret.encode().hex(), CORE.encode().hex()}
    for text in (secret, CORE):
        found |= {base64.b64encode(b"x" * skip + text.encode()).decode()[4 : -4 or None] for skip in (0, 1, 2)}
    return {form.lower().encode() for form in found}


def traces(data: bytes) -> list[bytes]:
    """Every form of the canary in `data`, with what stands around it."""
    folded = data.lower()
    return [
        form + b" in " + data[max(0, at - 60) : at + 90]
        for form in forms(CANARY)
        if (at := folded.find(form)) >= 0
    ]  # fmt: skip


@pytest.fixture
def house(site: Site, pratique: Run, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A project whose pipelines get a secret by a group and by a connection."""
    made = House(site, pratique)
    with site.platform.database.write() as tx:
        if workspace_rows.get(tx, "odd") is not None:
            return made
        workspaces.create(tx, PLATFORM, {"name": "odd"}, group="rg", now=utc_now())
    secret = tmp_path_factory.mktemp("outside") / "value"
    secret.write_text(CANARY)
    for words in (
        ("ad", "sp", "create-for-rbac", "-n", "odd-reader", "--role", "Reader", "--scopes", "/"),
        ("keyvault", "create", "-n", "kv-odd", "-g", "rg"),
        ("keyvault", "secret", "set", "--vault-name", "kv-odd", "-n", "odd", "--file", str(secret)),
        ("keyvault", "secret", "set", "--vault-name", "kv-odd", "-n", "secretHeader", "--value", "x-c4n4ry-0dd-header"),
        ("keyvault", "set-policy", "-n", "kv-odd", "--spn", "odd-reader", "--secret-permissions", "get", "list"),
        (
            "devops", "service-endpoint", "create", "--name", "odd-reader", "--service-principal", "odd-reader",
            "--workspace", "odd", "--enable-for-all", "true", *P,
        ),
        (
            "pipelines", "variable-group", "create", "--name", "odd-secrets", "--vault", "kv-odd",
            "--secrets", "odd", "secretHeader", "--authorize", "true", *P,
        ),
        ("pipelines", "environment", "create", "--name", "odd", *P),
        ("pipelines", "environment", "check", "add", "--environment", "odd", "--type", "approval", "--allow-self", *P),
    ):  # fmt: skip
        made.do(*words)
    return made


def written(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_a_canary_is_in_no_file_no_row_no_log_no_event_no_artifact_and_no_answer(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written(tmp_path / "odd", **{"azure-pipelines.yml": PIPELINE, "leak.py": LEAK}))
    with echoing() as (url, sent):
        endpoint = ("--name", "odd-api", "--url", url, "--enable-for-all", "true", *P)
        house.do("devops", "service-endpoint", "create", *endpoint)
        words = ("--yaml", "azure-pipelines.yml", "--name", "leaks", "--no-wait", *P)
        run = int(house.do("pipelines", "run", *words)["id"])
        waits = house.run_until(run, waits=True)
        assert [one["state"] for one in waits["stages"]] == ["completed", "waiting"], house.log(run)
        (asked,) = json.loads(house.ask(f"delivery/projects/{PROJECT}/approvals?state=waiting&run={run}"))
        shown = house.ask(f"delivery/approvals/{asked['id']}")
        house.do("pipelines", "approval", "approve", "--id", asked["id"])
        said = house.run_until(run)
    log = house.log(run)
    assert sent == [CANARY], "the API was given it"
    assert "you said ***" in log
    assert log.count("***") > 25, log
    assert [one["result"] for one in said["stages"]] == ["Succeeded", "Failed"], log
    answers = [
        shown,
        *(house.ask(f"delivery/runs/{run}{part}") for part in ("", "/expanded", "/artifacts", "/stream")),
        *(house.ask(f"delivery/projects/{PROJECT}/{noun}") for noun in ("runs", "approvals", "variable-groups")),
        house.ask("vaults/kv-odd"), house.ask("vaults/kv-odd/secrets"), house.ask("events"),
    ]  # fmt: skip
    answers += [
        house.ask(f"delivery/runs/{run}/units/{unit['id']}/logs/{step['number']}")
        for stage in said["stages"]
        for job in stage["jobs"]
        for unit in job["units"]
        for step in unit["steps"]
    ]
    for answer in answers:
        assert traces(answer) == [], answer[:200]
    # The database and its write-ahead log are files of the home as well, and so is every artifact.
    home = house.site.platform.home.root
    files = [path for path in home.rglob("*") if path.is_file()]
    assert any(path.name.endswith("-wal") for path in files)
    for path in files:
        assert traces(path.read_bytes()) == [], path


# --- what strangers write -------------------------------------------------------------------------------------------

HOSTILE: Final = "##vso[task.setvariable variable=pwned]yes"
MESSAGE: Final = f"""\
{HOSTILE};%0A{HOSTILE} $(odd) `touch pwned` $(touch pwned)

##vso[build.addbuildtag]pwned
##vso[task.complete result=Failed;]done
]; %5D %3B %0D%0A{HOSTILE}
"""
BRANCH: Final = "x]y;%0A##vso%5Btask.setvariable;variable=pwned%5Dyes"
FILE: Final = "##vso[task.setvariable variable=pwned]yes;%0A.txt"
SHOWS: Final = """\
trigger: {branches: {include: ['*']}, tags: {include: ['*']}}
variables:
- group: odd-secrets
- name: whole
  value: $(Build.SourceVersionMessage)
steps:
- checkout: self
- task: CopyFiles@2
  displayName: copies for $(Build.SourceVersionMessage) on $(Build.SourceBranch)
  inputs: {contents: '**/*.txt', targetFolder: $(Build.ArtifactStagingDirectory)}
- publish: $(Build.ArtifactStagingDirectory)
  artifact: odd
  continueOnError: true
- publish: azure-pipelines.yml
  artifact: drop
- bash: |
    printf '%s\\n' "$BUILD_SOURCEVERSIONMESSAGE" "$BUILD_SOURCEBRANCH" "$BUILD_SOURCEBRANCHNAME" "$MESSAGE" "$WHOLE"
    echo "$BUILD_SOURCEVERSIONMESSAGE" >&2
  displayName: shows $(Build.SourceBranchName)
  env: {MESSAGE: $(Build.SourceVersionMessage)}
- bash: |
    echo "pwned is ${PWNED-not set}"; test -z "${PWNED-}" && test ! -e pwned
"""


def test_commands_and_macros_in_a_message_a_branch_a_tag_and_a_path_do_nothing(house: House, tmp_path: Path) -> None:
    address, token = house.site.repository("hostile"), house.site.token("eve")
    pipeline = ("--name", "hostile", "--repository", "hostile", "--repository-type", "tfsgit", "--branch", "main")
    house.do("pipelines", "create", *pipeline, "--yml-path", "azure-pipelines.yml", "--skip-first-run", *P)
    git = house.site.clone(address, "hostile", token)
    git.commit(MESSAGE, **{"azure-pipelines.yml": SHOWS, FILE: "a file\n"})
    for ref in (f"refs/heads/{BRANCH}", f"refs/tags/{BRANCH}"):
        git("push", "--quiet", repositories.address_of(house.site.door, PROJECT, "hostile"), f"HEAD:{ref}")
        house.turn()
        runs = json.loads(house.ask(f"delivery/projects/{PROJECT}/runs"))
        (run,) = [one["id"] for one in runs if one["sourceBranch"] == ref]
        said = house.run_until(run)
        log = house.log(run)
        assert (said["result"], said["tags"]) == ("partiallySucceeded", []), log
        assert "txt: it contains # % ;" in log, "no artifact has such a name, which is said"
        assert "pwned is not set" in log
        assert "**vso[task.setvariable variable=pwned]yes" in log, "it is shown, and commands nothing"
        assert "$(odd)" in log, "a macro that a stranger wrote stays text"
        assert traces(log.encode()) == []
        assert [one["name"] for one in json.loads(house.ask(f"delivery/runs/{run}/artifacts"))] == ["drop"]
