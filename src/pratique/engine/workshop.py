"""Lets a program of the model server work on a model: in a sandbox, in the model's environment, one at a time.

    <root>/making-<name>/model/it   the model, read-only
    <root>/making-<name>/out        what the program leaves
    <root>/<name>                   the same, once it has ended
    <root>/<name>.json              the digest of each file in it: what was changed since is made anew

A platform that was killed meanwhile finds the program when it is asked again.
"""

import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from pratique.base.logging import get_logger
from pratique.compute.sources import package_copy
from pratique.compute.task import Exited, Lost, Running, Task
from pratique.content.hashing import digests_in
from pratique.content.manifest import Manifest
from pratique.engine import views
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench

_log = get_logger(__name__)
LONGEST: Final = timedelta(minutes=30)
_LOOK: Final = 0.1
_LOG: Final = "console.log"
_PROGRESS: Final = "progress: "
_one_at_a_time: Final = threading.Lock()
"""They load the machine, and two that make the same would be in each other's way."""


def make(
    bench: Workbench,
    place: Path,
    manifest: Manifest,
    *,
    python: Path,
    program: str | Path,
    arguments: Sequence[str] = (),
    files: Sequence[tuple[str, Path]] = (),
    finish: Callable[[Path], object] = lambda _: None,
    say: Callable[[str], object] = lambda _: None,
) -> None:
    """Have ``python -m program MODEL OUT …`` fill the folder `place`, unless `is_made`; whatever it left is kept.

    A program that is a path is a file that `python` runs as it is. None of them has a network.
    `files` are laid beside the model before, by name: ``../NAME`` of it. `finish` is given the folder at the end.
    `say` hears what the program prints after ``progress: ``.
    """
    with _one_at_a_time:
        if is_made(place):
            return
        if place.is_dir():
            _log.warning("workshop.made_anew", place=str(place), reason="its files were changed")
            remove(place)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        work = place.parent / f"making-{place.name}"
        if not isinstance(bench.compute.observe(work / "attempt"), Running):
            _lay_out(bench, work, manifest, files)
        _run(bench, work, python, program, arguments, say)
        shutil.copyfile(work / _LOG, work / "out" / _LOG)
        finish(work / "out")
        _digests(place).write_text(json.dumps(digests_in(work / "out")), encoding="utf-8")
        (work / "out").rename(place)
        shutil.rmtree(work, ignore_errors=True)


def is_made(place: Path) -> bool:
    """Whether a program has filled `place`, and nobody has changed a byte there since."""
    try:
        return bool(json.loads(_digests(place).read_bytes()) == digests_in(place))
    except (OSError, ValueError):
        return False


def remove(place: Path) -> bool:
    """Forget what a program has made; whether nothing is left of it."""
    shutil.rmtree(place, ignore_errors=True)
    _digests(place).unlink(missing_ok=True)
    return not place.exists()


def _digests(place: Path) -> Path:
    return place.parent / f"{place.name}.json"


def log_of(place: Path) -> Path:
    """What the program said."""
    return place / _LOG


def _lay_out(bench: Workbench, work: Path, manifest: Manifest, files: Sequence[tuple[str, Path]]) -> None:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    for part in ("model", "code", "tmp", "out"):
        (work / part).mkdir(mode=0o700)
    bench.blobs.materialise(manifest, work / "model" / "it", writable=False)
    for name, source in files:
        shutil.copyfile(source, work / "model" / name)


def _run(
    bench: Workbench,
    work: Path,
    python: Path,
    program: str | Path,
    arguments: Sequence[str],
    say: Callable[[str], object],
) -> None:
    attempt = work / "attempt"
    named = ("-m", program) if isinstance(program, str) else ("-I", str(program))
    view = views.of_replica(work, python, bench.home.sources, work / "tmp")
    if isinstance(program, Path):
        view = replace(view, readable=(*view.readable, program))
    task = Task(
        folder=attempt,
        argv=(str(python), *named, str(work / "model" / "it"), str(work / "out"), *arguments),
        environment={
            "PATH": f"{python.parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(package_copy("pratique_serving", bench.home.sources)),
            "HOME": str(work / "tmp"),
            "LANG": "C.UTF-8",
        },
        working_folder=work,
        log=work / _LOG,
        timeout=LONGEST,
        view=view,
    )
    seen = bench.compute.start(task)
    told = ""
    while not isinstance(seen, Exited | Lost):
        time.sleep(_LOOK)
        seen = bench.compute.observe(attempt)
        if (line := _progress(task.log)) != told:
            told = line
            say(told)


def _progress(log: Path) -> str:
    """What the program has told last of what it is at, without signs that move a terminal's cursor."""
    told = [line for line in last_lines(log, 20) if line.startswith(_PROGRESS)]
    return "".join(filter(str.isprintable, told[-1]))[len(_PROGRESS) :] if told else ""
