"""Reading YAML: what words become, where values stand, what is refused and how it is said."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput
from pratique.specs.reader import (
    MAX_BYTES,
    MAX_DEPTH,
    document_of,
    parse_document,
    plain_value,
    read_document,
)


def value_of(text: str) -> Any:
    return parse_document(text, file="x.yml").value


def said(text: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        parse_document(text, file="x.yml")
    return "\n".join(str(problem) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1", 1), ("-7", -7), ("+3", 3), ("0", 0), ("0x1f", 31), ("0o17", 15), ("1.5", 1.5), ("1.", 1.0),
        (".5", 0.5), ("1e3", 1000.0), ("1e-3", 0.001), ("-0.0", -0.0), ("true", True), ("False", False),
        ("TRUE", True), ("null", None), ("~", None), ("", None),
        # What stays text, although some loader somewhere makes it something else.
        ("yes", "yes"), ("no", "no"), ("on", "on"), ("Off", "Off"), ("y", "y"), ("08", "08"), ("010", "010"),
        ("1_000", "1_000"), ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("1.2.3", "1.2.3"), (".", "."),
        ("-", "-"), ("e3", "e3"), ("0x", "0x"), ("tRUE", "tRUE"), ("1 2", "1 2"), ("\u0661", "\u0661"), ("=", "="),
    ],
)  # fmt: skip
def test_a_plain_word_has_one_meaning(word: str, value: object) -> None:
    found = plain_value(word)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("word", [".inf", "-.INF", ".nan", "1e999", "9" * 5000])
def test_a_number_that_json_cannot_hold_is_refused(word: str) -> None:
    assert "quote it to keep it as text" in said(f"a: {word}")


@pytest.mark.parametrize("quoted", ["'1'", '"1"', "!!str 1", "|-\n  1"])
def test_what_is_quoted_is_text(quoted: str) -> None:
    assert value_of(f"a: {quoted}") == {"a": "1"}


def test_keys_are_text_as_written() -> None:
    assert value_of("1: a\non: b\n1.0: c\ntrue: d") == {"1": "a", "on": "b", "1.0": "c", "true": "d"}


def test_every_value_knows_its_line() -> None:
    document = parse_document("a: 1\nb:\n  - x\n  - y:\n      z: 2\n", file="x.yml")
    assert document.line(()) == 1
    assert document.line(("b",)) == 2
    assert document.line(("b", 1)) == 4
    assert document.line(("b", 1, "y", "z")) == 5
    assert document.line(("b", 1, "y", "missing")) == 4, "a key that is not there stands where its mapping begins"


def test_the_text_of_a_number_is_kept() -> None:
    document = parse_document('version: 1.10\nother: "1.10"\nday: 2024-01-01\nword: x\nflag: No', file="x.yml")
    assert document.written == {("version",): "1.10", ("day",): "2024-01-01", ("flag",): "No"}


@pytest.mark.parametrize(
    "text", ["a: 1\r\nb:\r\n  - 2\r\n", "\ufeffa: 1\nb: [2]", "a: 1\nb:\n- 2", "{a: 1, b: [2]}", "a: 1\t# tab\nb: [2]"]
)
def test_line_ends_marks_and_styles_do_not_matter(text: str) -> None:
    assert value_of(text) == {"a": 1, "b": [2]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "x.yml").write_bytes("a: größe\r\n".encode(encoding))
    document = read_document(tmp_path / "x.yml")
    assert (document.value, document.folder) == ({"a": "größe"}, tmp_path)


def test_a_file_that_is_not_utf_8_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_bytes(b"a: 1\nb: gr\xf6\xdfe\n")
    with pytest.raises(InvalidInput, match=r"x.yml:2: it is not UTF-8 text"):
        read_document(tmp_path / "x.yml")


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"none.yml: there is no such file \(looked for /"):
        read_document(tmp_path / "none.yml")
    with pytest.raises(InvalidInput, match="Is a directory"):
        read_document(tmp_path)


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.yml").write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(InvalidInput, match="larger than 10 MB"):
        read_document(tmp_path / "x.yml")


def test_an_empty_text_has_no_value() -> None:
    assert value_of("") is None
    assert value_of("# nothing\n---\n") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:\n\tb: 1", "x.yml:2: a tab cannot indent YAML (indent with spaces)"),
        ("a: 1\nb: 2\na: 3", "x.yml:3 a: the key is given twice, first in line 1 (keep one of them)"),
        ("a: b: c", 'x.yml:1: mapping values are not allowed in this context (quote a text that contains ": "'),
        ("a: @x", "x.yml:1: a value cannot begin with @ (quote it)"),
        ("a: %x", "x.yml:1: a value cannot begin with % (quote it)"),
        ("a: 'x\nb: 1", "close the quote or the bracket"),
        ("a: [1, 2\nb: 3", "x.yml:2"),
        ("a:\n  - 1\n b: 2", "mend the indentation"),
        ("a: 1\n---\nb: 2", "x.yml:2: expected one document; a second begins here"),
        ("a: *x", "x.yml:1: there is no anchor &x before this alias (quote a text that begins with *)"),
        ("a: &x\n  b: *x", "x.yml:2: the alias *x contains itself"),
        ("a: !!python/object/apply:os.system [id]", "x.yml:1: the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !secret x", "x.yml:1: the tag !secret is not read (remove the tag)"),
        ("a: x\x07y", "control characters are not allowed"),
        ("? [a]\n: 1", "x.yml:1: the key of a mapping is text"),
        ("a: {{NAME}}", "quote {{ }} when it is meant as text"),
        ("<<: 3", "x.yml:1: << takes a mapping"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_said_with_its_line_and_a_remedy(text: str, expected: str) -> None:
    assert expected in said(text)


def test_every_duplicate_is_told_at_once() -> None:
    assert said("a: 1\na: 2\nb: {c: 1, c: 2}\nd: !x 1").count("\n") == 2


def test_aliases_and_merges_are_expanded() -> None:
    text = "base: &b {x: 1, y: 2}\none: *b\ntwo:\n  <<: *b\n  y: 3\nthree:\n  <<: [{x: 9, z: 0}, *b]\n"
    assert value_of(text) == {
        "base": {"x": 1, "y": 2},
        "one": {"x": 1, "y": 2},
        "two": {"y": 3, "x": 1},
        "three": {"x": 9, "z": 0, "y": 2},
    }


def test_a_bomb_of_aliases_is_refused_before_it_expands() -> None:
    rows = ["a0: &a0 [x,x,x,x,x,x,x,x,x,x]"]
    rows += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30)]
    assert "expands to more than 20,000 values" in said("\n".join(rows))


def test_a_bomb_of_merges_is_refused() -> None:
    rows = ["a0: &a0 {k: [x,x,x,x,x,x,x,x,x,x]}"]
    rows += [f"a{n}: &a{n} {{" + ", ".join(f"k{i}: *a{n - 1}" for i in range(10)) + "}" for n in range(1, 30)]
    assert "expands to more than 20,000 values" in said("\n".join(rows))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_is_refused(opening: str) -> None:
    assert said(opening * 100_000)


def test_nesting_is_taken_up_to_the_limit() -> None:
    assert value_of("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert "deeper than 64" in said("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


# Control characters and other line breaks are no YAML, and a key may have 1,024 characters at most.
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp", "Co", "Cn")), max_size=40)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_json_is_yaml_and_means_the_same(value: Any) -> None:
    assert value_of(json.dumps(value, ensure_ascii=False)) == value


@given(json_values)
def test_what_another_library_writes_is_read_as_it_was(value: Any) -> None:
    assert value_of(yaml.safe_dump(value, allow_unicode=True)) == value


@given(st.text(alphabet="a:- \n\t[]{}*&!|>'\"#%@,?<1.", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_document(text, file="x.yml")
    except InvalidInput as error:
        refused = error
    else:
        return
    assert all(problem.message and problem.line for problem in refused.problems)


def test_a_document_of_a_value_is_bounded_too() -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    for hostile in (deep, [0] * 20_001, {"a": float("nan")}, {"a": {1: 2}}, {"a": b"x"}):
        with pytest.raises(InvalidInput):
            document_of(hostile)
    assert document_of({"a": [1]}).line(("a",)) == 0
