"""What is said on stderr while something lasts."""

import io
from typing import Any

import pytest

from pratique.base.errors import InvalidInput, Problem
from pratique.cli import talk
from pratique.cli.confirm import confirm, confirm_if_somebody_is_here
from pratique.cli.waiting import failure_of, wait_until


def test_ctrl_c_ends_the_waiting_and_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def ask(_: int) -> dict[str, Any]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wait_until(ask, settled=bool, state="status", name="j", resume="pratique ml job show -n j")
    assert "the platform goes on\n\nhint: pratique ml job show -n j" in capsys.readouterr().err


def test_each_new_state_has_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    states = iter(["Creating", "Creating", "Succeeded"])
    done = wait_until(
        lambda _: {"s": next(states)},
        settled=lambda found: found["s"] == "Succeeded",
        state="s",
        name="blue",
        resume="",
    )
    assert done == {"s": "Succeeded"}
    said = capsys.readouterr()
    assert [line.strip(" .") for line in said.err.splitlines()] == ["blue: Creating", "blue: Succeeded"]
    assert said.out == ""


def test_every_problem_of_an_error_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [Problem("expected a number", key="inputs.lr", file="job.yml", line=12), Problem("unknown key", key="x")]
    talk.complain(InvalidInput("job.yml: 2 problems", hint="mend them", problems=problems))
    assert capsys.readouterr().err == (
        "error: job.yml: 2 problems\n  job.yml:12 inputs.lr: expected a number\n  x: unknown key\n\nhint: mend them\n"
    )


def test_a_failure_without_words_is_still_one() -> None:
    assert failure_of({}, "it failed").message == "it failed"
    assert failure_of({"error": None}, "it failed").message == "it failed"


def test_a_transfer_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, drawn in ((Terminal(), "\rUploading 100 % of 2.0 MB\n"), (io.StringIO(), "")):
        monkeypatch.setattr("sys.stderr", stream)
        talk.Transfer("Uploading").report(2_000_000, 2_000_000)
        assert stream.getvalue() == drawn


@pytest.mark.parametrize(("answer", "does"), [("y\n", True), ("YES\n", True), ("n\n", False), ("", False)])
def test_confirm_goes_on_with_a_yes_only(monkeypatch: pytest.MonkeyPatch, answer: str, does: bool) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal(answer))
    if does:
        confirm("It will go.", yes=False)
        return
    with pytest.raises(Exception, match="nothing was done"):
        confirm("It will go.", yes=False)


def test_what_az_never_asks_is_not_asked_where_nobody_can_answer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    confirm_if_somebody_is_here("It will go.", yes=False)
    assert capsys.readouterr().err == "It will go.\n"
    confirm_if_somebody_is_here("It will go.", yes=True)
    assert capsys.readouterr().err == ""


def test_what_a_lone_problem_says_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    problem = Problem("it cannot be read", key="path", hint="a local path")
    talk.complain(InvalidInput(problem.message, hint=problem.hint, problems=[problem]))
    talk.complain(InvalidInput.of([problem]))
    assert capsys.readouterr().err == 2 * "error: path: it cannot be read (a local path)\n"
