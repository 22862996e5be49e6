"""Writes the generated pages of ``docs/reference``, and the tables of guides: what the code knows, in Markdown.

    python docs/generate.py     what `make docs` runs

A page is a function from nothing to text, so that the tests compare what is
committed with what would be written now. A guide is written by hand, and has
gaps that are filled: `<!-- begin generated NAME -->` to `<!-- end generated -->`. Nothing is started and nothing is
asked of a platform.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from generator import (
    attacks,
    azure_differences,
    azure_pipelines,
    curated,
    errors,
    events,
    lineage,
    permissions,
    policies,
    reliability,
    scoring,
    settings,
    verbs,
    yaml_keys,
)

REFERENCE: Final = Path(__file__).parent / "reference"
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "verbs.md": verbs.page,
    "yaml.md": yaml_keys.page,
    "azure-differences.md": azure_differences.page,
    "curated-environments.md": curated.page,
    "settings.md": settings.page,
    "errors.md": errors.page,
    "permissions.md": permissions.page,
    "events.md": events.page,
    "reliability.md": reliability.page,
    "security-tests.md": attacks.page,
    "scoring-contract.md": scoring.page,
}
DOCS: Final = REFERENCE.parent
TABLES: Final[Mapping[str, Mapping[str, Callable[[], str]]]] = {
    "guides/azure-pipelines.md": azure_pipelines.TABLES,
    "concepts/api-management.md": policies.TABLES,
    "concepts/lineage.md": lineage.TABLES,
}
"""The gaps of each page that is written by hand and has some."""
_GAP: Final = re.compile(r"(<!-- begin generated (\w+) -->\n).*?(<!-- end generated -->)", re.DOTALL)


def filled(text: str, tables: Mapping[str, Callable[[], str]]) -> str:
    """A guide with its gaps filled; raises `KeyError` for a gap that no table is for."""
    return _GAP.sub(lambda gap: f"{gap[1]}\n{tables[gap[2]]()}\n\n{gap[3]}", text)


def main() -> None:
    """Write every page, and fill every guide."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
    for name, tables in TABLES.items():
        guide = DOCS / name
        guide.write_text(filled(guide.read_text(encoding="utf-8"), tables), encoding="utf-8")


if __name__ == "__main__":
    main()
