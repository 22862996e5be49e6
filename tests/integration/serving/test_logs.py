"""What the model server writes to its log."""

import json
import sys
from pathlib import Path

import pytest

from .conftest import LIMIT, Scorers

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


def test_of_a_script_that_cannot_be_read_only_its_own_line_is_said(scorers: Scorers) -> None:
    scorer = scorers.script("def init():\n    pass\n\ndef run(raw_data)\n    return 1\n")
    assert scorer.process.wait(LIMIT) == 70
    said = scorer.said()
    told = said[said.index("the model could not be loaded") :].splitlines()
    assert told[1].endswith('score.py", line 4')
    assert told[-1].startswith("SyntaxError: ")
    assert "pratique_serving" not in "".join(told)
    assert "importlib" not in "".join(told)


def test_a_traceback_begins_where_the_script_does(scorers: Scorers) -> None:
    scorer = scorers.script("import json\n\ndef init():\n    json.loads('{')\n\ndef run(raw_data): pass\n")
    assert scorer.process.wait(LIMIT) == 70
    said = scorer.said().splitlines()
    begins = said.index("Traceback (most recent call last):")
    assert said[begins + 1].endswith('score.py", line 4, in init')


def test_what_raises_within_a_class_of_ours_is_told_by_the_line_of_the_script(scorers: Scorers) -> None:
    told = (
        "from azureml.ai.monitoring import Collector\n\ndef init():\n    Collector(name='x')\n\ndef run(data): pass\n"
    )
    scorer = scorers.script(told)
    assert scorer.process.wait(LIMIT) == 70
    *_, place, line, words = scorer.said().splitlines()
    assert place.endswith('score.py", line 4, in init')
    assert line == "    Collector(name='x')"
    assert words.startswith("Exception: ")


@pytest.mark.parametrize(
    ("variable", "packages"),
    [
        ("PRATIQUE_MLFLOW_MODEL", "mlflow-skinny (or mlflow) and pandas"),
        ("PRATIQUE_ONNX_MODEL", "onnxruntime and numpy"),
    ],
)
def test_an_environment_without_what_its_model_needs_is_told(
    scorers: Scorers, tmp_path: Path, variable: str, packages: str
) -> None:
    scorer = scorers.folder(Path(sys.executable), **{variable: str(tmp_path)})
    assert scorer.process.wait(LIMIT) == 70
    assert f"model needs {packages} in its environment: No module named " in scorer.said().splitlines()[-1]


def test_of_a_call_that_was_interrupted_the_script_s_own_place_is_said(scorers: Scorers) -> None:
    script = "import time\n\ndef init(): pass\n\ndef run(raw_data):\n    time.sleep(60)\n"
    scorer = scorers.script(script, SCORING_TIMEOUT_MS="200")
    assert scorer.score(1).status == 500
    assert scorer.stop() == 0
    said = scorer.said()
    told = said[said.index("run() was interrupted after 0.2 s (SCORING_TIMEOUT_MS), request ") :]
    assert 'score.py", line 6, in run\n    time.sleep(60)\n' in told
    assert "alarm" not in told


def test_an_unknown_form_is_refused(scorers: Scorers) -> None:
    scorer = scorers.script(SCRIPT, PRATIQUE_LOG_FORMAT="xml")
    assert scorer.process.wait(60) == 2
    assert "PRATIQUE_LOG_FORMAT: expected text or json, got 'xml'" in scorer.said()
