"""The server under every Python that a user's environment may have."""

import threading

from .conftest import Answer, Scorers, ask

ECHO = """
import json, sys, time

def init():
    print("loaded by", sys.version_info[:2])

def run(raw_data):
    data = json.loads(raw_data)
    if "wait" in data:
        print("in run", flush=True)
        time.sleep(data["wait"])
    if "raise" in data:
        raise ValueError("on purpose")
    return data
"""

RAW = """
from azureml.contrib.services.aml_request import AMLRequest, rawhttp
from azureml.contrib.services.aml_response import AMLResponse
from azureml_inference_server_http.api.aml_request import rawhttp as newer_name

def init():
    assert newer_name is rawhttp

@rawhttp
def run(request):
    assert isinstance(request, AMLRequest)
    if request.method == "GET":
        answer = AMLResponse({"size": request.args.get("size", 0, type=int)}, 200, json_str=True)
        answer.set_cookie("sid", request.cookies.get("sid", "none"), max_age=60)
        answer.mimetype = "application/x-test"
        return answer
    if request.method == "OPTIONS":
        return AMLResponse("", 204, {"X-Allowed": "everything"})
    return AMLResponse(request.files["image"].read()[::-1], 201, {"Content-Type": "image/x-test"})
"""


def test_a_script_answers_again_and_again_on_one_connection(scorers: Scorers, interpreter: str) -> None:
    scorer = scorers.script(ECHO, interpreter)
    connection = scorer.connect()
    for number in range(20):
        answer = ask(connection, "POST", "/score", f'{{"n": {number}}}')
        assert (answer.status, answer.value) == (200, {"n": number})
    assert ask(connection, "GET", "/score?a=1").value == {"a": 1}
    assert ask(connection, "POST", "/score", '{"raise": 1}').status == 500
    assert ask(connection, "POST", "/score", "{").status == 500
    assert ask(connection, "GET", "/").body == b"Healthy"
    assert ask(connection, "GET", "/swagger.json?version=3").value["openapi"] == "3.0.3"
    connection.close()
    assert scorer.stop() == 0
    assert "ValueError: on purpose" in scorer.said()
    version = tuple(int(part) for part in interpreter.split("/")[-3].split(".")[:2])
    assert f"loaded by {version}" in scorer.said()


def test_raw_requests_and_responses_have_azures_names(scorers: Scorers, interpreter: str) -> None:
    scorer = scorers.script(RAW, interpreter, AML_CORS_ORIGINS="*")
    got = scorer.ask("GET", "/score?size=3", cookie="sid=5", origin="https://a.example")
    assert (got.value, got.headers["content-type"]) == ({"size": 3}, "application/x-test")
    assert got.headers["set-cookie"].startswith("sid=5; Expires=")
    assert got.headers["access-control-allow-origin"] == "https://a.example"
    options = scorer.ask("OPTIONS", "/score")
    assert (options.status, options.headers["x-allowed"]) == (204, "everything")
    body = b'--B\r\nContent-Disposition: form-data; name="image"; filename="i"\r\n\r\n\x01\x02\xff\r\n--B--\r\n'
    upload = scorer.ask("POST", "/score", body, content_type="multipart/form-data; boundary=B")
    assert (upload.status, upload.body, upload.headers["content-type"]) == (201, b"\xff\x02\x01", "image/x-test")
    broken = scorer.ask("POST", "/score", b"x", content_type="multipart/form-data; boundary=B")
    assert broken.status == 400


def test_an_init_that_fails_ends_the_process_with_its_traceback_last(scorers: Scorers, interpreter: str) -> None:
    raises = scorers.script("def init():\n    open('/no/such/file')\ndef run(data): pass\n", interpreter)
    exits = scorers.script("import sys\ndef init():\n    sys.exit(0)\ndef run(data): pass\n", interpreter)
    imports = scorers.script("import no_such_module\n", interpreter)
    assert [scorer.process.wait(60) for scorer in (raises, exits, imports)] == [70, 70, 70]
    assert raises.said().splitlines()[-1].startswith("FileNotFoundError")
    assert exits.said().splitlines()[-1] == "SystemExit: 0"
    assert imports.said().splitlines()[-1] == "ModuleNotFoundError: No module named 'no_such_module'"
    for scorer in (raises, exits, imports):
        assert "pratique_serving/" not in scorer.said()


def test_a_stopped_server_finishes_what_is_in_flight(scorers: Scorers, interpreter: str) -> None:
    scorer = scorers.script(ECHO, interpreter)
    scorer.wait_until_ready()
    idle = scorer.connect()
    assert ask(idle, "GET", "/").status == 200
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(scorer.score({"wait": 0.5})))
    caller.start()
    while "in run" not in scorer.said():
        assert scorer.process.poll() is None
    assert scorer.stop() == 0
    caller.join(60)
    idle.close()
    assert [(answer.status, answer.headers["connection"]) for answer in answers] == [(200, "close")]
    assert scorer.said().splitlines()[-1].endswith("stopped")
