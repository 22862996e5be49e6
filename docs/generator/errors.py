"""``errors.md``: every kind of error, and what it means on each side."""

from collections.abc import Iterator
from typing import Final

from generator.markdown import code, document, table
from pratique.base.errors import PratiqueError
from pratique.cli.usage import UsageError

_INTRODUCTION: Final = """One tree of errors serves the command line and the API.
The command line prints `error: MESSAGE`, each problem on its own line with file, line and key, then `hint: WHAT TO DO`.
The API answers the same as JSON:

```json
{"error": {"code": "NotFound", "message": "…", "hint": "…", "problems": [], "log_tail": []}}
```

`problems` has one entry for each thing that is wrong in what was sent: `message`, `key`, `file`, `line`, `hint`.
`log_tail` has the last lines that a process of the user's printed, where that process is what failed."""

_EXIT_CODES: Final = (
    ("0", "done"),
    ("1", "it failed, or was refused"),
    ("2", "the command line itself is wrong: an unknown verb, a missing or misspelt flag"),
    ("3", "there is no such thing"),
    ("130", "Ctrl-C; what the platform was asked for goes on"),
)

_SCORING: Final = """Callers of an endpoint do not see this tree but the statuses of Azure's front end: \
see [Endpoints](../concepts/endpoints.md)."""


def kinds(root: type[PratiqueError] = PratiqueError, depth: int = 0) -> Iterator[tuple[type[PratiqueError], int]]:
    """Every kind of error, parents first, with its depth below the root."""
    for kind in root.__subclasses__():
        if kind is not UsageError:
            yield kind, depth
            yield from kinds(kind, depth + 1)


def page() -> str:
    """The page."""
    rows = [
        (
            f"{'&emsp;' * depth}{code(kind.__name__)}",
            str(kind.status),
            str(kind.exit_code),
            (kind.__doc__ or "").splitlines()[0].replace("`", ""),
        )
        for kind, depth in kinds()
    ]
    rows.append(
        (
            "`UsageError`",
            "–",
            str(UsageError.exit_code),
            "The command line is wrong; nothing was asked of the platform.",
        )
    )
    return document(
        "Errors",
        _INTRODUCTION,
        table(("code", "HTTP status", "exit code", "meaning"), rows),
        "An indented code is a special case of the one above it.",
        "## Exit codes",
        table(("exit code", "meaning"), _EXIT_CODES),
        "## Scoring",
        _SCORING,
    )
