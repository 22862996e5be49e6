"""Code coverage in the formats of Cobertura and JaCoCo, counted; the file says which it is."""

from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element

from pratique.base.errors import InvalidInput
from pratique.delivery.records import Coverage
from pratique.worker.xml_files import local_name, read_xml


def read(file: Path) -> Coverage:
    """The counts of one file; raises `InvalidInput` for what is neither."""
    root = read_xml(file)
    match local_name(root):
        case "coverage":
            return _cobertura(root)
        case "report":
            return _jacoco(root)
    raise InvalidInput(f"{file} is neither Cobertura's nor JaCoCo's: its root is <{local_name(root)}>")


def merged(parts: Iterable[Coverage]) -> Coverage:
    """The sum of them."""
    whole = Coverage(0, 0)
    for one in parts:
        whole = Coverage(
            whole.lines_covered + one.lines_covered,
            whole.lines_valid + one.lines_valid,
            whole.branches_covered + one.branches_covered,
            whole.branches_valid + one.branches_valid,
        )
    return whole


def _cobertura(root: Element) -> Coverage:
    if root.get("lines-valid") is not None:
        names = ("lines-covered", "lines-valid", "branches-covered", "branches-valid")
        return Coverage(*(_number(root.get(name)) for name in names))
    # Older writers give rates alone, so the lines are counted.
    hits = [_number(line.get("hits")) for line in root.iter("line")]
    return Coverage(sum(hit > 0 for hit in hits), len(hits))


def _jacoco(root: Element) -> Coverage:
    found = {one.get("type"): one for one in root if local_name(one) == "counter"}

    def count(kind: str, name: str) -> int:
        return _number(found[kind].get(name)) if kind in found else 0

    lines, branches = count("LINE", "covered"), count("BRANCH", "covered")
    return Coverage(lines, lines + count("LINE", "missed"), branches, branches + count("BRANCH", "missed"))


def _number(text: str | None) -> int:
    try:
        return max(0, int(float(text or "0")))
    except (ValueError, OverflowError):
        return 0
