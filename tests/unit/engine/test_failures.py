"""What is written on the row of what failed."""

import errno
from datetime import UTC, datetime

from pratique.base.errors import ComputeFailed, InvalidInput, Problem
from pratique.compute.task import Exited
from pratique.engine.failures import error_document, how_ended

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_an_error_of_ours_keeps_its_words_its_problems_and_its_log() -> None:
    problem = Problem("no such package", key="dependencies")
    told = error_document(InvalidInput("conda.yml", hint="correct it", problems=[problem], log_tail=["last"]))
    assert told["code"] == "InvalidInput"
    assert "no such package" in told["message"]
    assert (told["hint"], told["log_tail"]) == ("correct it", ["last"])


def test_a_full_disk_is_called_so_with_its_remedy() -> None:
    told = error_document(OSError(errno.ENOSPC, "No space left on device", "/home/x"))
    assert told["code"] == "StorageFailed"
    assert "/home/x" in told["message"]
    assert "free space" in told["hint"]


def test_what_nobody_foresaw_is_named_as_ours() -> None:
    told = error_document(ZeroDivisionError("division by zero"))
    assert told["code"] == "InternalError"
    assert "ZeroDivisionError: division by zero" in told["message"]
    assert told["hint"]
    assert set(told) == set(error_document(ComputeFailed("x")))


def test_an_end_is_told_by_its_code_or_its_signal() -> None:
    assert how_ended(Exited(3, None, False, NOW)) == "ended with exit code 3"
    assert how_ended(Exited(139, None, False, NOW)) == "ended with exit code 139 (SIGSEGV)"
    assert how_ended(Exited(255, None, False, NOW)) == "ended with exit code 255"
    assert how_ended(Exited(None, 15, False, NOW)) == "was ended by signal 15"
    assert "memory" in how_ended(Exited(None, 9, False, NOW))
    assert "SIGKILL, as the kernel does when memory runs out" in how_ended(Exited(137, None, False, NOW))
