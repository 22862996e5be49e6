"""``scoring-contract.md``: which requests Azure's inference server and ours were asked, and where they differ.

The rows are those that the test asks both servers with, so that none can be forgotten.
"""

import runpy
from pathlib import Path
from typing import Any, Final

from generator.markdown import code, document, table

_BODIES: Final = (
    ("`application/json`, and whatever is not named below", "models without a script; a script gets it as it is"),
    ("`text/csv`, with a line of names", "models of scikit-learn's kind with plain columns, converted ones"),
    ("`application/vnd.apache.arrow.stream`, `….file`", "models without a script, see below"),
    ("tensors of the Open Inference Protocol, JSON or binary", "models without a script, at `/v2/models/…/infer`"),
)
_ARROW: Final = (
    "Arrow is read by the model server itself, so the environment needs no pyarrow. "
    "Columns of booleans, whole numbers of 8 to 64 bits, fractions of 16 to 64 bits, text, and dictionaries of them "
    "become what the same rows are in JSON; a null is a missing value. "
    "The answer is JSON.\n\n"
    "| body | answer |\n|---|---|\n"
    "| not Arrow, cut off, or lengths that are not those of its bytes | 400 and why |\n"
    "| compressed; dates, times, lists, structs and other types; big-endian | 415 and which column |\n"
    "| many more values than bytes, or a schema of more than 1 MiB | 413 |\n\n"
    "Nothing is ever unpickled: no content type leads to a format that can run code."
)

CASES: Final = Path(__file__).parents[2] / "tests" / "integration" / "serving" / "contract.py"


def page() -> str:
    """The page."""
    scripts = runpy.run_path(str(CASES))["SCRIPTS"]
    asks = [(script, ask) for script in scripts for ask in script.asks]
    differing = [(script, ask) for script, ask in asks if ask.differs]
    return document(
        "The scoring contract",
        f"A test asks `azureml-inference-server-http` and Pratique's model server the same {len(asks)} requests about "
        f"the same {len(scripts)} scoring scripts, both in one environment, and compares status, body and the headers "
        "that callers read: the content type, `x-ms-run-function-failed`, the identifiers, `Allow`, and those of the "
        "script.",
        f"## On purpose another answer: {len(differing)}",
        table(("script", "request", "here"), [(script.name, ask.name, ask.differs) for script, ask in differing]),
        f"## The same answer: {len(asks) - len(differing)}",
        table(("script", "request", "method and address"), [_row(*one) for one in asks if not one[1].differs]),
        "## Bodies",
        table(("content type", "read for"), _BODIES),
        _ARROW,
    )


def _row(script: Any, ask: Any) -> tuple[str, str, str]:
    target = ask.target if len(ask.target) < 50 else f"{ask.target[:50]}…"
    return script.name, ask.name, code(f"{ask.method} {target}")
