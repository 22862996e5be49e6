"""``scoring-contract.md``: which requests Azure's inference server and ours were asked, and where they differ.

The rows are those that the test asks both servers with, so that none can be forgotten.
"""

import runpy
from pathlib import Path
from typing import Any, Final

from generator.markdown import code, document, table

_BODIES: Final = (
    ("`application/json`, and whatever is not named below", "models without a script; a script gets it as it is"),
    ("`text/csv`, with a line of names", "models without a script, but for plain ONNX files"),
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
README: Final = Path(__file__).parents[2] / "serving" / "README.md"
MLFLOW_CASES: Final = CASES.with_name("mlflow_contract.py")


def page() -> str:
    """The page."""
    scripts = runpy.run_path(str(CASES))["SCRIPTS"]
    asks = [(script, ask) for script in scripts for ask in script.asks]
    differing = [(script, ask) for script, ask in asks if ask.differs]
    return document(
        "The scoring contract",
        f"A test asks `azureml-inference-server-http` and Pratique's model server the same {len(asks)} requests about "
        f"the same {len(scripts)} scoring scripts, both in one environment, and compares status, body and the headers "
        "that callers read: the content type, `x-ms-run-function-failed`, the identifiers, `Allow`, "
        "those for browsers, and those of the script. "
        "What cannot be seen in one of these answers is in the second table.",
        f"## On purpose another answer: {len(differing)}",
        table(("script", "request", "here"), [(script.name, ask.name, ask.differs) for script, ask in differing]),
        "## Other differences on purpose",
        _beside(),
        f"## The same answer: {len(asks) - len(differing)}",
        table(("script", "request", "method and address"), [_row(*one) for one in asks if not one[1].differs]),
        *_of_mlflow(),
        "## Bodies",
        table(("content type", "read for"), _BODIES),
        _ARROW,
    )


def _beside() -> str:
    """The table that the README of the model server has."""
    return README.read_text(encoding="utf-8").partition("Beside them:\n\n")[2].partition("\n\n")[0]


def _of_mlflow() -> list[str]:
    """What MLflow's own server was asked, and where the answer is another one here: a row for each reason."""
    models = runpy.run_path(str(MLFLOW_CASES))["MODELS"]
    reasons: dict[str, dict[str, list[str]]] = {}
    for model in models:
        for ask in model.asks:
            if ask.differs:
                reasons.setdefault(ask.differs, {}).setdefault(model.name, []).append(ask.name)
    asked = sum(len(model.asks) for model in models)
    unlike = sum(len(names) for found in reasons.values() for names in found.values())
    rows = [(reason, "; ".join(map(_named, found, found.values()))) for reason, found in reasons.items()]
    counts = [(model.name, model.what, str(sum(not ask.differs for ask in model.asks))) for model in models]
    return [
        "## Models without a script, beside MLflow's own server",
        f"Another test asks `mlflow models serve` and the model server the same {asked} requests about the same "
        f"{len(models)} models, at `/invocations`, and compares the status and the predictions; each says in its own "
        "words what is wrong. Most models answer with what they were given, so that the types that reach them are "
        "compared.",
        f"### On purpose another answer than MLflow's: {unlike}",
        table(("here", "models and requests"), rows),
        f"### The same answer as MLflow's: {asked - unlike}",
        table(("model", "what it is", "requests"), counts),
    ]


def _named(model: str, asks: list[str]) -> str:
    shown = ", ".join(asks[:6])
    return f"{code(model)}: {shown}" + (f" and {len(asks) - 6} more" if len(asks) > 6 else "")


def _row(script: Any, ask: Any) -> tuple[str, str, str]:
    target = ask.target if len(ask.target) < 50 else f"{ask.target[:50]}…"
    return script.name, ask.name, code(f"{ask.method} {target}")
