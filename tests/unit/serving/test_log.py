"""What is said about errors, and what is not."""

import pytest

from pratique_serving import log


def caught() -> ValueError:
    try:
        int("what was sent")
    except ValueError as error:
        return error
    raise AssertionError


def test_the_place_of_an_error_is_said_without_its_words(capsys: pytest.CaptureFixture[str]) -> None:
    log.say_place("predict() failed, request r-1", caught())
    said = capsys.readouterr().err
    assert "predict() failed, request r-1" in said
    assert "in caught" in said
    assert f"ValueError: {log.WITHHELD}" in said
    assert "invalid literal" not in said


def test_the_words_of_a_script_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    log.say_traceback("run() failed, request r-1", caught())
    assert "ValueError: invalid literal for int() with base 10: 'what was sent'" in capsys.readouterr().err
