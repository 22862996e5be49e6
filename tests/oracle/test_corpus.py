"""The corpus itself: large, mixed, and with every key that there is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from pratique.specs.grammar import Part
from pratique.specs.kinds import KINDS, class_of
from pratique.specs.verdicts import judge

from .comparison import differences
from .corpus import BASES, KEYS, cases, write


def test_every_kind_has_files_of_its_own() -> None:
    assert set(BASES) == set(KINDS) == set(KEYS)


def test_there_are_more_than_three_hundred_files_and_no_two_have_one_name() -> None:
    names = [found.name for found in cases()]
    assert len(names) > 300
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", KINDS)
def test_the_full_file_of_a_kind_is_read_but_for_what_is_not_run(folder: Path, kind: str) -> None:
    (full,) = [found for found in cases() if found.name == f"{kind}-full"]
    verdict = judge(write(folder, full), kind)
    assert verdict.is_valid, "\n".join(map(str, verdict.problems))


def test_every_key_of_every_mapping_is_in_the_corpus() -> None:
    given: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for found in cases():
        given[found.kind].update(names_in(found.document))
    wanted = {(part, name): False for kind in KINDS for part in parts_of(class_of(kind)) for name in names_of(part)}
    for kind in KINDS:
        for part in parts_of(class_of(kind)):
            wanted |= {(part, name): True for name in names_of(part) if name in given[kind]}
    assert sorted(f"{part.__name__}.{name}" for (part, name), is_there in wanted.items() if not is_there) == []


def names_of(part: type[Part]) -> Iterator[str]:
    return (field.alias or name for name, field in part.model_fields.items())


def names_in(value: Any) -> Iterator[str]:
    """Every key of every mapping in `value`."""
    if isinstance(value, dict):
        yield from value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from names_in(one)


def parts_of(annotation: Any, seen: frozenset[type[Part]] = frozenset()) -> set[type[Part]]:
    """Every mapping of keys that can be reached from a type, itself included."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        if annotation in seen:
            return set()
        fields = annotation.model_fields.values()
        return {annotation}.union(*(parts_of(field.annotation, seen | {annotation}) for field in fields))
    return set().union(*(parts_of(inner, seen) for inner in get_args(annotation)))


def test_every_difference_says_why_in_a_sentence() -> None:
    table = differences()
    assert all(row.why.endswith(".") and row.kinds and row.keys for row in table)
    assert {row.how for row in table} == {"refused here", "accepted here", "other value"}
