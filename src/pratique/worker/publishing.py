"""What a step gives to its run besides its result: artifacts, test results, code coverage."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pathspec import GitIgnoreSpec

from pratique.base.errors import AlreadyExists, InvalidInput, NotFound
from pratique.worker import coverage, results
from pratique.worker.matching import files_below
from pratique.worker.step import StepRun

IGNORE_FILE: Final = ".artifactignore"
"""Names in gitignore syntax what an artifact leaves out."""
_NAME: Final = re.compile(r"[^\\/:\"<>|*?\x00-\x1f]{1,255}")


def publish_artifact(run: StepRun, path: Path, name: str) -> None:
    """Publish a file or a folder as the artifact `name`; raises `InvalidInput`, `NotFound` and `AlreadyExists`."""
    if not _NAME.fullmatch(name) or name in (".", ".."):
        raise InvalidInput(f"{name!r} cannot name an artifact")
    if not path.exists():
        raise NotFound(f"there is nothing to publish at {path}")
    manifest = run.job.routes.upload(_without_ignored(run, path))
    try:
        run.job.routes.add_artifact(name, manifest)
    except AlreadyExists:
        raise AlreadyExists(f"the run has an artifact {name} already", hint="give it another name") from None
    run.say(f"published the artifact {name}: {len(manifest.entries)} files, {manifest.size:,} bytes")
    run.say(f"digest {manifest.digest}")


def _without_ignored(run: StepRun, path: Path) -> Path:
    """`path`, or a copy of it without what its .artifactignore names."""
    rules = path / IGNORE_FILE
    if not rules.is_file():
        return path
    ignored = GitIgnoreSpec.from_lines(rules.read_text(encoding="utf-8-sig", errors="replace").splitlines())
    copy = Path(tempfile.mkdtemp(dir=run.job.workspace.temp)) / path.name
    copy.mkdir()
    kept = [file for file in files_below(path) if not ignored.match_file(file)]
    for file in kept:
        (copy / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path / file, copy / file)
    run.say(f"{IGNORE_FILE} leaves {len(kept)} files")
    return copy


def publish_tests(run: StepRun, style: str, files: Sequence[Path], *, title: str, is_one: bool = False) -> int:
    """Read result files and add their counts to the record; returns how many tests failed."""
    suites = [results.read(file, style) for file in files]
    title = title or run.title
    told = [results.merged(suites, title)] if is_one else suites
    for number, suite in enumerate(told, 1):
        name = f"{title} {number}" if len(told) > 1 else title
        named = results.titled(suite, run.job.masker.masked(name), run.job.masker.masked)
        run.tested(named)
        run.say(f"{named.title}: {named.total} tests, {named.passed} passed, {named.failed} failed, "
                f"{named.skipped} skipped")  # fmt: skip
    return sum(suite.failed for suite in suites)


def publish_coverage(run: StepRun, files: Sequence[Path]) -> bool:
    """Read coverage files and add what they come to; False when they cover nothing."""
    whole = coverage.merged([coverage.read(file) for file in files])
    run.covered(whole)
    share = 100 * whole.lines_covered / whole.lines_valid if whole.lines_valid else 0.0
    run.say(f"lines: {whole.lines_covered} of {whole.lines_valid} covered, {share:.1f} %")
    return whole.lines_valid > 0
