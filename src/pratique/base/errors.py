"""Everything that can go wrong, as one tree.

    PratiqueError
    ├── InvalidInput          400  what the user wrote cannot be accepted; carries every problem at once
    │   └── NotYet            400  understood, but this version does not run it
    ├── Unauthenticated       401  nobody we know
    ├── Forbidden             403  somebody we know, who may not
    ├── NotFound              404
    ├── Conflict              409  the state of things forbids it
    │   └── AlreadyExists     409
    ├── TooLarge              413
    ├── TooManyCalls          429  one principal asks more often than anybody may
    ├── ComputeFailed         422  the user's own code, environment or model failed
    ├── InternalError         500  our mistake
    ├── Unavailable           503  a part of the platform is not up (yet)
    └── StorageFailed         507  disk full, read-only home

Each class has a stable `code` (its name), an HTTP `status`, a `message` for
people, and a `hint` that says what to do, as a command where one helps. The
tree crosses the API as JSON (`to_document`) and comes back as the same class
(`from_document`), so that the CLI and the server raise the same errors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Problem:
    """One thing wrong in what a user wrote, with the place where they can mend it."""

    message: str
    key: str = ""
    """Dotted path of the key inside the file, such as ``inputs.lr.type``; empty for the whole file."""
    file: str = ""
    line: int = 0
    """1-based; 0 when no line is known."""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        where = " ".join(part for part in (place, self.key) if part)
        said = f"{where}: {self.message}" if where else self.message
        return f"{said} ({self.hint})" if self.hint else said


class PratiqueError(Exception):
    """The root: anything that Pratique itself reports."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(
        self, message: str, *, hint: str = "", problems: Sequence[Problem] = (), log_tail: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)
        self.log_tail = tuple(log_tail)
        """The last lines that the user's own process printed, oldest first, where a process is what failed."""

    @property
    def code(self) -> str:
        """The stable name of this kind of error, as the API and the docs print it."""
        return type(self).__name__

    def __str__(self) -> str:
        if len(self.problems) == 1 and self.problems[0].message == self.message:
            return str(self.problems[0])
        return "\n".join([self.message, *(f"  {problem}" for problem in self.problems)])

    def to_document(self) -> dict[str, Any]:
        """The error as the API sends it."""
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "hint": self.hint,
                "problems": [asdict(problem) for problem in self.problems],
                "log_tail": list(self.log_tail),
            }
        }


class InvalidInput(PratiqueError):
    """What the user wrote cannot be accepted; `problems` names each place."""

    status = 400

    @classmethod
    def of(cls, problems: Sequence[Problem], *, what: str = "") -> "InvalidInput":
        """One error for all `problems`; `what` names the thing that was read, such as a file."""
        if len(problems) == 1 and not what:
            return cls(problems[0].message, problems=problems)
        count = f"{len(problems)} problems" if len(problems) != 1 else "1 problem"
        return cls(f"{what}: {count}" if what else count, problems=problems)


class NotYet(InvalidInput):
    """Understood, but this version does not run it."""


class Unauthenticated(PratiqueError):
    """The caller is nobody we know."""

    status = 401


class Forbidden(PratiqueError):
    """The caller is known, and may not do this."""

    status = 403


class PromotionRefused(Forbidden):
    """Something came into a workspace of approved things that was not approved; its run's approvals are void."""

    def __init__(self, message: str, *, run: int | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.run = run
        """The run that tried, known where it is refused; None when it was nobody's."""


class NotFound(PratiqueError):
    """There is no such thing."""

    status = 404
    exit_code = 3


class Conflict(PratiqueError):
    """The state of things forbids it."""

    status = 409


class AlreadyExists(Conflict):
    """A thing of that name is there and cannot be replaced."""


class TooLarge(PratiqueError):
    """More bytes, entries or levels than we take."""

    status = 413


class TooManyCalls(PratiqueError):
    """One principal asks more often than anybody may; nothing was done."""

    status = 429


class ComputeFailed(PratiqueError):
    """The user's own code, environment or model failed."""

    status = 422


class InternalError(PratiqueError):
    """Our mistake."""


class Unavailable(PratiqueError):
    """A part of the platform is not up, or not up yet."""

    status = 503


class StorageFailed(PratiqueError):
    """The disk is full or the home is read-only."""

    status = 507


def _classes(root: type[PratiqueError]) -> dict[str, type[PratiqueError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found |= _classes(child)
    return found


def from_document(document: Mapping[str, Any], *, status: int) -> PratiqueError:
    """The error that `to_document` wrote, as its own class; `status` decides when the code is unknown."""
    body = document.get("error")
    if not isinstance(body, Mapping):
        return _by_status(status)(f"the server answered {status}: {document}")
    kind = _classes(PratiqueError).get(str(body.get("code")), _by_status(status))
    problems = [Problem(**problem) for problem in body.get("problems", ())]
    log_tail = [str(line) for line in body.get("log_tail", ())]
    return kind(str(body.get("message", "")), hint=str(body.get("hint", "")), problems=problems, log_tail=log_tail)


def _by_status(status: int) -> type[PratiqueError]:
    kinds: tuple[type[PratiqueError], ...] = (
        InvalidInput, Unauthenticated, Forbidden, NotFound, Conflict, TooLarge, Unavailable,
    )  # fmt: skip
    return next((kind for kind in kinds if kind.status == status), InternalError)
