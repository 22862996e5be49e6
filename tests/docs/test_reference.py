"""The generated pages are those that the code would write now, and leave nothing out."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest

from pratique.app.console import ROWS
from pratique.base.errors import PratiqueError
from pratique.base.settings import CLIENT_VARIABLES, SETTINGS
from pratique.cli.grammar import arguments_of, rows_in_force, verbs_of
from pratique.cli.index import INDEX
from pratique.cli.usage import UsageError
from pratique.control.permissions import ACTIONS, ROLES
from pratique.specs.grammar import Part
from pratique.specs.kinds import KINDS, class_of

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGES = (
    "verbs.md", "yaml.md", "azure-differences.md", "curated-environments.md", "settings.md", "errors.md",
    "permissions.md", "events.md", "reliability.md", "scoring-contract.md", "security-tests.md",
)  # fmt: skip


def page(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_would_write_now(generate: ModuleType, name: str) -> None:
    assert page(name) == generate.PAGES[name](), "run `make docs` and commit what it writes"


def test_the_tables_of_a_guide_are_what_the_code_would_write_now(generate: ModuleType) -> None:
    for name, tables in generate.TABLES.items():
        text = (generate.DOCS / name).read_text(encoding="utf-8")
        assert re.findall(r"<!-- begin generated (\w+) -->", text) == [*tables]
        assert generate.filled(text, tables) == text, "run `make docs` and commit what it writes"


def test_no_generated_page_is_left_untested(generate: ModuleType) -> None:
    assert set(generate.PAGES) == set(PAGES)


def test_every_verb_is_documented_with_every_flag() -> None:
    sections = dict(re.findall(r"^#{2,3} (.+?)\n(.*?)(?=^#{2,3} |\Z)", page("verbs.md"), re.MULTILINE | re.DOTALL))
    verbs = [verb for row in rows_in_force(INDEX, ROWS) for verb in verbs_of(row).values()]
    missing = [
        f"{verb.path} {flag}"
        for verb in verbs
        for argument in arguments_of(verb)
        for flag in argument.flags
        if flag not in sections.get(verb.path, "")
    ]
    assert len(verbs) > 60
    assert [verb.path for verb in verbs if verb.path not in sections] == []
    assert missing == []


def test_every_verb_has_an_example() -> None:
    verbs = [verb for row in rows_in_force(INDEX, ROWS) for verb in verbs_of(row).values()]
    assert [verb.path for verb in verbs if not verb.examples] == []


def test_every_setting_and_every_variable_is_documented() -> None:
    text = page("settings.md")
    wanted = [f"`PRATIQUE_{row.name.upper()}`" for row in SETTINGS] + [f"`{name}`" for name in CLIENT_VARIABLES]
    assert [name for name in wanted if name not in text] == []


def test_every_error_code_is_documented_with_its_status() -> None:
    rows = dict(re.findall(r"^\| (?:&emsp;)*`(\w+)` \| (\S+) \|", page("errors.md"), re.MULTILINE))
    assert rows.pop("UsageError") == "–"
    assert rows == {kind.__name__: str(kind.status) for kind in below(PratiqueError) if kind is not UsageError}


def below(kind: type[PratiqueError]) -> Iterator[type[PratiqueError]]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def test_every_role_and_action_is_documented() -> None:
    text = page("permissions.md")
    assert [name for name in (*ACTIONS, *ROLES) if f"`{name}`" not in text and f" {name} |" not in text] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_yaml_key_is_documented_and_described(kind: str) -> None:
    text = page("yaml.md")
    fields = [(part, name, field) for part in parts_of(class_of(kind)) for name, field in part.model_fields.items()]
    names = [field.alias or name for _, name, field in fields]
    assert [name for name in names if not re.search(rf"^\| `(?:\S+\.)?{re.escape(name)}` \|", text, re.MULTILINE)] == []
    assert [f"{part.__name__}.{name}" for part, name, field in fields if not field.description] == []


def test_keys_that_are_not_run_are_marked_so() -> None:
    rows = dict(re.findall(r"^\| `(\S+)` \| .*? \| (run|planned|refused) \|", page("yaml.md"), re.MULTILINE))
    assert rows["distribution"] == "planned"
    assert rows["distribution.type"] == "planned"
    assert rows["liveness_probe.period"] == "run"
    assert rows["environment.build.path"] == "refused"
    assert rows["request_settings.request_timeout_ms"] == "run"


def parts_of(annotation: Any, seen: frozenset[type[Part]] = frozenset()) -> set[type[Part]]:
    """Every mapping of keys that can be reached from a type, itself included."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        if annotation in seen:
            return set()
        fields = annotation.model_fields.values()
        return {annotation}.union(*(parts_of(field.annotation, seen | {annotation}) for field in fields))
    return set().union(*(parts_of(inner, seen) for inner in get_args(annotation)))
