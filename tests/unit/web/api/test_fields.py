"""A long list comes indented as the standard library would print it, byte for byte."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pratique.web.api.fields import as_printed, printed_listing

plain = st.none() | st.booleans() | st.integers() | st.text()


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[list[dict[str, Any]]]:
    values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30)
    return st.lists(st.dictionaries(st.text(), values))


@given(nested(plain) | nested(plain | st.floats(allow_nan=False, allow_infinity=False)))
def test_it_is_what_the_standard_library_prints(documents: list[dict[str, Any]]) -> None:
    printed = json.dumps(documents, ensure_ascii=False, indent=2, sort_keys=True)
    assert printed_listing([as_printed(one) for one in documents]).body == printed.encode()
