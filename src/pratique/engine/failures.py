"""How a failure is written on the row of what failed."""

from typing import Any

from pratique.base.errors import PratiqueError
from pratique.base.logging import get_logger

_log = get_logger(__name__)


def error_document(error: BaseException) -> dict[str, Any]:
    """Message, hint and log tail of `error`; one that nobody foresaw is logged and named as ours."""
    if isinstance(error, PratiqueError):
        message = str(error)
        return {"code": error.code, "message": message, "hint": error.hint, "log_tail": list(error.log_tail)}
    _log.error("engine.unforeseen", exc_info=error)
    return {
        "code": "InternalError",
        "message": f"something unforeseen happened in the platform: {type(error).__name__}: {error}",
        "hint": "pratique status names the log of the platform",
        "log_tail": [],
    }
