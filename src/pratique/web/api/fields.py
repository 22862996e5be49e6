"""Fields that every noun shows the same way."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pratique.base.clock import iso


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
