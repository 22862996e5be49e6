"""`ml model convert`, `profile` and `scan`: what the platform finds out about a model. Azure has no such verbs."""

from pathlib import Path
from typing import Literal

from pratique.base.errors import NotFound
from pratique.cli.arguments import LABEL, NAME, NO_WAIT, VERSION
from pratique.cli.examination_text import conversion_text, profile_text, scan_text
from pratique.cli.files import fetch
from pratique.cli.place import Place
from pratique.cli.table import Document, Report, Table, flag
from pratique.cli.usage import UsageError
from pratique.cli.verbs.assets import version_of
from pratique.cli.waiting import failure_of, wait_until
from pratique.client.examinations import Examinations, is_ended

TABLE = Table("ml model")


@TABLE.verb(
    "convert",
    arguments=(
        NAME, VERSION, LABEL, NO_WAIT,
        flag("download_path", "--download-path", "-p", help="Folder for model.onnx and the report parity.json."),
    ),
    examples={
        "Convert a version and read the proof": "pratique ml model convert -n credit -v 1",
        "Take the files as well": "pratique ml model convert -n credit -l latest --download-path ./onnx",
    },
)  # fmt: skip
def convert(
    place: Place,
    *,
    name: str,
    version: str | None,
    label: str | None,
    no_wait: bool,
    download_path: str | None,
) -> Report:
    """Make ONNX of an MLflow model, with proof that it says the same.

    Pratique's own verb; `az` has none. Both models predict thousands of rows; one changed decision and the
    conversion is refused, which ends with exit code 1 and leaves the model as it is. Deployments with the tag
    `pratique.optimize: onnx` use what was proven. The report is kept with the version.
    """
    found = _asked(place, "conversions", name, version_of(version, label), {}, no_wait=no_wait)
    report = found.get("report") or {}
    if download_path is not None and report:
        fetch(place, str(report["files"]), Path(download_path))
    refused = bool(report) and not report["holds"]
    return Report(conversion_text(found), values=found, exit_code=int(refused))


@TABLE.verb(
    "profile",
    arguments=(
        NAME, VERSION, LABEL, NO_WAIT,
        flag("target_p99_ms", "--target-p99-ms", type=float, default=100.0,
             help="Milliseconds that 99 of 100 answers shall not exceed."),
        flag("target_rps", "--target-rps", type=float, help="Requests in a second that shall be borne."),
        flag("optimize", "--optimize", choices=["onnx"], help="Measure the model as ONNX."),
        flag("request_file", "--request-file", "-r", help="JSON to send; else the model's own input example."),
        flag("connections", "--max-connections", type=int, default=64, help="Most requests in flight."),
        flag("seconds", "--seconds", type=float, default=1.5, help="How long each step of load lasts."),
    ),
    examples={
        "How much does it bear": "pratique ml model profile -n credit -v 1 --target-p99-ms 50 --target-rps 2000",
        "And as ONNX": "pratique ml model profile -n credit -v 1 --optimize onnx",
    },
)  # fmt: skip
def profile(
    place: Place,
    *,
    name: str,
    version: str | None,
    label: str | None,
    no_wait: bool,
    target_p99_ms: float,
    target_rps: float | None,
    optimize: Literal["onnx"] | None,
    request_file: str | None,
    connections: int,
    seconds: float,
) -> Report:
    """Load a model more and more, and recommend a size and a number of instances.

    Pratique's own verb; az had one of this name for images. The load stays on this machine, in a process of
    its own, for some seconds a step; every number of processors is tried, and less and less memory. What else
    the machine does meanwhile makes the numbers worse. The result is kept with the version.
    """
    wished: Document = {
        "target_p99_ms": target_p99_ms, "target_rps": target_rps, "optimize": optimize,
        "request": _text_of(request_file), "connections": connections, "seconds": seconds,
    }  # fmt: skip
    found = _asked(place, "profiles", name, version_of(version, label), wished, no_wait=no_wait)
    return Report(profile_text(found), values=found)


@TABLE.verb(
    "scan",
    arguments=(NAME, VERSION, LABEL, NO_WAIT),
    examples={"What would it run": "pratique ml model scan -n credit -v 1"},
)
def scan(place: Place, *, name: str, version: str | None, label: str | None, no_wait: bool) -> Report:
    """Look for what the pickles of a model would run when it is loaded, without loading it.

    Pratique's own verb; `az` has none. The files are read in a sandbox without a network, also inside of
    archives and compressed files. Names that are known to run code, and names that nobody knows, are found; so is
    what cannot be read to its end. Ends with exit code 1 then. The report is kept with the version, and a
    workspace with the tag `pratique.pickles: scan` loads only models in which nothing is found.
    """
    found = _asked(place, "scans", name, version_of(version, label), {}, no_wait=no_wait)
    report = found.get("report") or {}
    return Report(scan_text(found), values=found, exit_code=int(report.get("verdict", "harmless") != "harmless"))


def _asked(
    place: Place,
    kind: Literal["conversions", "profiles", "scans"],
    name: str,
    version: str,
    settings: Document,
    *,
    no_wait: bool,
) -> Document:
    """The answer; with `no_wait`, the question. Raises `ComputeFailed` when nothing could be found out."""
    examinations = Examinations(place.connection, place.workspace)
    asked = examinations.ask(kind, name, version, settings)
    if no_wait:
        return asked
    found = wait_until(
        lambda seconds: _with_state(examinations.show(str(asked["id"]), wait=seconds)),
        settled=is_ended,
        state="state",
        name=name,
        resume=f"pratique ml model show --name {name} --version {version}",
    )
    if found["status"] == "Failed":
        raise failure_of(found, f"model {name} {version}")
    del found["state"]
    return found


def _with_state(document: Document) -> Document:
    """With what it is at, for the line of progress."""
    return {**document, "state": document.get("progress") or document["status"]}


def _text_of(file: str | None) -> str | None:
    if file is None:
        return None
    try:
        return Path(file).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--request-file: {file} is not JSON in UTF-8") from None
