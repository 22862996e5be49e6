"""--query: JMESPath over what a verb returned.

Functions that look into text find nothing in a null: Azure gives every field,
null or not, and scripts filter with ``[?contains(display_name, 'x')]`` without
asking first.
"""

from collections import OrderedDict
from typing import Any

from jmespath import Options
from jmespath import compile as compile_query
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions, signature

from pratique.cli.usage import UsageError


class NullSafe(Functions):  # type: ignore[misc] # jmespath publishes no types.
    """JMESPath's functions, three of which take a null."""

    @signature({"types": ["array", "string", "null"]}, {"types": []})  # type: ignore[untyped-decorator]
    def _func_contains(self, subject: Any, search: Any) -> bool:
        return subject is not None and search in subject

    @signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_starts_with(self, subject: str | None, prefix: str) -> bool:
        return subject is not None and subject.startswith(prefix)

    @signature({"types": ["string", "null"]}, {"types": ["string"]})  # type: ignore[untyped-decorator]
    def _func_ends_with(self, subject: str | None, suffix: str) -> bool:
        return subject is not None and subject.endswith(suffix)


def check(expression: str) -> str:
    """`expression`, unchanged; raises `UsageError` when it is no JMESPath."""
    try:
        compile_query(expression)
    except (JMESPathError, KeyError) as error:
        raise UsageError(f"--query {expression!r} is no JMESPath: {error}", hint="see jmespath.org") from error
    return expression


def search(expression: str, document: Any) -> Any:
    """What `expression` finds in `document`; raises `UsageError` when it cannot be applied."""
    try:
        return compile_query(expression).search(document, Options(OrderedDict, NullSafe()))
    except (JMESPathError, TypeError) as error:
        raise UsageError(
            f"--query {expression}: {error}",
            hint="not_null(field, 'x') gives a null field a value; see jmespath.org",
        ) from error
