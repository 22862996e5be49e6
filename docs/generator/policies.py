"""The statements of API policies, for their page."""

from typing import Final

from generator.markdown import code, table
from pratique.specs.policy_statements import STATEMENTS, Statement


def _parts(statement: Statement) -> str:
    attributes = [f"{code(name)}{'' if name in statement.required else '?'}" for name in statement.attributes]
    return ", ".join([*attributes, *(code(f"<{name}>") for name in statement.children)])


def statements() -> str:
    """Every statement: where it stands, what it may have, and what becomes of it."""
    return table(
        ("statement", "in", "what it may have; `?` need not be there", "what Envoy does"),
        [
            (code(f"<{name}>"), ", ".join(statement.sections), _parts(statement), statement.becomes)
            for name, statement in STATEMENTS.items()
        ],
    )


TABLES: Final = {"statements": statements}
