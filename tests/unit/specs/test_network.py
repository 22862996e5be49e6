"""The network that a job or a deployment wishes: two words, and a default each."""

import pytest

from pratique.specs.network import has_network, problems_with_network


@pytest.mark.parametrize(
    ("tags", "otherwise", "expected"),
    [
        ({}, True, True), ({}, False, False), ({"pratique.network": "machine"}, False, True),
        ({"pratique.network": "none"}, True, False), (None, False, False),
    ],
)  # fmt: skip
def test_what_is_said_counts_and_else_the_default(tags: object, otherwise: bool, expected: bool) -> None:
    assert has_network({"tags": tags}, otherwise=otherwise) is expected


@pytest.mark.parametrize("word", ["off", "None", "", True, ["machine"]])
def test_another_word_is_no_wish(word: object) -> None:
    assert [found.key for found in problems_with_network({"tags": {"pratique.network": word}})] == [
        ("tags", "pratique.network")
    ]
    assert [*problems_with_network({"tags": None})] == []
