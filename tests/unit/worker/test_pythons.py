"""Ranges of Python versions as `UsePythonVersion` takes them."""

import pytest

from pratique.base.errors import InvalidInput
from pratique.worker.pythons import version_range


@pytest.mark.parametrize(
    ("written", "inside", "outside"),
    [
        ("3.x", ("3.8.1", "3.13.0"), ("2.7.18", "4.0.0")),
        ("3", ("3.8.1",), ("2.7.18",)),
        ("3.10", ("3.10.0", "3.10.14"), ("3.1.0", "3.11.0")),
        ("3.10.x", ("3.10.4",), ("3.11.0",)),
        ("3.10.4", ("3.10.4",), ("3.10.5",)),
        ("=3.10.4", ("3.10.4",), ("3.10.5",)),
        (">=3.9 <3.12", ("3.9.0", "3.11.9"), ("3.8.9", "3.12.0")),
        (">= 3.9", ("3.13.0",), ("3.8.9",)),
        ("^3.9", ("3.9.0", "3.12.0"), ("3.8.0", "4.0.0")),
        ("~3.9", ("3.9.7",), ("3.10.0",)),
        ("~3.9.2", ("3.9.7",), ("3.9.1", "3.10.0")),
        ("x", ("3.8.0",), ()),
        ("", ("3.8.0",), ()),
    ],
)
def test_a_range_holds_what_npm_would_let_it_hold(
    written: str, inside: tuple[str, ...], outside: tuple[str, ...]
) -> None:
    found = version_range(written)
    assert all(version in found for version in inside)
    assert not any(version in found for version in outside)


@pytest.mark.parametrize("written", ["three", "3.9 or so", ">=", "3..9"])
def test_what_is_no_version_is_refused(written: str) -> None:
    with pytest.raises(InvalidInput, match="no version of Python"):
        version_range(written)
