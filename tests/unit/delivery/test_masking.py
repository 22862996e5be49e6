"""Secrets in text and in streams of lines."""

import base64
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.delivery.masking import MaskedLines, Masker

SECRET = 'p@ss"w/ord+1'
KEY = "-----BEGIN-----\nQUJDREVGR0hJSktM\n{\nshort\n-----END-----\n"


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        quote(SECRET),
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        SECRET.encode().hex(),
        base64.b64encode(SECRET.encode()).decode(),
        "p@ss\\\"w/ord+1",
        "p@ss&quot;w/ord+1",
    ],
)  # fmt: skip
def test_a_secret_is_masked_in_every_form(form: str) -> None:
    assert Masker([SECRET]).masked(f"before {form} after") == "before *** after"


@pytest.mark.parametrize("before", ["", "u:", "usr:", "user:", "a user:"])
@pytest.mark.parametrize("after", ["", "@", "@host", "@a host"])
def test_what_is_certain_of_a_secret_in_base64_is_masked(before: str, after: str) -> None:
    text = base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
    shown = Masker([SECRET]).masked(text)
    assert "***" in shown
    # What is left belongs to what stands around it, but for the bits that share a digit with it.
    around = sum(len(base64.b64encode(part.encode())) for part in (before, after))
    assert len(shown.replace("***", "")) <= around + 2


@pytest.mark.parametrize("width", [5, 8, 19, 60, 64, 76])
@pytest.mark.parametrize("before", ["", "u:", "a longer text that pushes it away from the margin "])
@pytest.mark.parametrize("encoded", [lambda data: base64.b64encode(data).decode(), bytes.hex], ids=["base64", "hex"])
def test_a_secret_is_found_where_its_digits_are_broken_into_lines(
    width: int, before: str, encoded: Callable[[bytes], str]
) -> None:
    secret = "a-secret-of-many-words/and+signs"
    digits = encoded(f"{before}{secret} and what follows".encode())
    lines = [digits[at : at + width] for at in range(0, len(digits), width)]
    stream = MaskedLines(Masker([secret]))
    shown = "".join([*(stream.feed(f"  {line}\n") for line in lines), stream.rest()])
    left = encoded(before.encode()).rstrip("=") + encoded(b"xx and what follows")
    assert len("".join(shown.replace("***", "").split())) <= len(left) + 4
    assert "***" in shown


def test_a_line_that_ends_in_digits_of_a_secret_is_shown_when_the_next_does_not_go_on() -> None:
    stream = MaskedLines(Masker(["a-secret-of-many-words"]))
    begun = base64.b64encode(b"a-secret").decode()[:8]
    assert stream.feed(f"x {begun}\n") == "x "
    assert stream.feed("else\n") == f"{begun}\nelse\n"


def test_secrets_that_overlap_become_one_mask() -> None:
    assert Masker(["abcdef", "defghi"]).masked("x abcdefghi y") == "x *** y"


def test_the_longer_of_two_secrets_leaves_nothing_of_it() -> None:
    assert Masker(["secret", "secret-and-more"]).masked("secret-and-more secret") == "*** ***"


def test_a_secret_that_is_in_every_word_is_not_masked() -> None:
    assert Masker(["a", "", "  ", "ab"]).masked("a bad cab") == "a bad cab"


def test_lines_of_a_key_are_masked_each_and_short_ones_only_together() -> None:
    masker = Masker([KEY])
    assert masker.masked("QUJDREVGR0hJSktM") == "***"
    assert masker.masked("a { b") == "a { b"


def test_a_key_that_is_printed_line_by_line_is_masked_whole() -> None:
    lines = MaskedLines(Masker([KEY]))
    shown = "".join(lines.feed(f"{line}\n") for line in ["before", *KEY.splitlines(), "after"]) + lines.rest()
    assert shown == "before\n***after\n"


def test_what_only_looks_like_the_beginning_of_a_key_is_shown_when_that_is_certain() -> None:
    lines = MaskedLines(Masker(["one\ntwo\nthree"]))
    assert lines.feed("one\n") == ""
    assert lines.feed("two\n") == ""
    assert lines.feed("four\n") == "one\ntwo\nfour\n"
    assert lines.feed("one\n") == ""
    assert lines.rest() == "one\n"


def test_a_secret_that_reaches_into_the_beginning_of_another_is_masked() -> None:
    lines = MaskedLines(Masker(["first\nsecond", "second\nthird"]))
    shown = "".join(lines.feed(f"{line}\n") for line in ("first", "second", "end")) + lines.rest()
    assert shown == "***\nend\n"


@given(st.text(min_size=3, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_secret_gets_through(secret: str, before: str, after: str) -> None:
    if len(secret.strip()) < 3:
        return
    masker = Masker([secret])
    shown = masker.masked(f"{before}{secret}{after}")
    assert secret not in shown or secret in "***"
    assert secret not in masker.masked(json.dumps({"key": secret})) or secret in '{"key": "***"}'


@given(st.lists(st.sampled_from(["one", "two", "three", "x"]), max_size=12))
def test_a_stream_shows_what_the_whole_text_would(words: list[str]) -> None:
    masker = Masker(["one\ntwo\nthree", "two\nx", "three"])
    lines = MaskedLines(masker)
    text = "".join(f"{word}\n" for word in words)
    shown = "".join(lines.feed(f"{word}\n") for word in words) + lines.rest()
    assert shown == masker.masked(text)
