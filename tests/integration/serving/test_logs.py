"""What the model server writes to its log."""

import json

from .conftest import Scorers

SCRIPT = """
def init():
    print("printed by the script")

def run(data, request_headers):
    raise ValueError(request_headers["Traceparent"])
"""
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SENT = "what was sent"


def test_lines_are_objects_with_the_request_and_its_trace(scorers: Scorers) -> None:
    scorer = scorers.script(SCRIPT, PRATIQUE_LOG_FORMAT="json")
    scorer.wait_until_ready()
    asked = {"traceparent": TRACE, "x_request_id": "r-1"}
    assert scorer.ask("POST", "/score", json.dumps(SENT), **asked).status == 500
    assert scorer.stop() == 0
    lines = scorer.said().splitlines()
    assert "printed by the script" in lines
    objects = [json.loads(line) for line in lines if line.startswith("{")]
    assert all({"time", "message"} <= set(line) for line in objects)
    [failed] = [line for line in objects if "traceback" in line]
    assert (failed["request"], failed["traceparent"]) == ("r-1", TRACE)
    assert failed["traceback"].endswith(f"ValueError: {TRACE}")
    assert SENT not in scorer.said()


def test_an_unknown_form_is_refused(scorers: Scorers) -> None:
    scorer = scorers.script(SCRIPT, PRATIQUE_LOG_FORMAT="xml")
    assert scorer.process.wait(60) == 2
    assert "PRATIQUE_LOG_FORMAT: expected text or json, got 'xml'" in scorer.said()
