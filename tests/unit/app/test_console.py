"""The verbs of the platform itself can be typed, are explained, and have examples."""

import importlib

import pytest

from pratique.app.console import ROWS
from pratique.cli.table import Row


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_every_row_leads_to_verbs_with_a_sentence_and_examples(row: Row) -> None:
    table = importlib.import_module(row.module).TABLE
    assert table.group == row.path
    assert table.verbs
    for verb in table.verbs.values():
        assert verb.summary.endswith(".")
        assert verb.examples
        assert all(f"pratique {row.path}" in command for command in verb.examples.values())
        named = {argument.name for argument in verb.arguments}
        assert named <= set(verb.parameters)
        assert set(verb.parameters) - named <= {"place", "in_group", "platform"}
    if not row.is_group:
        assert list(table.verbs) == [row.path]
