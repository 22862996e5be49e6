"""Nobody comes in without a key or a token, no name leads out of the store, and no secret lies about."""

import hashlib
import json
import re
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from pratique.compute.sandbox import why_not

from . import storm
from .installation import Installation, prepare_workspace, until, write

WORKSPACE: Final = "guarded"
CANARY: Final = "canary-0f3a6c51"
PUBLIC: Final = {
    "/api/v1/status", "/api/v1/login", "/oauth2/token", "/.well-known/jwks.json", "/.well-known/openid-configuration",
}  # fmt: skip
SCORE: Final = "import os\n\n\ndef init():\n    pass\n\n\ndef run(raw):\n    return dict(os.environ)\n"
DEPLOYMENT: Final = storm.DEPLOYMENT.replace("steady", "locked")
JOB: Final = "type: command\ncommand: env -0 > outputs/env\nenvironment: azureml:plain@latest\ncompute: azureml:local\n"


@pytest.fixture(scope="module")
def project(platform: Installation) -> Path:
    """A workspace of its own, and the folder with its files."""
    made = prepare_workspace(platform, WORKSPACE)
    return write(made, {"score/score.py": SCORE, "blue.yml": DEPLOYMENT, "job.yml": JOB})


@pytest.fixture(scope="module")
def keys(platform: Installation, project: Path) -> list[str]:
    """Both keys of an endpoint that answers with the variables of its process."""
    platform.do("ml", "online-endpoint", "create", "-n", "locked", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    found = platform.get("ml", "online-endpoint", "get-credentials", "-n", "locked", cwd=project)
    return [found["primaryKey"], found["secondaryKey"]]


@pytest.fixture(scope="module")
def variables_of_a_job(platform: Installation, project: Path) -> dict[str, str]:
    """What the process of a job finds in its environment."""
    name = platform.get("ml", "job", "create", "-f", "job.yml", "--stream", cwd=project)["name"]
    platform.do("ml", "job", "download", "-n", name, "--download-path", "got", cwd=project)
    [left] = (project / "got").rglob("env")
    pairs = (line.partition("=") for line in left.read_text().split("\0") if line)
    return {name: value for name, _, value in pairs}


def routes(platform: Installation) -> Iterator[tuple[str, str]]:
    """Every operation of the API with a path that could be real."""
    document = platform.ask("GET", "/api/v1/openapi.json", token=platform.token).document
    for path, operations in document["paths"].items():
        real = re.sub(r"\{(\w+)[^}]*\}", lambda match: WORKSPACE if match[1] == "workspace" else "x1y", path)
        yield from ((method.upper(), real) for method in operations if path not in PUBLIC)


def test_every_route_of_the_api_asks_who_is_there(platform: Installation, project: Path) -> None:
    known = list(routes(platform))
    assert len(known) > 40
    body, headers = b'{"spec": {}}', {"Content-Type": "application/json"}
    for method, path in known:
        for token in (None, "", "nonsense", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJvd25lciJ9."):
            answer = platform.ask(method, path, token=token, headers=headers, body=body if method != "GET" else b"")
            assert answer.status == 401, f"{method} {path} with token {token!r}: {answer.status} {answer.body!r}"


def test_a_foreign_host_is_refused_by_both_doors(platform: Installation) -> None:
    for port in (platform.door_port, platform.endpoints_port):
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "169.254.169.254"):
            answer = platform.ask("GET", "/api/v1/status", headers={"Host": host}, port=port)
            assert answer.status >= 400, host
            assert b"version" not in answer.body
    for host in (f"localhost:{platform.door_port}", f"127.0.0.1:{platform.door_port}"):
        assert platform.ask("GET", "/api/v1/status", headers={"Host": host}).status == 200


def test_a_session_changes_nothing_for_a_foreign_page(platform: Installation, project: Path) -> None:
    link = platform.do("open", "--print").strip().removeprefix(platform.door)
    opened = platform.ask("GET", link)
    cookie = opened.headers["set-cookie"].partition(";")[0]
    assert "httponly" in opened.headers["set-cookie"].lower()
    assert "samesite=strict" in opened.headers["set-cookie"].lower()
    path, body = "/api/v1/groups/from-a-page", b'{"location": "local"}'
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{platform.endpoints_port}", ""):
        headers = {"Cookie": cookie, "Content-Type": "application/json", **({"Origin": origin} if origin else {})}
        assert platform.ask("PUT", path, headers=headers, body=body).status == 403, origin
    own = {"Cookie": cookie, "Content-Type": "application/json", "Origin": platform.door}
    assert platform.ask("PUT", path, headers=own, body=body).status in (200, 201)
    assert platform.ask("GET", link).status != 303, "a link is good for one use"
    allowed = platform.ask("GET", "/api/v1/groups", headers={"Origin": "http://evil.example"}, token=platform.token)
    assert "access-control-allow-origin" not in allowed.headers


@pytest.mark.parametrize(
    "path",
    [
        "/internal/authorize/mlflow/guarded/", "/internal/authorize", "/INTERNAL/authorize/mlflow/guarded/",
        "//internal/authorize/mlflow/guarded/", "/api/../internal/authorize/mlflow/guarded/",
        "/%69nternal/authorize/mlflow/guarded/", "/api/%2e%2e/internal/authorize/mlflow/guarded/",
    ],
)  # fmt: skip
def test_the_doors_own_question_cannot_be_asked_through_the_door(platform: Installation, path: str) -> None:
    answer = platform.ask("GET", path, token=platform.token)
    assert answer.status in (400, 403, 404), answer
    assert "x-pratique-actor" not in answer.headers


def test_nobody_says_who_they_are_by_a_header(platform: Installation, project: Path) -> None:
    forged = {"x-pratique-actor": "root", "x-mlflow-workspace": "dev", "x-forwarded-user": "root"}
    path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow/experiments/search?max_results=5"
    assert platform.ask("GET", "/api/v1/account", headers=forged).status == 401
    assert platform.ask("GET", path, headers=forged).status == 401
    mine = platform.ask("GET", path, token=platform.token, headers=forged)
    assert mine.status == 200
    assert mine.body == platform.ask("GET", path, token=platform.token).body


TRAVERSALS: Final = (
    "../../../../../../etc/passwd", "..%2f..%2f..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%252f..%252f..%252fetc%252fpasswd", "..\\..\\..\\etc\\passwd", "..%5c..%5c..%5cetc%5cpasswd",
    "....//....//etc/passwd", "/etc/passwd", "%2fetc%2fpasswd", "file:///etc/passwd", "file:%2f%2f%2fetc%2fpasswd",
    "x;/../../etc/passwd", "x%3b/../../etc/passwd", "x#/../../etc/passwd", "x%23/../../etc/passwd",
    "x%3f/../../etc/passwd", "..%00/etc/passwd", "etc/passwd%00.txt", "%c0%ae%c0%ae/%c0%ae%c0%ae/etc/passwd",
    "%ff%fe", "..", ".", "%2e%2e", "~root/.bashrc", "../pratique.db", "..%2fpratique.db", "..%2fkeys%2fsealing.key",
    "..%2fsecret.txt", "..;/secret.txt", "%2e%2e%5csecret.txt", "CON", "a" * 5000, "0" * 64, "g" * 64, "0" * 63 + "%2f",
)  # fmt: skip
"""Every shape by which a name has left its folder in platforms like this one."""
PLACES: Final = (
    "/api/v1/workspaces/{ws}/blobs/{x}", "/api/v1/workspaces/{ws}/manifests/{x}", "/api/v1/workspaces/{x}",
    "/api/v1/workspaces/{ws}/models/{x}/versions", "/api/v1/workspaces/{ws}/models/m/versions/{x}",
    "/api/v1/workspaces/{ws}/data/{x}/versions/1", "/api/v1/workspaces/{ws}/jobs/{x}",
    "/api/v1/workspaces/{ws}/jobs/{x}/stream", "/api/v1/workspaces/{ws}/jobs/j/outputs/{x}",
    "/api/v1/workspaces/{ws}/online-endpoints/{x}",
    "/api/v1/workspaces/{ws}/online-endpoints/{x}/deployments/blue/logs",
    "/api/v1/groups/{x}", "/mlflow/{ws}/api/2.0/mlflow-artifacts/artifacts/{x}",
    "/mlflow/{ws}/api/2.0/mlflow-artifacts/artifacts/1/{x}", "/mlflow/{ws}/api/2.0/mlflow-artifacts/artifacts?path={x}",
    "/mlflow/{ws}/get-artifact?path={x}&run_uuid={x}", "/mlflow/{ws}/static-files/{x}", "/mlflow/{x}/", "/open/{x}",
    "/{x}",
)  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_no_name_leads_out_of_the_store(platform: Installation, project: Path, place: str) -> None:
    """Reading, writing and removing: never a server's error, never a byte from elsewhere, never a file elsewhere."""
    secrets = [platform.home / "secret.txt", platform.folder / "secret.txt", platform.home / "blobs" / "secret.txt"]
    for secret in secrets:
        secret.write_text(CANARY)
    before = files_outside_the_store(platform)
    key = (platform.home / "keys" / "sealing.key").read_bytes()
    for payload in TRAVERSALS:
        path = place.format(ws=WORKSPACE, x=payload.replace(" ", "%20"))
        for method in ("GET", "PUT", "DELETE"):
            answer = platform.ask(method, path, token=platform.token, body=b"{}" if method == "PUT" else b"")
            said = f"{method} {path[:200]}: {answer.status} {answer.body[:300]!r}"
            assert answer.status < 500, said
            assert b"root:x:0:0" not in answer.body, said
            assert CANARY.encode() not in answer.body, said
            assert key not in answer.body, said
            assert b"SQLite format 3" not in answer.body, said
            assert b"Traceback" not in answer.body, said
    assert files_outside_the_store(platform) == before
    assert [secret.read_text() for secret in secrets] == [CANARY] * 3


def files_outside_the_store(platform: Installation) -> set[Path]:
    """Every file of the home that no upload may make or remove, and of the folder around it."""
    own = {"blobs", "environments", "services", "mlflow", "gateway", "jobs", "replicas"}
    inside = {path for part in platform.home.iterdir() if part.name not in own for path in (part, *part.rglob("*"))}
    changing = ("pratique.db", "secret.txt")
    return {path for path in inside | set(platform.folder.iterdir()) if not path.name.startswith(changing)}


def test_a_nul_byte_and_a_broken_line_are_refused_by_the_door(platform: Installation) -> None:
    for target in (b"/api/v1/groups/a\x00b", b"/api/v1/groups/a b", b"/api/v1/groups/\xff\xfe"):
        with socket.create_connection(("127.0.0.1", platform.door_port), timeout=30) as raw:
            raw.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = raw.recv(4096)
        assert re.match(rb"HTTP/1.1 4\d\d ", answer) or answer == b"", answer


@pytest.mark.parametrize("source", ["file:///etc/passwd", "/etc/passwd", "upload:../../etc/passwd", "../../secret.txt"])
def test_a_model_has_no_source_on_the_servers_disk(platform: Installation, project: Path, source: str) -> None:
    spec = {"spec": {"name": "stolen", "type": "custom_model", "path": source}}
    answer = platform.ask(
        "POST", f"/api/v1/workspaces/{WORKSPACE}/models", token=platform.token,
        headers={"Content-Type": "application/json"}, body=json.dumps(spec).encode(),
    )  # fmt: skip
    assert 400 <= answer.status < 500, answer
    body = json.dumps({"name": "stolen", "source": source, "run_id": ""}).encode()
    path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow/model-versions/create"
    headers = {"Content-Type": "application/json"}
    platform.ask("POST", path.replace("model-versions", "registered-models"), token=platform.token, headers=headers,
                 body=b'{"name": "stolen"}')  # fmt: skip
    answer = platform.ask("POST", path, token=platform.token, headers=headers, body=body)
    assert 400 <= answer.status < 500, answer


def test_a_job_has_its_own_token_and_nothing_of_the_platforms(
    platform: Installation, project: Path, variables_of_a_job: dict[str, str]
) -> None:
    text = "\n".join(f"{name}={value}" for name, value in variables_of_a_job.items())
    assert not [name for name in variables_of_a_job if name.startswith("PRATIQUE_")]
    assert platform.token not in text
    token = variables_of_a_job["MLFLOW_TRACKING_TOKEN"]
    path = f"/mlflow/{WORKSPACE}/api/2.0/mlflow/runs/get?run_id={variables_of_a_job['MLFLOW_RUN_ID']}"
    # The job has ended, and its token with it.
    until(lambda: platform.ask("GET", path, token=token).status in (401, 403), "the token of an ended job is refused")
    assert platform.ask("GET", f"/api/v1/workspaces/{WORKSPACE}/jobs", token=token).status in (401, 403)


ALONE: Final = """\
import json, os, socket, time, urllib.request
try:
    socket.create_connection(("127.0.0.1", {endpoints}), timeout=2)
    raise SystemExit("the endpoints' door was reached")
except OSError as error:
    print("away:", error)
def ask(path, body=None):
    headers = {{"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"}}
    url = os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/runs/" + path
    asked = urllib.request.Request(url, body and json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(asked, timeout=60))
run = os.environ["MLFLOW_RUN_ID"]
ask("log-metric", {{"run_id": run, "key": "alone", "value": 7, "timestamp": int(1000 * time.time())}})
metrics = ask("get?run_id=" + run)["run"]["data"]["metrics"]
assert [(metric["key"], metric["value"]) for metric in metrics] == [("alone", 7)], metrics
"""


@pytest.mark.skipif(bool(why_not()), reason=f"processes cannot be kept apart on this machine: {why_not()}")
def test_a_job_without_a_network_logs_to_mlflow_all_the_same(platform: Installation, project: Path) -> None:
    job = JOB.replace("env -0 > outputs/env", "python alone.py") + "code: alone\ntags: {pratique.network: none}\n"
    write(project, {"alone.yml": job, "alone/alone.py": ALONE.format(endpoints=platform.endpoints_port)})
    made = platform.get("ml", "job", "create", "-f", "alone.yml", "--stream", cwd=project)
    assert platform.get("ml", "job", "show", "-n", made["name"], cwd=project)["status"] == "Completed"


def test_a_scorer_has_no_token_at_all(platform: Installation, project: Path, keys: list[str]) -> None:
    said = platform.score(WORKSPACE, "locked", keys[0]).document
    assert said["AZUREML_MODEL_DIR"]
    text = json.dumps(said)
    assert "TOKEN" not in text
    for secret in (platform.token, *keys):
        assert secret not in text
    assert {name for name in said if name.startswith("PRATIQUE_")} <= {
        "PRATIQUE_DEPLOYMENT",
        "PRATIQUE_LONGEST_CALL_MS",
        "PRATIQUE_REQUEST_TIMEOUT_MS",
    }


def test_no_secret_is_in_a_log_or_in_a_file_that_others_can_read(
    platform: Installation, project: Path, keys: list[str], variables_of_a_job: dict[str, str]
) -> None:
    platform.score(WORKSPACE, "locked", keys[0])
    platform.score(WORKSPACE, "locked", "wrong-" + keys[0])
    tokens = (platform.token, variables_of_a_job["MLFLOW_TRACKING_TOKEN"])
    secrets = [text.encode() for text in (*keys, *tokens)]
    runtime = platform.runtime
    for place in [*every_file(platform.home), *every_file(runtime)]:
        if not any(secret in place.read_bytes() for secret in secrets):
            continue
        assert place.suffix != ".log", f"{place} has a secret"
        assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, f"{place} has a secret, and others may read it"


def every_file(folder: Path) -> Iterator[Path]:
    """Every regular file below `folder`, without the packages of environments and the content that users made."""
    for part in folder.iterdir():
        if part.is_file() and not part.is_symlink():
            yield part
        elif part.is_dir() and not part.is_symlink() and part.name not in ("environments", "blobs"):
            yield from every_file(part)


def test_the_home_is_private(platform: Installation, project: Path, keys: list[str]) -> None:
    runtime = platform.runtime
    for folder in (platform.home, runtime, *(place for place in platform.home.iterdir() if place.is_dir())):
        if not folder.is_symlink():
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder
    places = [*runtime.iterdir(), *every_file(platform.home / "keys"), *every_file(platform.home / "gateway")]
    for place in [*places, *(place for place in platform.home.iterdir() if place.is_file())]:
        if place.name != "secret.txt":  # Made by these tests.
            assert stat.S_IMODE(place.stat().st_mode) & 0o077 == 0, place


def test_envoys_own_pages_are_on_no_port_and_tell_no_key(platform: Installation, keys: list[str]) -> None:
    sockets = list(platform.runtime.glob("*admin*"))
    assert len(sockets) == 1
    for page in ("config_dump?include_eds", "clusters", "stats", "listeners", "server_info"):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.settimeout(30)
            raw.connect(str(sockets[0]))
            raw.sendall(f"GET /{page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            body = b"".join(iter(lambda: raw.recv(65536), b""))
        assert body.startswith(b"HTTP/1.1 200"), page
        for key in keys:
            assert key.encode() not in body, page
    for port in (platform.door_port, platform.endpoints_port):
        assert b"configs" not in platform.ask("GET", "/config_dump", port=port, token=platform.token).body


def test_what_a_model_answers_is_no_page_of_ours(platform: Installation, keys: list[str]) -> None:
    answer = platform.score(WORKSPACE, "locked", keys[0])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_changed_byte_of_a_stored_script_is_found_before_it_runs(platform: Installation, project: Path) -> None:
    write(project, {"score/score.py": SCORE + "# to be changed\n"})
    digest = hashlib.sha256((SCORE + "# to be changed\n").encode()).hexdigest()
    platform.do("ml", "online-endpoint", "create", "-n", "tampered", cwd=project)
    made = ("ml", "online-deployment", "create", "-f", "blue.yml", "-e", "tampered")
    platform.do(*made, cwd=project)
    [blob] = platform.home.glob(f"blobs/**/*{quote(digest)}*")
    blob.chmod(0o600)
    blob.write_text("import os\n" + SCORE)
    error = platform.fail(*made, "--set", "environment_variables.AGAIN=yes", cwd=project)
    assert "changed" in error
    assert not list(platform.home.glob("replicas/*/files-of/*.making"))


def test_the_events_say_who_did_it_and_their_chain_is_whole(platform: Installation, project: Path) -> None:
    found: list[dict[str, Any]] = platform.get("events", "tail", "--lines", "200")
    assert all(event["actor"] for event in found)
    assert [event["sequence"] for event in found] == list(range(found[0]["sequence"], found[-1]["sequence"] + 1))
    assert platform.broken_event() is None
