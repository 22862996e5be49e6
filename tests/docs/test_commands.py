"""Every command that a page or an error names is one that the command line understands."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS

from pratique.app.console import ROWS
from pratique.base.errors import PratiqueError
from pratique.cli.grammar import rows_in_force, typed_verb, typed_words, verbs_of
from pratique.cli.index import GROUPS, INDEX
from pratique.cli.main import Pratique

from .conftest import ROOT, blocks, markdown_files, shown

_COMMAND = re.compile(r"(?:[A-Z_a-z]+=\S* +)*(?:\.venv/bin/pratique|pratique|az)(?:$| +(?![/─])(.*))")
_ENDS = ("|", ">", ">>", "&&", ";", "||", "<")
_SPAN = re.compile(r"(?<!`)`((?:az|pratique) [^`\n]+)`(?!`)")
_PLACEHOLDER = re.compile(r"…|\.\.\.|\b(?:VERB|COMMAND)\b|/ az")


class ParsedError(Exception):
    """The words were understood, and nothing was done."""


class Rehearsal(Pratique):
    """The real command line, which stops when it has understood."""

    def __init__(self, words: list[str]) -> None:
        rows = [*rows_in_force(INDEX, ROWS)]
        super().__init__(rows, typed_verb(rows, typed_words(words)))
        self.register_event(EVENT_INVOKER_POST_PARSE_ARGS, self._stop)

    @staticmethod
    def _stop(_: Any, **__: Any) -> NoReturn:
        raise ParsedError

    def exception_handler(self, ex: BaseException) -> NoReturn:
        raise ex


def problem_with(words: list[str]) -> str:
    """What the command line says of these words; empty when it understands them."""
    try:
        Rehearsal(words).invoke(words)
    except ParsedError:
        return ""
    except SystemExit as end:
        return "" if end.code == 0 else f"exit code {end.code}"
    except PratiqueError as error:
        return str(error)
    return "it did something"


def commands_in(script: str) -> Iterator[list[str]]:
    """The words of each command of ours in a shell script, those inside ``$(…)`` as well."""
    for line in script.replace("\\\n", " ").splitlines():
        text = re.sub(r"^\s*\$ ", "", line)
        for inner in re.findall(r"\$\(((?:az|pratique) [^()]*)\)", text):
            yield from commands_in(inner)
        text = re.sub(r"\$\([^()]*\)", "SUBSTITUTED", text)
        if command := _COMMAND.match(text):
            words = shlex.split(command[1] or "", comments=True)
            end = next((index for index, word in enumerate(words) if word in _ENDS), len(words))
            yield words[:end]


@pytest.fixture(autouse=True)
def _no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRATIQUE_CONFIG_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


PAGES = [page for page in markdown_files() if "az" in page.read_text() or "pratique" in page.read_text()]


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_in_a_block_is_understood(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    commands = [words for script in blocks(text, "sh", "console", "bash", "") for words in commands_in(script)]
    wrong = {shlex.join(words): said for words in commands if (said := problem_with(words))}
    assert wrong == {}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_in_a_sentence_is_understood(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    wrong = {}
    for span in _SPAN.findall(text):
        if _PLACEHOLDER.search(span):
            continue
        words = shlex.split(span.replace("\\|", "|"))[1:]
        said = "" if is_group(words) else problem_with(words)
        # A sentence may leave out what a verb needs: it names the verb.
        if said and not re.search("are required|expected (?:at least )?one argument", said):
            wrong[span] = said
    assert wrong == {}


def is_group(words: list[str]) -> bool:
    """Whether the words name a group of verbs and nothing else."""
    path = " ".join(words)
    return path in GROUPS or any(row.path == path and row.is_group for row in rows_in_force(INDEX, ROWS))


def test_the_example_commands_are_found_at_all() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = [" ".join(words[:3]) for script in blocks(readme, "sh") for words in commands_in(script)]
    assert "ml job create" in found


def test_every_verb_that_an_error_names_exists() -> None:
    known = {verb for row in rows_in_force(INDEX, ROWS) for verb in verbs_of(row)}
    groups = {" ".join(verb.split()[:depth]) for verb in known for depth in (1, 2)}
    wrong = []
    for file in sorted((ROOT / "src").rglob("*.py")):
        for text in texts_of(file):
            for words in re.findall(r"\bpratique ((?:[a-z]+(?:-[a-z]+)* ?)+)(?=$|[^a-z_./-])", text):
                path = words.split()
                if path[0] in {name.split()[0] for name in known} and not leads_to_a_verb(path, known, groups):
                    wrong.append(f"{shown(file)}: {words.strip()}")
    assert wrong == []


def leads_to_a_verb(path: list[str], known: set[str], groups: set[str]) -> bool:
    """Whether the first words are a verb, or all of them a group that a sentence goes on from."""
    return any(" ".join(path[:length]) in known for length in range(1, len(path) + 1)) or " ".join(path) in groups


def texts_of(file: Path) -> Iterator[str]:
    """The texts of a module that are no documentation, with a gap for each value put in."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            yield node.value


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_target_of_make_that_a_page_names_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = page.read_text(encoding="utf-8")
    named = re.findall(
        r"(?:^|`)make ([a-z][a-z-]*)", "\n".join([*blocks(text, "sh", ""), *re.findall(r"`[^`\n]+`", text)]), re.M
    )
    assert [name for name in named if name not in targets] == []
