"""Fields and parameters that every noun has the same way."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias

from fastapi import Query, Response
from pydantic import BaseModel, ConfigDict
from pydantic_core import to_json

from pratique.base.clock import iso

Wait: TypeAlias = Annotated[float, Query(ge=0, le=50, description="Seconds to wait for what is asked for.")]
"""The bound of a long poll, below the 60 seconds after which the door gives up."""

NOT_KEPT: Final = {"Cache-Control": "no-store"}
"""Headers of an answer that has a secret in it."""

AS_TEXT: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Headers of what users' code has written: a browser must not take it for a page of the door."""


class RequestBody(BaseModel):
    """What a route takes: a key that it does not know is an error, and no error shows what was sent."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def as_printed(document: Mapping[str, Any]) -> str:
    """One element of a list as `-o json` prints it, so that who prints ten thousand need not read each of them."""
    try:
        text = to_json(_in_order(document), indent=2).decode()
    except _WrittenDifferentlyError:
        # Python writes 1e-05 where others write 1e-5; such numbers are seldom.
        text = json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False)
    return text.replace("\n", "\n  ")


def printed_listing(elements: Sequence[str]) -> Response:
    """A list of what `as_printed` made."""
    text = "[\n  " + ",\n  ".join(elements) + "\n]" if elements else "[]"
    return Response(text, media_type="application/json")


class _WrittenDifferentlyError(Exception):
    """There is a number that is not written the same everywhere."""


def _in_order(value: Any) -> Any:
    """`value` with the keys of every mapping in order."""
    if isinstance(value, dict):
        return {key: one if type(one := value[key]) is str else _in_order(one) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [_in_order(one) for one in value]
    if isinstance(value, float):
        raise _WrittenDifferentlyError
    return value


def creation_context(created_at: datetime, created_by: Mapping[str, Any]) -> dict[str, str]:
    """Who made it and when, in Azure's words."""
    return {
        "created_at": iso(created_at),
        "created_by": str(created_by.get("name", "")),
        "created_by_type": str(created_by.get("type", "")),
    }


def present(document: Mapping[str, Any]) -> dict[str, Any]:
    """`document` without the keys whose value is None."""
    return {key: value for key, value in document.items() if value is not None}
