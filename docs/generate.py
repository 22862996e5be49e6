"""Writes the generated pages of ``docs/reference``: what the code knows of itself, in Markdown.

    python docs/generate.py     what `make docs` runs

A page is a function from nothing to text, so that the tests compare what is
committed with what would be written now. Nothing is started and nothing is
asked of a platform.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from generator import (
    azure_differences,
    curated,
    errors,
    events,
    permissions,
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
    "scoring-contract.md": scoring.page,
}


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
