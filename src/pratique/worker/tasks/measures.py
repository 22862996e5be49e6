"""PublishTestResults@2 and PublishCodeCoverageResults@1/@2: what test runners wrote, counted into the record."""

from pathlib import Path

from pratique.worker.artifacts import publish
from pratique.worker.matching import found_below
from pratique.worker.publishing import publish_coverage, publish_tests
from pratique.worker.step import DONE, Outcome, failed
from pratique.worker.tasks.work import Work


def publish_test_results(work: Work) -> Outcome:
    inputs, run = work.inputs, work.run
    patterns = inputs.lines("testResultsFiles")
    files = found_below(run.folder("") / inputs.text("searchFolder").strip(), patterns)
    if not files:
        said = f"no test results match {', '.join(patterns)}"
        if inputs.is_on("failTaskOnMissingResultsFile"):
            return failed(said)
        run.warn(said)
        return DONE
    is_one = inputs.is_on("mergeTestResults")
    broken = publish_tests(
        run, inputs.word("testResultsFormat"), files, title=inputs.text("testRunTitle"), is_one=is_one
    )
    if broken and inputs.is_on("failTaskOnFailedTests"):
        return failed(f"{broken} tests failed")
    return DONE


def publish_coverage_results(work: Work) -> Outcome:
    """Version 2."""
    return _coverage(work)


def publish_coverage_results_1(work: Work) -> Outcome:
    """Version 1, which takes a folder with a report besides."""
    report = work.inputs.text("reportDirectory").strip()
    if report and (work.run.folder("") / report).is_dir():
        publish(work.run, report, f"Code Coverage Report_{work.run.job.message.run.id}")
    return _coverage(work)


def _coverage(work: Work) -> Outcome:
    inputs, run = work.inputs, work.run
    patterns = [part.strip() for line in inputs.lines("summaryFileLocation") for part in line.split(";")]
    files: list[Path] = found_below(run.folder(""), patterns)
    if not files:
        said = f"no code coverage matches {', '.join(patterns)}"
    elif publish_coverage(run, files):
        return DONE
    else:
        said = "the code coverage is empty"
    if inputs.is_on("failIfCoverageEmpty"):
        return failed(said)
    run.warn(said)
    return DONE
