"""--set, --add and --remove: what a command line changes of a document."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput
from pratique.specs.edits import Edit, Edits, Operation
from pratique.specs.overrides import apply_edits
from pratique.specs.reader import YamlDocument, parse_document


def changed(document: YamlDocument, *assignments: str) -> YamlDocument:
    return apply_edits(document, Edits((Edit("--set", assignments),)))


def overridden(text: str, *assignments: str) -> Any:
    return changed(parse_document(text, file="x.yml"), *assignments).value


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("a.b=2", {"a": {"b": 2, "c": [{"d": 1}]}}),
        ("a.c[0].d=2", {"a": {"b": 1, "c": [{"d": 2}]}}),
        ("a.c[1].d=2", {"a": {"b": 1, "c": [{"d": 1}, {"d": 2}]}}),
        ("x.y.z=true", {"a": {"b": 1, "c": [{"d": 1}]}, "x": {"y": {"z": True}}}),
        ("l[0][0]=0.5", {"a": {"b": 1, "c": [{"d": 1}]}, "l": [[0.5]]}),
        ('a."b.c"=x=y', {"a": {"b": 1, "c": [{"d": 1}], "b.c": "x=y"}}),
        ("a='1'", {"a": "1"}),
        ("a=", {"a": ""}),
        ("a=null", {"a": None}),
        ("a=azureml:x:1 ", {"a": "azureml:x:1 "}),
        ("a=-b=c", {"a": "-b=c"}),
    ],
)
def test_an_assignment_is_put_in(assignment: str, value: Any) -> None:
    assert overridden("a:\n  b: 1\n  c: [{d: 1}]\n", assignment) == value


def test_a_later_assignment_wins() -> None:
    assert overridden("a: 1", "a=2", "a=3", "b.c=1", "b.d=2") == {"a": 3, "b": {"c": 1, "d": 2}}


def test_an_empty_file_can_be_filled() -> None:
    assert overridden("", "a.b=1") == {"a": {"b": 1}}


def test_an_assignment_changes_one_place_even_behind_an_alias() -> None:
    assert overridden("a: &x {k: 1}\nb: *x", "a.k=2") == {"a": {"k": 2}, "b": {"k": 1}}


def test_overriding_leaves_the_document_as_it_was() -> None:
    document = parse_document("a: {b: [1]}", file="x.yml")
    changed(document, "a.b[0]=2")
    assert document.value == {"a": {"b": [1]}}


def test_every_assignment_that_cannot_be_made_is_told_with_the_option_as_its_file() -> None:
    with pytest.raises(InvalidInput) as caught:
        overridden("a: text\nl: [1]", "a.b=1", "l[2]=1", "l.x=1", "a[0]=1", "x", "=1", "[0]=1", "a..b=1", "n=.inf")
    assert [str(problem) for problem in caught.value.problems] == [
        "--set a.b: a is not a mapping, so it has no b",
        "--set l[2]: l has 1 items, so the next is [1]",
        "--set l.x: l is not a mapping, so it has no x",
        "--set a[0]: a is not a list, so it has no [0]",
        "--set x: expected key=value",
        "--set: expected key=value",
        "--set [0]: expected a path such as inputs.lr or identity.ids[0].name",
        "--set a..b: expected a path such as inputs.lr or identity.ids[0].name",
        "--set n: .inf is not a finite number",
    ]


def test_a_problem_with_an_assigned_key_names_the_option() -> None:
    document = changed(parse_document("a: 1\nb: 2", file="x.yml"), "a=5")
    assert str(document.problem(("a",), "wrong")) == "--set a: wrong"
    assert str(document.problem(("b",), "wrong")) == "x.yml:2 b: wrong"


@given(st.text(max_size=20))
def test_any_assignment_is_made_or_refused(assignment: str) -> None:
    try:
        document = changed(parse_document("a: {b: [1]}", file="x.yml"), assignment)
    except InvalidInput:
        return
    assert isinstance(document.value, dict)


# --- JSON, --add, --remove -----------------------------------------------------------------------------------------


def edited(text: str, *flags: tuple[Operation, str], as_text: bool = False) -> Any:
    edits = Edits(tuple(Edit(operation, tuple(words.split())) for operation, words in flags), as_text)
    return apply_edits(parse_document(text, file="x.yml"), edits).value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ('a={"b":[1,2]}', {"b": [1, 2]}),
        ("a=[1,2]", [1, 2]),
        ("a=[x]", "[x]"),
        ("a={{x}}", "{{x}}"),
        ('a={"b":NaN}', '{"b":NaN}'),
    ],
)
def test_json_is_taken_as_such_and_what_only_looks_like_it_is_text(words: str, value: Any) -> None:
    assert edited("", ("--set", words)) == {"a": value}


def test_as_text_keeps_what_was_typed() -> None:
    assert edited("", ("--set", 'a=1 b=[1] c="x"'), ("--add", "d 1"), as_text=True) == {
        "a": "1", "b": "[1]", "c": '"x"', "d": ["1"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("l 2 x", [1, 2, "x"]),
        ("l a=1 b=x", [1, {"a": 1, "b": "x"}]),
        ('l {"a":1} 2', [1, {"a": 1}, 2]),
    ],
)
def test_what_is_added_comes_after_the_last(words: str, value: Any) -> None:
    assert edited("l: [1]", ("--add", words)) == {"l": value}


def test_a_list_that_is_not_there_is_made() -> None:
    assert edited("a: {}", ("--add", "a.b.c 1")) == {"a": {"b": {"c": [1]}}}


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("a", {"l": [1, 2, 3]}),
        ("a.b l[0]", {"a": {}, "l": [2, 3]}),
        ("l 0 2", {"a": {"b": 1}, "l": [2]}),
    ],
)
def test_what_is_removed_is_gone(words: str, value: Any) -> None:
    assert edited("a: {b: 1}\nl: [1, 2, 3]", ("--remove", words)) == value


def test_edits_are_made_in_their_order() -> None:
    flags: list[tuple[Operation, str]] = [("--set", "a=1"), ("--remove", "a"), ("--add", "a 2"), ("--set", "a[1]=3")]
    assert edited("", *flags) == {"a": [2, 3]}


def test_every_edit_that_cannot_be_made_is_told_with_its_flag() -> None:
    with pytest.raises(InvalidInput) as caught:
        edited("a: {b: 1}\nl: [1]", ("--add", "a 1"), ("--add", "l"), ("--remove", "a.c l[1] x"), ("--remove", "a 0"))
    assert [str(problem) for problem in caught.value.problems] == [
        "--add a: a is not a list",
        "--add l: expected what to add: --add LIST VALUE",
        "--remove a.c: there is no such key; known: b",
        "--remove l[1]: there is no such key",
        "--remove x: there is no such key; known: a, l",
        "--remove a: a is not a list",
    ]
    assert caught.value.message == "--add, --remove: 6 problems"


def test_the_outermost_names_of_edits_are_known() -> None:
    edits = Edits((Edit("--set", ("a.b=1", "c=2")), Edit("--remove", ("l", "0")), Edit("--add", ("m", "x"))))
    assert edits.fields == ["a", "c", "l", "m"]
