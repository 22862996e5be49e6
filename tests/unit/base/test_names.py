"""Names: a small alphabet, checked where they enter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.base.errors import InvalidInput
from pratique.base.names import RESERVED_WORKSPACES, check_name, problem_with_name

KINDS = ("workspace", "resource group", "asset", "version", "label", "job", "endpoint", "deployment", "principal")
GOOD = {
    "workspace": ["dev", "qa-2", "a" * 33],
    "resource group": ["rg", "my.group_(1)", "R"],
    "asset": ["credit-risk", "a", "A.b_c-1"],
    "version": ["1", "2024-01-31", "v1.2"],
    "label": ["latest", "champion"],
    "job": ["brave_lantern_4k7x0w2m9t", "j"],
    "endpoint": ["credit-risk", "abc"],
    "deployment": ["blue", "green-2"],
    "principal": ["ada", "ada@example.org", "ci.bot"],
}
HOSTILE = [
    "", ".", "..", "../x", "a/b", "a\\b", "a%2e", "a;b", "a#b", "a?b", "a\0b", "a\nb", " a", "a ", "-a", "é", "a" * 300,
    "ａｂｃ", "a\u202eb", "$(x)", "`x`", "<b>", "a'b", 'a"b', "a|b",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in GOOD.items() for name in names])
def test_a_good_name_passes_unchanged(kind: str, name: str) -> None:
    assert check_name(kind, name) == name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused_and_shown(kind: str, name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_name(kind, name)
    assert repr(name) in str(refused.value)


@given(st.sampled_from(KINDS), st.text(max_size=60))
def test_whatever_passes_is_safe_in_a_path_and_a_url(kind: str, name: str) -> None:
    if not problem_with_name(kind, name):
        assert name.isascii()
        assert not set(name) & set("/\\%;#?\0\n\r\t \"'<>|&$`")
        assert name not in (".", "..")


@pytest.mark.parametrize("name", sorted(RESERVED_WORKSPACES))
def test_a_reserved_word_names_no_workspace(name: str) -> None:
    assert "reserved" in problem_with_name("workspace", name)


def test_a_refusal_reads_as_english() -> None:
    assert problem_with_name("endpoint", "1").startswith("'1' cannot name an endpoint: expected")
    assert problem_with_name("job", "").startswith("'' cannot name a job: expected")
