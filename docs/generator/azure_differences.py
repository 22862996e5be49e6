"""``azure-differences.md``: where files are read otherwise than by Azure's own loaders, and how often they agree.

The rows are those that the tests compare with, so that none can be forgotten
and none stays when it is no longer true.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from generator.markdown import code, document, table

TABLE: Final = Path(__file__).parents[2] / "tests" / "oracle" / "differences.toml"

_SECTIONS: Final = {
    "refused here": ("Refused here, accepted by Azure's loader", "Each of these is said with its line and what to do."),
    "accepted here": ("Accepted here, refused by Azure's loader", "Such a file does not work on Azure as it is."),
    "other value": ("Other values after defaults", "Both accept the file; what they make of it is not the same."),
}


def page() -> str:
    """The page."""
    with TABLE.open("rb") as file:
        content = tomllib.load(file)
    return document(
        "Differences from Azure's loaders",
        "Pratique reads Azure ML files with a reader of its own, which starts quickly and names every problem with its "
        "line. The tests compare it with the loaders of `azure-ai-ml` 1.35.2, the Python SDK of Azure ML, which run in "
        "an environment of their own: the same files, the verdict, and the values after defaults.",
        table(
            ("", "files written by rule and by hand", "share", "files with odd values", "share"),
            [*_numbers(content["numbers"], content["odd"])],
        ),
        "Odd values are put where they hardly belong: a list for a name, a key without a value, a number with a "
        "point for a count, in every key of every kind.",
        "Every difference is on purpose and stands below with its reason; a difference that does not, and a row that "
        "no file needs, fail the tests. Files put together at random are compared as well.",
        *(part for how in _SECTIONS for part in _section(how, content["difference"])),
    )


def _numbers(*counts: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    for name, words in (
        ("files", "compared"),
        ("valid", "valid for Azure's loaders"),
        ("invalid", "not valid for them"),
        ("same_verdict", "with the same verdict"),
        ("same_values_too", "with the same values as well"),
    ):
        cells = ((f"{count[name]:,}", f"{100 * count[name] / count['files']:.1f} %") for count in counts)
        yield (words, *(cell for pair in cells for cell in pair))


def _section(how: str, rows: list[dict[str, Any]]) -> Iterator[str]:
    heading, words = _SECTIONS[how]
    yield f"## {heading}"
    yield words
    yield table(
        ("kind", "key", "why"),
        [(_codes(row["kinds"]), _codes(row["keys"]), row["why"]) for row in rows if row["how"] == how],
    )


def _codes(names: list[str]) -> str:
    shown = {"*": "every kind", "": "the file as a whole"}
    return ", ".join(shown.get(name) or code(name) for name in names)
