"""Test results and code coverage, counted from files of each format."""

from pathlib import Path

import pytest

from pratique.base.errors import InvalidInput, NotFound
from pratique.delivery.records import Coverage, Suite
from pratique.worker import coverage, results

JUNIT = """<testsuite><testcase classname="c" name="ok" time="1.5"/><testcase name="bad"><error/></testcase>
<testcase name="left"><skipped/></testcase></testsuite>"""
NUNIT_3 = """<test-run><test-suite result="Failed"><test-case fullname="a.ok" result="Passed" duration="0.5"/>
<test-case fullname="a.bad" result="Failed"/><test-case fullname="a.left" result="Skipped"/></test-suite></test-run>"""
NUNIT_2 = """<test-results><test-case name="ok" executed="True" success="True" time="0.5"/>
<test-case name="bad" executed="True" success="False"/><test-case name="left" executed="False"/></test-results>"""
TRX = """<TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010"><Results>
<UnitTestResult testName="ok" outcome="Passed" duration="00:01:00.5"/><UnitTestResult testName="bad" outcome="Failed"/>
<UnitTestResult testName="left" outcome="NotExecuted"/></Results></TestRun>"""
XUNIT = """<assemblies><assembly><collection><test name="ok" result="Pass" time="0.5"/><test name="bad" result="Fail"/>
<test name="left" result="Skip"/></collection></assembly></assemblies>"""
JACOCO = """<report name="r"><package><counter type="LINE" missed="9" covered="9"/></package>
<counter type="LINE" missed="1" covered="3"/><counter type="BRANCH" missed="2" covered="2"/></report>"""


@pytest.mark.parametrize(
    ("style", "text", "seconds", "failure"),
    [
        ("JUnit", JUNIT, 1.5, "bad"),
        ("nunit", NUNIT_3, 0.5, "a.bad"),
        ("NUnit", NUNIT_2, 0.5, "bad"),
        ("VSTest", TRX, 60.5, "bad"),
        ("XUnit", XUNIT, 0.5, "bad"),
    ],
)
def test_each_format_is_counted(tmp_path: Path, style: str, text: str, seconds: float, failure: str) -> None:
    file = _written(tmp_path, text)
    assert results.read(file, style) == Suite(file.name, 3, 1, 1, 1, seconds, (failure,))


def test_suites_become_one_and_their_names_are_masked() -> None:
    one = results.merged([Suite("a", 2, 1, 1, 0, 1.0, ("secret",)), Suite("b", 1, 1, 0, 0)], "whole")
    assert one == Suite("whole", 3, 2, 1, 0, 1.0, ("secret",))
    assert results.titled(one, "t", lambda _: "***").failures == ("***",)


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ('<coverage lines-valid="4" lines-covered="3" branches-valid="2" branches-covered="1"/>', Coverage(3, 4, 1, 2)),
        ('<coverage line-rate="0.5"><line hits="2"/><line hits="0"/></coverage>', Coverage(1, 2)),
        (JACOCO, Coverage(3, 4, 2, 4)),
        ('<coverage lines-valid="x" lines-covered="-1"/>', Coverage(0, 0)),
    ],
)
def test_coverage_is_counted(tmp_path: Path, text: str, counts: Coverage) -> None:
    assert coverage.read(_written(tmp_path, text)) == counts


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<a>",
        "<other/>",
        '<!DOCTYPE a [<!ENTITY b "bbbbbbbb">]><coverage>&b;</coverage>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><coverage>&b;</coverage>',
    ],
)
def test_what_is_no_coverage_is_refused_by_the_name_of_its_file(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput, match=r"found\.xml"):
        coverage.read(_written(tmp_path, text))


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match=r"nowhere\.xml"):
        coverage.read(Path("/nowhere.xml"))


def _written(folder: Path, text: str) -> Path:
    file = folder / "found.xml"
    file.write_text(text)
    return file
