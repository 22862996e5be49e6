"""The tree names nothing that is true of one machine only."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ROOT, markdown_files, shown

_TEXT = {".py", ".md", ".toml", ".txt", ".in", ".lock", ".yml", ".yaml", ".json", ".mako", ".html", ".css", ".csv", ""}
_NOT_OURS = {".venv", ".git", "dist", "node_modules", "__pycache__"}
# Written in parts, so that this file does not name them either.
_HOSTS = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("test", "pypi", "org"),
        ("files", "pythonhosted", "org"),
        ("conda", "anaconda", "org"),
        ("repo", "anaconda", "com"),
    )
]
_FOLDERS = [f"/{'/'.join(parts)}/" for parts in (("work", "main"), ("work", "notes"), ("work", "shared"))]
_ANYBODYS = ("/", "/root")
_HOMES = re.compile("/" + r"home/[a-z][a-z0-9_-]*/|/" + r"Users/[A-Za-z]+/")
_NUMBERED = re.compile(r"\b[Ii]ssues?\s+#?\d+|(?<![\w&/])#\d+\b")


def text_files() -> Iterator[Path]:
    for path in sorted(ROOT.rglob("*")):
        inside = path.relative_to(ROOT).parts
        cached = any(part.endswith("_cache") or part in _NOT_OURS or part == ".hypothesis" for part in inside)
        if not cached and path.is_file() and path.suffix in _TEXT:
            yield path


@pytest.fixture(scope="module")
def texts() -> dict[str, str]:
    return {shown(path): path.read_text(encoding="utf-8", errors="replace") for path in text_files()}


def test_no_file_names_the_host_of_a_package_index(texts: dict[str, str]) -> None:
    found = [f"{name}: {host}" for name, text in texts.items() for host in _HOSTS if host in text]
    assert found == []


def test_no_file_names_a_folder_of_a_developers_machine(texts: dict[str, str]) -> None:
    folders = [*_FOLDERS, str(ROOT), *([] if str(Path.home()) in _ANYBODYS else [f"{Path.home()}/"])]
    found = [f"{name}: {folder}" for name, text in texts.items() for folder in folders if folder in text]
    # Tests have made-up homes in their bad input.
    outside = {name: text for name, text in texts.items() if not name.startswith("tests/")}
    found += [f"{name}: {home}" for name, text in outside.items() for home in _HOMES.findall(text)]
    assert found == []


@pytest.mark.parametrize("page", markdown_files(), ids=shown)
def test_no_page_refers_to_an_issue_by_its_number(page: Path) -> None:
    assert _NUMBERED.findall(page.read_text(encoding="utf-8")) == []


def test_the_tree_was_looked_at(texts: dict[str, str]) -> None:
    assert {"README.md", "Makefile", "pyproject.toml", "src/pratique/__init__.py"} <= set(texts)
