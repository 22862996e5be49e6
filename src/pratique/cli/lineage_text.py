"""Lineage as sentences, each with what it was read from."""

import json
from typing import Any

from pratique.cli.table import Report

Document = dict[str, Any]


def told(found: Document) -> Report:
    """The sentences of an answer for people; the graph for -o."""
    return Report("\n".join(_lines(found)), values=found)


def _lines(found: Document) -> list[str]:
    lines: list[str] = []
    for said in found["sentences"]:
        lines.append(str(said["text"]))
        if said["evidence"]:
            lines.append(f"    {', '.join(map(str, said['evidence']))}")
    return lines


def with_rows(found: Document) -> Report:
    """The same, with what was collected of a call first."""
    rows = [
        f"{collection}: {json.dumps(row, ensure_ascii=False)}"
        for collection, collected in found["collected"].items()
        for row in collected
    ]
    return Report("\n".join([*rows, "", *_lines(found)]), values=found)
