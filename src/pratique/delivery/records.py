"""What a worker reports: one record for each change of a step or of the job itself, as plain data.

A record says everything about its step so far, so the last one that arrived
counts. Its `sequence` grows by one with each record of a unit: whoever takes
records takes each once, and a worker sends one again until it was taken.
Everything in it is masked already, but for the values of secret outputs.

    step -1      the job itself; its record with state completed is the last of a unit
    step 0, 1 …  the steps as the worker runs them: those of the message, and those that it adds,
                 such as the checkout that nobody wrote
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeAlias

from pratique.base.errors import InvalidInput
from pratique.delivery.run.outcomes import Result

Document: TypeAlias = dict[str, Any]
"""A JSON object; the fields are those of the classes here."""

JOB: Final = -1
"""The number of the job itself among the steps."""


class StepState(StrEnum):
    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"


@dataclass(frozen=True)
class Issue:
    """An error or a warning, where a step or the worker said one."""

    type: str
    """error or warning."""
    message: str
    code: str = ""
    source: str = ""
    """The file that it is about, as the step named it."""
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Output:
    """The value of an output variable."""

    value: str
    is_secret: bool = False


@dataclass(frozen=True)
class Suite:
    """What published test results came to."""

    title: str
    total: int
    passed: int
    failed: int
    skipped: int
    seconds: float = 0.0
    failures: tuple[str, ...] = ()
    """The names of the first of those that failed."""


@dataclass(frozen=True)
class Coverage:
    """What published code coverage came to."""

    lines_covered: int
    lines_valid: int
    branches_covered: int = 0
    branches_valid: int = 0


@dataclass(frozen=True)
class Attachment:
    """A file that a step put beside its log, by the digest of its manifest among those of the run."""

    name: str
    manifest: str


@dataclass(frozen=True)
class Record:
    """A step, or the job, as it stands."""

    sequence: int
    step: int
    name: str
    """For people: the display name."""
    state: StepState
    reference: str = ""
    """The name by which its outputs are known; empty: it has none."""
    task: str = ""
    """The task, or checkout, download, publish."""
    result: Result | None = None
    reason: str = ""
    """Why it was skipped, or how it failed."""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int = 1
    """Of a step with retries: which try this is."""
    percent: int = 0
    operation: str = ""
    """What it is doing, as the step says."""
    issues: tuple[Issue, ...] = ()
    outputs: Mapping[str, Output] = field(default_factory=dict)
    """By STEP.VARIABLE, as `UnitState.outputs` wants them."""
    tags: tuple[str, ...] = ()
    """That the step gave to the run."""
    build_number: str = ""
    """The number that the step gave to the run; empty: none."""
    summaries: tuple[str, ...] = ()
    """Markdown."""
    tests: tuple[Suite, ...] = ()
    coverage: Coverage | None = None
    attachments: tuple[Attachment, ...] = ()

    def to_document(self) -> Document:
        """The record as JSON."""
        document = asdict(self)
        for name in ("started_at", "finished_at"):
            document[name] = document[name].isoformat() if document[name] else None
        for name in ("issues", "tags", "summaries", "tests", "attachments"):
            document[name] = list(document[name])
        for one in document["tests"]:
            one["failures"] = list(one["failures"])
        return document

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "Record":
        """The record that `to_document` gave; raises `InvalidInput` for anything else."""
        try:
            return _record(document)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InvalidInput(f"this is no record: {type(error).__name__}") from None


def _record(document: Mapping[str, Any]) -> Record:
    result, coverage = document["result"], document["coverage"]
    return Record(
        **{
            **document,
            "state": StepState(document["state"]),
            "result": None if result is None else Result(result),
            "started_at": _time(document["started_at"]),
            "finished_at": _time(document["finished_at"]),
            "issues": tuple(Issue(**one) for one in document["issues"]),
            "outputs": {name: Output(**one) for name, one in document["outputs"].items()},
            "tags": tuple(document["tags"]),
            "summaries": tuple(document["summaries"]),
            "tests": tuple(Suite(**{**one, "failures": tuple(one["failures"])}) for one in document["tests"]),
            "coverage": None if coverage is None else Coverage(**coverage),
            "attachments": tuple(Attachment(**one) for one in document["attachments"]),
        }
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
