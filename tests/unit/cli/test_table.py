"""The whole command table: what every verb owes its user."""

import ast
import inspect
import textwrap
from importlib import import_module

import pytest

from pratique.cli.arguments import PLACES
from pratique.cli.grammar import arguments_of, verbs_of
from pratique.cli.index import INDEX
from pratique.cli.table import Table, Verb

VERBS = [verb for row in INDEX for verb in verbs_of(row).values()]
GLOBAL = {"--help", "-h", "--output", "-o", "--query", "--debug", "--verbose", "--only-show-errors"}


def named(verb: Verb) -> str:
    return verb.path


@pytest.mark.parametrize("row", INDEX, ids=lambda row: str(row.path))
def test_the_module_of_a_row_has_its_verbs(row: object) -> None:
    table = import_module(row.module).TABLE  # type: ignore[attr-defined] # a Row; pytest hands out objects.
    assert isinstance(table, Table)
    assert table.group == row.path  # type: ignore[attr-defined]
    assert all(path == table.group or path.startswith(f"{table.group} ") for path in table.verbs)


@pytest.mark.parametrize("row", INDEX, ids=lambda row: str(row.path))
def test_a_row_says_whether_it_is_a_group(row: object) -> None:
    verbs = verbs_of(row)  # type: ignore[arg-type] # a Row.
    assert (row.path not in verbs) == row.is_group  # type: ignore[attr-defined]


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_every_verb_says_what_it_does_with_an_example_of_itself(verb: Verb) -> None:
    assert verb.summary.endswith((".", "!")), "a sentence"
    assert verb.examples
    for said, command in verb.examples.items():
        assert said
        assert f"pratique {verb.path}" in command


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_every_flag_of_an_example_is_a_flag_of_the_verb(verb: Verb) -> None:
    known = {flag for argument in arguments_of(verb) for flag in argument.flags} | GLOBAL
    for command in verb.examples.values():
        own = command.split(f"pratique {verb.path}", 1)[1].split("$(")[0]
        typed = {word for word in own.split() if word.startswith("-") and word != "-"}
        assert {word for word in typed if not word.lstrip("-")[:1].isdigit()} <= known


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_every_flag_is_said_and_no_two_are_written_alike(verb: Verb) -> None:
    flags = [flag for argument in arguments_of(verb) for flag in argument.flags]
    assert len(flags) == len(set(flags))
    assert not set(flags) & GLOBAL
    assert all(argument.help.strip() for argument in arguments_of(verb))


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_every_flag_is_read_by_its_handler(verb: Verb) -> None:
    taken = [name for name in verb.parameters if name not in PLACES and name != "edits"]
    assert sorted(taken) == sorted(argument.name for argument in verb.arguments)
    function = ast.parse(textwrap.dedent(inspect.getsource(verb.handler))).body[0]
    assert isinstance(function, ast.FunctionDef)
    read = {
        node.id
        for statement in function.body
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    assert set(verb.parameters) <= read, "a flag that is accepted and ignored"


@pytest.mark.parametrize("verb", VERBS, ids=named)
def test_every_verb_s_help_page_shows_its_flags(verb: Verb, pratique: object) -> None:
    ran = pratique(*verb.path.split(), "--help")  # type: ignore[operator] # the fixture.
    assert (ran.code, ran.err) == (0, "")
    words = set(ran.out.split())
    for argument in arguments_of(verb):
        assert argument.is_positional or set(argument.flags) <= words
    assert "Examples" in ran.out


def test_a_verb_that_can_destroy_asks_first() -> None:
    destructive = [
        verb for verb in VERBS if verb.path.rpartition(" ")[2] == "delete" and verb.path.startswith(("ml", "group"))
    ]
    assert destructive
    assert all("yes" in verb.parameters for verb in destructive)
