"""A call that never ends: the process gives up and says where it hangs, and no other request is harmed."""

import threading
from pathlib import Path

import pytest

from .conftest import LIMIT, Answer, Scorer, Scorers, received
from .test_waiting import await_said, await_waiting, send

HANGS = """
import os, time

def init():
    pass

def run(raw_data):
    print("in run", raw_data)
    while raw_data == "hang":
        try:
            time.sleep(3600)
        except BaseException:
            pass
    while raw_data == "hold" and not os.path.exists({go!r}):
        time.sleep(0.01)
    return raw_data
"""
NOT_COMPUTED = "x-pratique-not-computed"


def hanging(scorers: Scorers, go: Path, **environment: str) -> Scorer:
    scorer = scorers.script(HANGS.format(go=str(go)), **environment)
    scorer.wait_until_ready()
    return scorer


def asked(scorer: Scorer, body: str) -> tuple[threading.Thread, list[Answer]]:
    """Ask in the background; return when the call has begun."""
    answers: list[Answer] = []
    caller = threading.Thread(target=lambda: answers.append(scorer.ask("POST", "/score", body)))
    caller.start()
    await_said(scorer, f"in run {body}")
    return caller, answers


def test_a_call_that_never_ends_ends_the_process_and_who_waited_may_ask_another_one(
    scorers: Scorers, tmp_path: Path
) -> None:
    scorer = hanging(scorers, tmp_path / "go", PRATIQUE_LONGEST_CALL_MS="3000")
    caller, answers = asked(scorer, "hang")
    waits = send(scorer, b"what was sent")
    await_waiting(scorer, 1)
    assert scorer.process.wait(LIMIT) == 72
    caller.join(LIMIT)
    assert [answer.status for answer in answers] == [408]
    given_back = received(waits).decode().lower()
    assert given_back.startswith("http/1.1 503")
    assert f"{NOT_COMPUTED}: true" in given_back
    said = scorer.said()
    assert "has not ended after 3." in said
    assert 'score.py", line 11, in run' in said
    assert "what was sent" not in said


def test_an_alarm_that_the_script_heeds_keeps_the_process(scorers: Scorers, tmp_path: Path) -> None:
    scorer = hanging(scorers, tmp_path / "go", SCORING_TIMEOUT_MS="2000", PRATIQUE_LONGEST_CALL_MS="60000")
    answer = scorer.ask("POST", "/score", "hold")
    assert (answer.status, answer.value["message"]) == (500, "Scoring timeout after 2000 ms")
    assert scorer.ask("POST", "/score", "next").value == "next"
    assert scorer.stop() == 0


def test_what_other_workers_have_is_finished_first(scorers: Scorers, tmp_path: Path) -> None:
    scorer = hanging(scorers, tmp_path / "go", WORKER_COUNT="2", PRATIQUE_LONGEST_CALL_MS="6000")
    hangs, _ = asked(scorer, "hang")
    # It begins later, so that its own time is not over when that of the other is.
    await_waiting(scorer, 0)
    threading.Event().wait(3)
    holds, held = asked(scorer, "hold")
    await_said(scorer, "has not ended after")
    (tmp_path / "go").touch()
    assert scorer.process.wait(LIMIT) == 72
    for caller in (hangs, holds):
        caller.join(LIMIT)
    assert [(answer.status, answer.value) for answer in held] == [(200, "hold")]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_calls_that_end_in_time_are_left_alone(scorers: Scorers, tmp_path: Path, workers: str) -> None:
    scorer = hanging(scorers, tmp_path / "go", WORKER_COUNT=workers, PRATIQUE_LONGEST_CALL_MS="60000")
    assert [scorer.ask("POST", "/score", str(number)).value for number in range(20)] == [str(n) for n in range(20)]
    assert scorer.stop() == 0
