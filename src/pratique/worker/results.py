"""Test results in the formats that test runners write, counted: JUnit, NUnit, VSTest (TRX), xUnit."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

from pratique.delivery.records import Suite
from pratique.worker.xml_files import local_name, read_xml

MAX_FAILURES: Final = 50
"""Names of tests that failed which a record carries."""
_PASSED: Final = "passed"
_FAILED: Final = "failed"
_SKIPPED: Final = "skipped"


def read(file: Path, style: str) -> Suite:
    """The counts of one result file; raises `InvalidInput` for what is none."""
    root = read_xml(file)
    case, outcome = _STYLES[style.strip().lower()]
    cases = [(_name_of(one), outcome(one), _seconds(one)) for one in root.iter() if local_name(one) in case]
    failures = tuple(name for name, how, _ in cases if how == _FAILED)
    return Suite(
        title=file.name,
        total=len(cases),
        passed=sum(how == _PASSED for _, how, _ in cases),
        failed=len(failures),
        skipped=sum(how == _SKIPPED for _, how, _ in cases),
        seconds=sum(seconds for _, _, seconds in cases),
        failures=failures[:MAX_FAILURES],
    )


def merged(suites: Sequence[Suite], title: str) -> Suite:
    """All of them as one."""
    return Suite(
        title,
        sum(one.total for one in suites),
        sum(one.passed for one in suites),
        sum(one.failed for one in suites),
        sum(one.skipped for one in suites),
        sum(one.seconds for one in suites),
        tuple(name for one in suites for name in one.failures)[:MAX_FAILURES],
    )


def titled(suite: Suite, title: str, mask: Callable[[str], str]) -> Suite:
    """`suite` under another title, nothing of it secret."""
    return replace(suite, title=title, failures=tuple(map(mask, suite.failures)))


def _junit(case: Element) -> str:
    below = {local_name(one) for one in case}
    if below & {"failure", "error"}:
        return _FAILED
    return _SKIPPED if "skipped" in below else _PASSED


def _nunit(case: Element) -> str:
    # Version 3 says result, version 2 says success and executed.
    word = case.get("result", "").lower()
    if word in ("failed", "failure", "error") or case.get("success", "").lower() == "false":
        return _FAILED
    return _PASSED if word in ("passed", "success") or case.get("success", "").lower() == "true" else _SKIPPED


def _trx(case: Element) -> str:
    word = case.get("outcome", "").lower()
    if word in ("failed", "error", "timeout", "aborted"):
        return _FAILED
    return _PASSED if word in ("passed", "passedbutrunaborted", "warning", "completed") else _SKIPPED


def _xunit(case: Element) -> str:
    word = case.get("result", "").lower()
    return {"pass": _PASSED, "fail": _FAILED}.get(word, _SKIPPED)


_STYLES: Final[dict[str, tuple[tuple[str, ...], Callable[[Element], str]]]] = {
    "junit": (("testcase",), _junit),
    "nunit": (("test-case",), _nunit),
    "vstest": (("UnitTestResult",), _trx),
    "xunit": (("test",), _xunit),
}


def _name_of(case: Element) -> str:
    name = case.get("fullname") or case.get("name") or case.get("testName") or "?"
    holder = case.get("classname")
    return f"{holder}.{name}" if holder else name


def _seconds(case: Element) -> float:
    """How long it took; a TRX duration is hours, minutes and seconds."""
    text = case.get("time") or case.get("duration") or "0"
    try:
        parts = [float(part) for part in text.replace(",", "").split(":")]
    except ValueError:
        return 0.0
    total = 0.0
    for part in parts:
        total = total * 60 + part
    return total
