"""The same files, read by us and by azure-ai-ml: the same verdict, the same values, or a row in the table."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.specs.verdicts import judge

from .comparison import OTHER_VALUE, TABLE, Difference, Mismatch, compare, differences
from .corpus import BASES, KEYS, Case, cases, odd_cases, with_value, write
from .oracle import ROOT, Oracle

pytestmark = pytest.mark.slow  # Its environment comes over the network once, and the loaders take a minute.

GENERATED = 1000


def mismatch(oracle: Oracle, folder: Path, case: Case) -> tuple[Mismatch | None, bool]:
    """What differs, and whether Azure's loader accepts the file."""
    path = write(folder, case)
    theirs = oracle.ask(case.kind, path)
    return compare(case.kind, case.document, judge(path, case.kind), theirs, folder), "value" in theirs


def told(case: Case, found: Mismatch) -> str:
    return f"{case.name} is {found.how}: {found.places} {found.theirs}\n{case.text}"


def test_every_file_of_the_corpus_is_read_alike_or_the_table_says_why_not(oracle: Oracle, folder: Path) -> None:
    ours, odd = Tally(), Tally()
    for case in cases():
        ours.add(case, *mismatch(oracle, folder, case))
    for case in odd_cases():
        odd.add(case, *mismatch(oracle, folder, case))
    assert ours.unexplained + odd.unexplained == []
    assert [row for row in differences() if row not in ours.used | odd.used] == [], "rows that no file needs"
    assert ours.count["valid"] >= 0.4 * ours.count["files"]
    assert ours.count["invalid"] >= 0.4 * ours.count["files"]
    with TABLE.open("rb") as file:
        numbers = tomllib.load(file)
    found = {"numbers": dict(ours.count), "odd": dict(odd.count)}
    assert {name: numbers[name] for name in found} == found, "put these into differences.toml, then `make docs`"


class Tally:
    """How often both readers agreed, and what no row explains."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self.used: set[Difference] = set()
        self.unexplained: list[str] = []
        self._table = differences()

    def add(self, case: Case, found: Mismatch | None, is_valid: bool) -> None:
        """Count what both made of one file."""
        self.count["files"] += 1
        self.count["valid" if is_valid else "invalid"] += 1
        self.count["same_verdict"] += found is None or found.how == OTHER_VALUE
        self.count["same_values_too"] += found is None
        rows = found.rows(self._table) if found else []
        self.used.update(rows)
        if found and not rows:
            self.unexplained.append(told(case, found))


def test_every_example_is_valid_for_azure(oracle: Oracle) -> None:
    files = [file for file in sorted((ROOT / "examples").rglob("*.yml")) if "$schema" in file.read_text("utf-8")]
    assert files
    for file in files:
        verdict = judge(file)
        theirs = oracle.ask(verdict.kind, file)
        assert "value" in theirs, f"{file}: {theirs}"


@st.composite
def documents(draw: st.DrawFn) -> Case:
    """The smallest file of a kind with a few keys of the corpus, and now and then one left out."""
    kind = draw(st.sampled_from(sorted(BASES)))
    document: Mapping[str, Any] = BASES[kind]
    for key in draw(st.lists(st.sampled_from(sorted(KEYS[kind])), max_size=4, unique=True)):
        good, bad = KEYS[kind][key]
        chosen: Sequence[Any] = [*good, *good, *bad]
        if chosen:
            document = with_value(document, key, draw(st.sampled_from(chosen)))
    if draw(st.integers(0, 9)) == 0:
        gone = draw(st.sampled_from(sorted(document)))
        document = {name: value for name, value in document.items() if name != gone}
    return Case("generated", kind, document)


@settings(
    max_examples=GENERATED, derandomize=True, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(case=documents())
def test_files_put_together_at_random_are_read_alike_too(oracle: Oracle, folder: Path, case: Case) -> None:
    found, _ = mismatch(oracle, folder, case)
    assert found is None or found.rows(differences()), told(case, found)
