"""YAML stays what was written."""

import pytest

from pratique.delivery.nodes import SELF, Mapping, Node, Source, plain_data
from pratique.delivery.reader import MAX_DEPTH, parse_pipeline
from pratique.delivery.trouble import Refused, Troubles

SOURCE = Source(SELF, "azure-pipelines.yml")


def read(text: str) -> tuple[Node, Troubles]:
    troubles = Troubles()
    return parse_pipeline(text, source=SOURCE, troubles=troubles), troubles


@pytest.mark.parametrize(
    "word",
    ["0001", "3.10", "on", "yes", "true", "null", "~", "12:30", "1_000", "0x1f", "2026-01-01", "1e3", ".inf"],
)
def test_a_word_stays_text(word: str) -> None:
    node, _ = read(f"key: {word}\non: {word}")
    assert plain_data(node) == {"key": word, "on": word}


def test_nothing_is_empty_text() -> None:
    assert plain_data(read("a:\nb: ''")[0]) == {"a": "", "b": ""}
    assert plain_data(read("")[0]) == ""


def test_every_value_knows_line_and_column() -> None:
    node, _ = read("a:\n  - b\n  - c: d\n")
    assert isinstance(node, Mapping)
    found = node.get("a")
    assert found is not None
    assert (found.place.line, found.place.column) == (2, 3)
    item = found.items[1]  # type: ignore[union-attr] # a list.
    assert isinstance(item, Mapping)
    assert [(key.place.line, key.place.column) for key, _ in item.pairs] == [(3, 5)]


def test_keys_that_are_expressions_may_repeat() -> None:
    node, troubles = read("${{ if a }}:\n  x: 1\n${{ if a }}:\n  y: 2\n${{ insert }}: z\n${{ insert }}: z\n")
    assert isinstance(node, Mapping)
    assert len(node.pairs) == 4
    assert troubles.errors == []


def test_a_key_given_twice_is_told_and_the_first_counts() -> None:
    node, troubles = read("a: 1\nb: 2\na: 3\n")
    assert plain_data(node) == {"a": "1", "b": "2"}
    (trouble,) = troubles.errors
    assert trouble.place.line == 3
    assert "first in line 1" in trouble.message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &x 1\nb: *x", "anchors and aliases"),
        ("a: *x", "anchors and aliases"),
        ("a: !!int 1", "tag"),
        ("a: !mine {b: c}", "tag"),
        ("? [a]\n: b", "key of a mapping is text"),
        ("{a: ${{ b }}}", "${{ }}"),
        ("a: 1\n---\nb: 2", "second document"),
        ("a:\n\t- b", "tab"),
        ("a: b: c", "mapping values"),
        ("a: [1, 2", ""),
        ("a: @b", "cannot begin with @"),
        ("a: 'x", ""),
        ("a: \x07", ""),
        ("a:\n" + "".join(f"{'  ' * n}- x:\n" for n in range(1, 100)), "deeper than"),
        ("[" * 100 + "]" * 100, "deeper than"),
    ],
)
def test_what_is_no_pipeline_is_refused_with_its_place(text: str, words: str) -> None:
    with pytest.raises(Refused) as caught:
        read(text)
    trouble = caught.value.trouble
    assert words in f"{trouble.message} {trouble.hint}"
    assert trouble.place.line >= 1
    assert trouble.message


def test_a_deep_file_is_read_to_its_limit() -> None:
    depth = MAX_DEPTH - 1
    assert isinstance(read("[" * depth + "]" * depth)[0], object)


def test_a_file_may_hold_many_values_but_not_all() -> None:
    with pytest.raises(Refused, match="more than"):
        read("[" + "a," * 100_001 + "]")


def test_a_mark_at_the_beginning_and_windows_line_ends_do_not_matter() -> None:
    node, _ = read("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n")
    assert plain_data(node) == {"a": "1", "b": "x\ny\n"}
