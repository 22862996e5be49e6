"""How a failure is written on the row of what failed."""

import errno
import signal
from typing import Any, Final

from pratique.base.errors import PratiqueError, StorageFailed
from pratique.base.logging import get_logger
from pratique.compute.task import Exited

_log = get_logger(__name__)
_BY_THE_KERNEL: Final = ", as the kernel does when memory runs out"
_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def error_document(error: BaseException) -> dict[str, Any]:
    """Code, message, hint and log tail of `error`; one that nobody foresaw is logged and named as ours."""
    known = _known(error)
    if known is not None:
        return {"code": known.code, "message": str(known), "hint": known.hint, "log_tail": list(known.log_tail)}
    _log.error("engine.unforeseen", exc_info=error)
    return {
        "code": "InternalError",
        "message": f"something unforeseen happened in the platform: {type(error).__name__}: {error}",
        "hint": "pratique status names the log of the platform",
        "log_tail": [],
    }


def how_ended(seen: Exited) -> str:
    """Exit code or signal, as the end of a sentence about the process."""
    if seen.signal is None:
        return f"ended with exit code {seen.code}{_told_by_shells(seen.code or 0)}"
    if seen.signal == signal.SIGKILL:
        return f"was killed by signal {seen.signal}{_BY_THE_KERNEL}"
    return f"was ended by signal {seen.signal}"


def _told_by_shells(code: int) -> str:
    """The signal that an exit code above 128 stands for: shells tell it so, and the sandbox."""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return ""
    return f" ({name}{_BY_THE_KERNEL if name == 'SIGKILL' else ''})"


def _known(error: BaseException) -> PratiqueError | None:
    if isinstance(error, PratiqueError):
        return error
    if isinstance(error, OSError) and error.errno in _DISK:
        place = f" ({error.filename})" if error.filename else ""
        return StorageFailed(
            f"the disk cannot be written: {error.strerror}{place}",
            hint="free space on the disk of PRATIQUE_HOME, or make it writable, and try again",
        )
    return None
