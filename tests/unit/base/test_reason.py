"""Reasons: words in, the same words out of a header."""

import pytest

from pratique.base import reason
from pratique.base.errors import InvalidInput


@pytest.mark.parametrize("words", ["", "ticket 12", "Größe 100%, naïve — 数据", "a=b&c+d"])
def test_words_survive_the_header(words: str) -> None:
    header = reason.to_header(words)
    assert header.isascii()
    assert reason.from_header(header) == words


def test_nobody_was_asked_unless_something_is_bound() -> None:
    assert reason.said() is None
    with reason.bound("why"):
        assert reason.said() == "why"
    assert reason.said() is None


@pytest.mark.parametrize("words", ["two\nlines", "\x1b[31mred", "x" * 501])
def test_what_is_no_line_of_text_is_refused(words: str) -> None:
    with pytest.raises(InvalidInput, match="a reason"):
        reason.checked(words)


def test_a_header_that_is_no_text_is_refused() -> None:
    with pytest.raises(InvalidInput, match="URL-encoded"):
        reason.from_header("%ff")
