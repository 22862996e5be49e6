"""The same script and the same request, asked of Azure's own inference server and of ours."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.ports import free_port
from uv import find_uv_bin

from .conftest import LIMIT, PACKAGE, find_interpreter
from .contract import SCRIPTS, Ask, Script

LOCK = Path(__file__).parents[3] / "bench" / "serving" / "peers" / "azure.lock"

HEADERS = (
    "content-type",
    "x-ms-run-function-failed",
    "x-ms-request-id",
    "x-ms-client-request-id",
    "x-own",
    "allow",
    "location",
    "set-cookie",
    "vary",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
)


class Answer(NamedTuple):
    """What of an answer is compared."""

    status: int
    headers: dict[str, str]
    body: Any


@pytest.fixture(scope="module")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment with Azure's inference server, as it is locked for the measurements."""
    folder = tmp_path_factory.mktemp("azure")
    uv, python = find_uv_bin(), folder / "bin" / "python"
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", find_interpreter("3.11"), str(folder)], check=True)
    install = [uv, "pip", "install", "--quiet", "--require-hashes", "--python", str(python)]
    subprocess.run([*install, "-r", str(LOCK)], check=True)
    return folder / "bin"


@contextmanager
def serving(argv: list[str], environment: dict[str, str], place: Path) -> Iterator[int]:
    """A server on a port of its own, until the block ends."""
    port = free_port()
    with (place / "log").open("wb") as log:
        process = subprocess.Popen(
            [port_in(word, port) for word in argv],
            env={"PATH": os.environ["PATH"], "HOME": str(place), **environment},
            cwd=place,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + LIMIT
        while time.monotonic() < until and process.poll() is None:
            try:
                if ask(port, Ask("", None, "GET", "/", None)).status == 200:
                    break
            except OSError:
                time.sleep(0.05)
        else:
            pytest.fail((place / "log").read_text())
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(LIMIT)


def port_in(word: str, port: int) -> str:
    return str(port) if word == "PORT" else word


def ask(port: int, wanted: Ask) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    try:
        kind = {"Content-Type": wanted.kind} if wanted.kind else {}
        connection.request(wanted.method, wanted.target, wanted.body, {**kind, **wanted.headers})
        response = connection.getresponse()
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            if name.lower() in HEADERS:
                headers[name.lower()] = f"{headers.get(name.lower(), '')};{value}".lstrip(";")
        return Answer(response.status, tidy(headers, wanted), value_of(response.read()))
    finally:
        connection.close()


def tidy(headers: dict[str, str], wanted: Ask) -> dict[str, str]:
    """Without what is made up by chance, and with methods in one order."""
    if not any(name.startswith("x-ms") for name in wanted.headers):
        headers.pop("x-ms-request-id", None)
    if "allow" in headers:
        headers["allow"] = ", ".join(sorted(headers["allow"].replace(" ", "").split(",")))
    return headers


def value_of(body: bytes) -> Any:
    try:
        value = json.loads(body)
    except ValueError:
        return body
    return specified(value) if isinstance(value, dict) and "paths" in value else value


def specified(document: dict[str, Any]) -> dict[str, Any]:
    """What clients are made from; the rest is in our own words, and tells what is different here."""
    schemas = document.get("definitions") or document["components"]["schemas"]
    names = {path: [what["operationId"] for what in item.values()] for path, item in document["paths"].items()}
    info = [document["info"][name] for name in ("title", "version")]
    return {"schemas": schemas, "names": names, "info": info, "form": document.get("openapi")}


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=[script.name for script in SCRIPTS])
def test_both_servers_answer_alike(azure: Path, tmp_path: Path, script: Script) -> None:
    for name, text in {"score.py": script.text, **script.files}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    places = [tmp_path / name for name in ("theirs", "ours")]
    for place in places:
        place.mkdir()
    their_argv = [str(azure / "azmlinfsrv"), "--entry_script", str(tmp_path / "score.py"), "--port", "PORT"]
    our_argv = [str(azure / "python"), "-m", "pratique_serving", "--port", "PORT"]
    given = {"AML_APP_ROOT": str(tmp_path), "AZUREML_ENTRY_SCRIPT": "score.py", "PYTHONPATH": str(PACKAGE)}
    path = {"PATH": f"{azure}:{os.environ['PATH']}", "AML_APP_ROOT": str(tmp_path)}
    with (
        serving(their_argv, {**path, **script.environment}, places[0]) as theirs,
        serving(our_argv, {**given, **script.environment}, places[1]) as ours,
    ):
        found = [(wanted, ask(theirs, wanted), ask(ours, wanted)) for wanted in script.asks]
    unlike = [
        f"{wanted.name}:\n  theirs {one}\n  ours   {other}"
        for wanted, one, other in found
        if one != other and not wanted.differs
    ]
    alike = [wanted.name for wanted, one, other in found if one == other and wanted.differs]
    assert not unlike, "\n".join(unlike)
    assert not alike, "these are said to differ and do not"


def test_there_are_enough_cases() -> None:
    assert sum(len(script.asks) for script in SCRIPTS) >= 150
    assert sys.version_info >= (3, 11)
