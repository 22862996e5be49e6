"""What the tasks of a job without an agent ask for: to wait, to ask somebody, to call an API.

    Delay@1              a time
    ManualValidation     a question; no answer in time is what onTimeout says
    InvokeRESTAPI@1      one call; a code of 2xx, and what successCriteria says of `root`, the JSON of its answer

Whoever runs them has the clock, the people and the network; here is what is
wanted, and what an answer means. Sources: the tasks' reference.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, TypeAlias

from pratique.delivery.expressions.errors import ExpressionError
from pratique.delivery.expressions.evaluation import Context, evaluate
from pratique.delivery.expressions.functions import BASIC
from pratique.delivery.expressions.values import Array, Record, Value, to_boolean
from pratique.delivery.inputs import Inputs
from pratique.delivery.message import Connection
from pratique.delivery.pipeline import Step
from pratique.delivery.run.outcomes import Result
from pratique.delivery.run.variables import RunVariables

LONGEST_DELAY: Final = 86_400
"""Minutes: sixty days."""
LONGEST_QUESTION: Final = 30 * 24 * 60
"""Minutes after which a question has had its time, whatever was written."""
REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing, so that a call of which nobody knows whether it arrived is made again."""
ROOT: Final = "root"
"""What successCriteria calls the answer."""
_SHOWN: Final = 10_000
"""Characters of an answer that the log shows."""
_DEEPEST: Final = 100
_NOT_OURS: Final = frozenset({"connection", "content-length", "host", "transfer-encoding"})
"""Headers that belong to whoever makes the call."""


@dataclass(frozen=True)
class Delay:
    """Wait so long."""

    minutes: int


@dataclass(frozen=True)
class Question:
    """Ask somebody whether it goes on."""

    approvers: tuple[str, ...]
    """Names as written; none: whoever may run the pipeline."""
    allows_self: bool
    instructions: str
    resumes: bool
    """Whether it goes on when nobody has answered in time."""
    notified: tuple[str, ...]


@dataclass(frozen=True)
class Call:
    """Call an API."""

    method: str
    url: str
    """Its host, and port, are those of the connection."""
    headers: Mapping[str, str]
    body: str
    criteria: str


@dataclass(frozen=True)
class Ending:
    """How a step ended, and what its log says of it."""

    result: Result
    reason: str = ""
    lines: tuple[str, ...] = ()


Order: TypeAlias = Delay | Question | Call | Ending
"""What a step asks for; an `Ending` for one that asks for nothing that can be done."""


def order_of(step: Step, variables: RunVariables, connections: Sequence[Connection], *, door: str) -> Order:
    """What `step` asks for; `door` is the origin of the platform, which connections of principals speak to."""
    inputs = Inputs(step.task, step.inputs, variables.replaced)
    match step.task.partition("@")[0]:
        case "Delay":
            return _delay(inputs)
        case "ManualValidation":
            return _question(step.task, inputs)
        case _:
            return _call(inputs, connections, door)


def _failed(reason: str) -> Ending:
    return Ending(Result.FAILED, reason)


def _delay(inputs: Inputs) -> Order:
    text = inputs.text("delayForMinutes").strip()
    if not (text.isascii() and text.isdigit() and int(text[:8]) <= LONGEST_DELAY):
        return _failed(f"delayForMinutes: expected 0 to {LONGEST_DELAY}; got {text:.40}")
    return Delay(int(text))


def _question(task: str, inputs: Inputs) -> Order:
    has_approvers = task != "ManualValidation@0"
    when_late = inputs.word("onTimeout")
    if when_late not in ("reject", "resume"):
        return _failed(f"onTimeout: expected reject or resume; got {when_late:.40}")
    return Question(
        approvers=_names(inputs.text("approvers")) if has_approvers else (),
        allows_self=inputs.is_on("allowApproversToApproveTheirOwnRuns") if has_approvers else True,
        instructions=inputs.text("instructions").strip(),
        resumes=when_late == "resume",
        notified=_names(inputs.text("notifyUsers")),
    )


def _names(text: str) -> tuple[str, ...]:
    """Names that commas or lines keep apart."""
    return tuple(dict.fromkeys(part.strip() for line in text.splitlines() for part in line.split(",") if part.strip()))


def _call(inputs: Inputs, connections: Sequence[Connection], door: str) -> Order:
    is_platform = inputs.word("connectionType") == "connectedservicenamearm"
    name = inputs.text("azureServiceConnection" if is_platform else "serviceConnection").strip()
    connection = next((one for one in connections if one.name.lower() == name.lower()), None)
    if connection is None:
        return _failed(f"the run was given no service connection {name!r}")
    if is_platform and not connection.client_id:
        return _failed(f"{name} is a connection to a URL; connectionType: connectedServiceName calls it")
    if not is_platform and not connection.url:
        said = f"{name} is a connection of a service principal; connectionType: connectedServiceNameARM"
        return _failed(f"{said} calls the platform as it")
    try:
        headers = _headers(inputs.text("headers"))
    except ValueError as error:
        return _failed(f"headers: {error}")
    if is_platform:
        headers = {"Authorization": f"Bearer {connection.secret}"} | headers
    suffix = inputs.text("urlSuffix").strip()
    base = door if is_platform else connection.url
    return Call(
        method=inputs.text("method").strip().upper(),
        url=_joined(base, suffix),
        headers=headers,
        body=inputs.text("body"),
        criteria=inputs.text("successCriteria").strip(),
    )


def _joined(base: str, suffix: str) -> str:
    """`suffix` below `base`: it is a path or a query, and never more of the host."""
    if not suffix:
        return base
    return base.rstrip("/") + (suffix if suffix[0] in "/?" else f"/{suffix}")


def _headers(text: str) -> dict[str, str]:
    """The headers of a JSON object; raises `ValueError` for what are none."""
    if not text.strip():
        return {}
    try:
        given = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("expected a JSON object") from error
    if not isinstance(given, dict):
        raise ValueError("expected a JSON object")
    found = {}
    for name, value in given.items():
        said = value if isinstance(value, str) else json.dumps(value)
        if not name.isascii() or not name.replace("-", "").isalnum():
            raise ValueError(f"{name!r:.60} is no name of a header")
        if name.lower() in _NOT_OURS:
            raise ValueError(f"{name} is set by whoever makes the call")
        if not all(" " <= letter <= "~" or letter == "\t" for letter in said):
            raise ValueError(f"the value of {name} has letters that no header has")
        found[name] = said
    return found


def answered(call: Call, status: int, body: bytes) -> Ending:
    """What the answer to a call means for its step."""
    text = body.decode("utf-8", errors="replace")
    lines = (f"{call.method} {call.url}: {status}", *text[:_SHOWN].splitlines())
    if not 200 <= status < 300:
        return Ending(Result.FAILED, f"{call.url} answered {status}", lines)
    if not call.criteria:
        return Ending(Result.SUCCEEDED, "", lines)
    try:
        root = _value(json.loads(text, parse_float=Decimal, parse_int=Decimal), 0)
    except (ValueError, RecursionError):
        return Ending(Result.FAILED, f"{call.url} answered no JSON, so successCriteria cannot be judged", lines)
    try:
        holds = to_boolean(evaluate(call.criteria, Context({ROOT: root}, BASIC)))
    except ExpressionError as error:
        return Ending(Result.FAILED, f"successCriteria {call.criteria}: {error.message}", lines)
    if not holds:
        return Ending(Result.FAILED, f"{call.url} answered {status}, and {call.criteria} is False", lines)
    return Ending(Result.SUCCEEDED, "", lines)


def _value(data: Any, depth: int) -> Value:
    """JSON as the expression language has it."""
    if depth > _DEEPEST:
        raise ValueError("it is nested too deeply")
    match data:
        case dict():
            return Record((name, _value(inner, depth + 1)) for name, inner in data.items())
        case list():
            return Array(tuple(_value(inner, depth + 1) for inner in data))
        case bool() | None | Decimal() | str():
            return data
        case _:
            raise ValueError("it is no JSON")
