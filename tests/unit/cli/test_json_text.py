"""The printed JSON is that of the standard library, byte for byte."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pratique.cli.json_text import indented

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(values)
def test_it_is_what_the_standard_library_prints(value: Any) -> None:
    printed = json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, separators=(",", ": "))
    assert indented(value) == printed
