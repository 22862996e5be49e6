"""The few shapes of Markdown that the generated pages are made of."""

from collections.abc import Iterable, Sequence
from typing import Final

NOTE: Final = "*This page is generated from the code by `make docs`; do not edit it.*"


def document(title: str, *parts: str) -> str:
    """A page: its title, the note that it is generated, its parts."""
    return "\n\n".join([f"# {title}", NOTE, *(part for part in parts if part)]) + "\n"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar inside a cell is escaped."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """`text` as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def fenced(text: str, language: str = "sh") -> str:
    """A block of code."""
    return f"```{language}\n{text}\n```"
