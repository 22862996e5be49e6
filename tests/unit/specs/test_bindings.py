"""Bindings: what is put in, what drops out, and that a value is never looked at again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput
from pratique.specs.bindings import bind_command, text_of


def bound(command: str, **inputs: str | None) -> str:
    return bind_command(command, inputs=inputs, outputs={"model": "/out/model"}, name="job_1")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("train --lr ${{inputs.lr}}", "train --lr 0.1"),
        ("train --lr ${{ inputs.lr }} --out ${{outputs.model}}", "train --lr 0.1 --out /out/model"),
        ("echo ${{name}} ${HOME} $(date) {{x}} $lr", "echo job_1 ${HOME} $(date) {{x}} $lr"),
        ("a\n${{inputs.lr}}\n", "a\n0.1\n"),
        ("no bindings", "no bindings"),
        ("x $[[--lr ${{inputs.lr}}]] y", "x --lr 0.1 y"),
        ("x $[[--c ${{inputs.c}}]] y", "x  y"),
        ("x $[[--c ${{inputs.c}} --lr ${{inputs.lr}}]] y", "x  y"),
        ("x $[[--out ${{outputs.model}}]] $[[--c ${{inputs.c}}]]", "x --out /out/model "),
    ],
)
def test_a_command_is_bound(command: str, expected: str) -> None:
    assert bound(command, lr="0.1", c=None) == expected


def test_values_are_put_in_unquoted_as_on_azure() -> None:
    assert bound("cut ${{inputs.cols}}", cols="a b; c") == "cut a b; c"


@given(st.text())
def test_a_value_is_never_looked_at_again(value: str) -> None:
    hostile = f"{value}${{{{inputs.secret}}}}$[[x]]${{{{name}}}}\\1\\g<0>"
    assert bound("a ${{inputs.x}} b", x=hostile, secret="s") == f"a {hostile} b"


@pytest.mark.parametrize(
    ("command", "said", "hint"),
    [
        ("${{inputs.lrr}}", "${{inputs.lrr}} is not one of the job's inputs", "did you mean lr?"),
        ("${{inputs.zzz}}", "${{inputs.zzz}} is not one of the job's inputs", "inputs: lr, c"),
        ("${{outputs.mode}}", "${{outputs.mode}} is not one of the job's outputs", "did you mean model?"),
        (
            "${{inputs.c}}",
            "${{inputs.c}} has no value",
            "give it one, or write $[[ ${{inputs.c}} ]] to leave this part out",
        ),
        ("${{parent.inputs.x}}", "${{parent.inputs.x}} has no value in the command of a single job", ""),
        ("${{search_space.lr}}", "${{search_space.lr}} has no value in the command of a single job", ""),
        ("${{input.lr}}", "${{input.lr}} is no binding", "known: ${{inputs.NAME}}, ${{outputs.NAME}}, ${{name}}"),
        ("${{inputs}}", "${{inputs}} is no binding", "known: ${{inputs.NAME}}, ${{outputs.NAME}}, ${{name}}"),
        ("${{}}", "${{}} is no binding", "known: ${{inputs.NAME}}, ${{outputs.NAME}}, ${{name}}"),
        ("${{inputs.lr.x}}", "${{inputs.lr.x}} is no binding", "known: ${{inputs.NAME}}, ${{outputs.NAME}}, ${{name}}"),
        ("$[[${{inputs.lrr}}]]", "${{inputs.lrr}} is not one of the job's inputs", "did you mean lr?"),
    ],
)  # fmt: skip
def test_a_binding_without_a_value_is_refused(command: str, said: str, hint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bound(command, lr="0.1", c=None)
    (problem,) = caught.value.problems
    assert (problem.key, problem.message, problem.hint) == ("command", said, hint)


def test_every_unknown_binding_is_told_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        bound("${{inputs.a}} ${{inputs.b}} ${{inputs.a}} ${{outputs.c}}")
    assert len(caught.value.problems) == 3


@pytest.mark.parametrize(
    ("value", "text"), [(True, "True"), (False, "False"), (3, "3"), (0.1, "0.1"), (1e-05, "1e-05"), ("yes", "yes")]
)
def test_literals_are_written_as_python_writes_them(value: str | int | float, text: str) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize("piece", ["${{", "$[[", "${{ ", "]]", "$[[${{", " "])
def test_a_huge_command_that_closes_nothing_is_left_as_it_is(piece: str) -> None:
    command = f"${{{{{' ' * 100_000}{piece * 100_000}"
    assert bound(command) == command


def test_no_more_problems_are_told_than_help() -> None:
    with pytest.raises(InvalidInput) as caught:
        bound(" ".join(f"${{{{inputs.x{number}}}}}" for number in range(1000)))
    assert len(caught.value.problems) == 100
