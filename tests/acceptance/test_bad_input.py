"""What a user gets wrong is said with place, cause and remedy; nothing half-made stays; the mended file works."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from .installation import Installation, prepare_workspace, write

WORKSPACE: Final = "clumsy"
JOB: Final = """\
type: command
command: echo fine
environment: azureml:plain@latest
compute: azureml:cpu-cluster
"""
DEPLOYMENT: Final = """\
name: blue
endpoint_name: {endpoint}
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
instance_type: Standard_DS3_v2
instance_count: 1
"""
RUN: Final = "\n\ndef run(raw):\n    return 1\n"
GOOD_SCORE: Final = "def init():\n    pass\n\n\ndef run(raw):\n    return 'fine'\n"


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A workspace of its own, and the folder with its files."""
    return prepare_workspace(platform, WORKSPACE)


def names(platform: Installation, verb: str) -> set[str]:
    """The names of what the workspace has of one noun."""
    noun = verb if verb == "data" else f"{verb}s"
    rows = platform.ask("GET", f"/api/v1/workspaces/{WORKSPACE}/{noun}", token=platform.token).document
    return {str(row["name"]) for row in rows}


@pytest.mark.parametrize(
    ("verb", "good", "bad", "said"),
    [
        ("job", JOB, ("compute: azureml:cpu-cluster", "comptue: azureml:cpu-cluster"), ["comptue", "compute"]),
        ("job", JOB, ("command: echo fine", "command: [echo, fine]"), ["command", "expected"]),
        ("job", JOB, ("command: echo fine", "command: echo ${{inputs.lr}}"), ["inputs.lr"]),
        ("job", JOB, ("type: command", "type: pipeline"), ["pipeline"]),
        ("job", JOB, ("command: echo fine", "code: ./nowhere\ncommand: echo fine"), ["nowhere"]),
        ("job", JOB, ("command: echo fine", "command: echo fine\ncommand: b"), ["command", "twice"]),
        ("job", JOB, ("command: echo fine", "\tcommand: echo fine"), ["tab"]),
        ("data", "name: d\ntype: uri_file\npath: conda.yml\n", ("uri_file", "uri_flie"), ["uri_flie", "uri_file"]),
        ("data", "name: d\ntype: uri_file\npath: conda.yml\n", ("conda.yml", "gone.csv"), ["gone.csv"]),
        ("model", "name: m\ntype: custom_model\npath: conda.yml\n", ("conda.yml", "../../../etc/gone"), ["gone"]),
        ("online-endpoint", "name: fine\nauth_mode: key\n", ("auth_mode: key", "auth_mode: kay"), ["kay", "key"]),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_with_its_line_and_leaves_nothing(
    platform: Installation, project: Path, verb: str, good: str, bad: tuple[str, str], said: list[str]
) -> None:
    """And the mended one is taken under the same name."""
    file = f"{verb}.yml"
    wrong = good.replace(*bad)
    write(project, {file: wrong})
    before = names(platform, verb)
    error = platform.fail("ml", verb, "create", "-f", file, cwd=project)
    assert error.startswith("error: ")
    for word in said:
        assert word in error
    pairs = enumerate(zip(good.splitlines(), wrong.splitlines(), strict=False), 1)
    line = next(number for number, (was, now) in pairs if was != now)
    assert f"{file}:{line}" in error, error
    assert names(platform, verb) == before
    write(project, {file: good})
    platform.do("ml", verb, "create", "-f", file, cwd=project)


@pytest.mark.parametrize(
    ("reference", "said"),
    [("azureml:nothing@latest", "nothing"), ("azureml:plain:99", "99"), ("azureml:", "azureml:")],
)
def test_a_wrong_reference_is_named_with_a_remedy(
    platform: Installation, project: Path, reference: str, said: str
) -> None:
    write(project, {"reference.yml": JOB.replace("azureml:plain@latest", f'"{reference}"')})
    before = names(platform, "job")
    finished = platform.run("ml", "job", "create", "-f", "reference.yml", cwd=project)
    assert finished.code in (1, 3), finished
    assert finished.out == ""
    assert said in finished.err
    assert "hint: " in finished.err or "(" in finished.err
    assert names(platform, "job") == before


def test_every_problem_of_a_file_is_said_at_once(platform: Installation, project: Path) -> None:
    text = "type: command\ncomand: echo\nenvironment: 3\ninputs:\n  lr:\n    type: nubmer\n"
    write(project, {"many.yml": text})
    error = platform.fail("ml", "job", "create", "-f", "many.yml", cwd=project)
    for number in (2, 3, 6):
        assert f"many.yml:{number}" in error, error


def test_a_missing_file_is_named(platform: Installation, project: Path) -> None:
    error = platform.fail("ml", "job", "create", "-f", "absent.yml", cwd=project)
    assert f"looked for {project / 'absent.yml'}" in error


def test_a_broken_training_script_shows_its_last_20_lines(platform: Installation, project: Path) -> None:
    script = "for n in range(50):\n    print('line', n)\nraise ValueError('the rows are empty')\n"
    write(project, {"src/train.py": script, "broken.yml": JOB.replace("echo fine", "python train.py\ncode: src")})
    finished = platform.run("ml", "job", "create", "-f", "broken.yml", "--stream", cwd=project)
    assert finished.code == 1, finished
    error = finished.err[finished.err.index("error: ") :]
    tail = [line.removeprefix("  | ") for line in error.splitlines() if line.startswith("  | ")]
    assert len(tail) == 20
    assert "exit code 1" in error
    assert tail[-1] == "ValueError: the rows are empty"
    assert any("train.py" in line and "line 3" in line for line in tail)
    assert "hint: " in error


@pytest.fixture(scope="module")
def endpoint(platform: Installation, project: Path) -> str:
    """An endpoint without a deployment."""
    platform.do("ml", "online-endpoint", "create", "-n", "shaky", cwd=project)
    return "shaky"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("def init():\n    raise RuntimeError('no weights here')\n" + RUN, "no weights here"),
        ("import sys\n\n\ndef init():\n    sys.exit(3)\n" + RUN, "sys.exit"),
        ("def init():\n    pass\n\n\ndef run(raw)\n    return 1\n", "SyntaxError"),
        ("import nothing_of_that_name\n\n\ndef init():\n    pass\n", "nothing_of_that_name"),
        ("def init():\n    pass\n", "run"),
    ],
    ids=["raises in init", "exits in init", "syntax error", "missing import", "no run"],
)
def test_a_broken_score_script_is_told_and_nothing_of_it_runs(
    platform: Installation, project: Path, endpoint: str, script: str, said: str
) -> None:
    before = traces(platform)
    write(project, {"score/score.py": script, "blue.yml": DEPLOYMENT.format(endpoint=endpoint)})
    error = platform.fail("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    assert said in error
    assert "score.py" in error
    assert "hint: " in error
    assert deployed(platform, project, endpoint) == {"blue": "Failed"}
    assert platform.get("ml", "online-endpoint", "show", "-n", endpoint, cwd=project)["traffic"] == {}
    assert traces(platform) == before


def deployed(platform: Installation, project: Path, endpoint: str) -> dict[str, str]:
    """The state of each deployment of `endpoint`."""
    rows = platform.get("ml", "online-deployment", "list", "-e", endpoint, cwd=project)
    return {row["name"]: row["provisioning_state"] for row in rows}


def traces(platform: Installation) -> tuple[set[int], set[Path]]:
    """The model servers of every story, and the files that they run on."""
    return set(platform.pids("pratique_serving")), set(platform.home.glob("replicas/*/files-of/*"))


def test_the_mended_script_works_under_the_same_name(platform: Installation, project: Path, endpoint: str) -> None:
    write(project, {"score/score.py": GOOD_SCORE, "blue.yml": DEPLOYMENT.format(endpoint=endpoint)})
    made = platform.get("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    assert made["provisioning_state"] == "Succeeded"
    assert made.get("error") is None
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", endpoint, cwd=project)["primaryKey"]
    answer = platform.score(WORKSPACE, endpoint, key)
    assert (answer.status, answer.document) == (200, "fine")


def test_what_served_goes_on_serving_when_its_successor_is_broken(
    platform: Installation, project: Path, endpoint: str
) -> None:
    # It comes after the test that deploys it.
    write(project, {"score/score.py": "def init():\n    raise RuntimeError('worse')\n" + RUN})
    error = platform.fail("ml", "online-deployment", "update", "-f", "blue.yml", cwd=project)
    assert "worse" in error
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", endpoint, cwd=project)["primaryKey"]
    answer = platform.score(WORKSPACE, endpoint, key)
    assert (answer.status, answer.document) == (200, "fine")


def test_a_cut_or_false_upload_is_never_visible(platform: Installation, project: Path) -> None:
    token, root = platform.token, f"/api/v1/workspaces/{WORKSPACE}"
    digest = hashlib.sha256(b"promised").hexdigest()
    assert platform.ask("PUT", f"{root}/blobs/{digest}", token=token, body=b"other").status == 400
    assert platform.ask("GET", f"{root}/blobs/{digest}", token=token).status == 404
    manifest = {"entries": [{"path": "a.txt", "digest": digest, "size": 8}]}
    asked = platform.ask("POST", f"{root}/manifests", token=token, body=as_json(manifest), headers=JSON_TYPE)
    assert asked.document["missing"] == [digest]
    assert platform.ask("GET", f"{root}/manifests/{asked.document['digest']}", token=token).status == 404
    assert not list(platform.home.glob(f"blobs/**/{digest}"))


JSON_TYPE: Final = {"Content-Type": "application/json"}


def as_json(document: Mapping[str, object]) -> bytes:
    """The body of a request."""
    return json.dumps(document).encode()
