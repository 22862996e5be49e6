"""What is written is true: the pages, the generator behind some of them, and a command line that only parses."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

_NOT_OURS = {"node_modules", "dist", "__pycache__"}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def markdown_files() -> list[Path]:
    """Every page of the project."""
    return sorted(path for path in ROOT.rglob("*.md") if not any(map(_is_foreign, path.relative_to(ROOT).parts)))


def _is_foreign(part: str) -> bool:
    return part.startswith(".") or part in _NOT_OURS


def shown(path: Path) -> str:
    """The path as a test's name has it."""
    return str(path.relative_to(ROOT))


def blocks(text: str, *languages: str) -> Iterator[str]:
    """The insides of the fenced blocks in one of `languages`."""
    for language, inside in _FENCE.findall(text):
        if language in languages:
            yield inside


@pytest.fixture(scope="session")
def generate() -> Iterator[ModuleType]:
    """``docs/generate.py``, as `make docs` runs it."""
    folder = ROOT / "docs"
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("generate", folder / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(folder))
