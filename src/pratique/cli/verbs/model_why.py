"""`ml model why`."""

from pratique.cli.arguments import OPTIONAL_NAME, VERSION
from pratique.cli.lineage_text import told
from pratique.cli.place import Place
from pratique.cli.table import Report, Table, flag
from pratique.cli.usage import UsageError
from pratique.client.lineage import Lineage

TABLE = Table("ml model")


@TABLE.verb(
    "why",
    arguments=(
        flag("model", "model", nargs="?", help="NAME:VERSION, instead of --name and --version."),
        OPTIONAL_NAME.saying("Name."),
        VERSION,
    ),
    examples={
        "Why a model is what it is": "pratique ml model why credit:3",
        "The graph behind it": "pratique ml model why --name credit --version 3 -o json",
    },
)
def why(place: Place, *, model: str | None, name: str | None, version: str | None) -> Report:
    """Tell what a version of a model comes from: job, data, code, commit, environment, run, approvals, signatures.

    Each sentence is followed by what it was read from. With -o json the answer has the graph: nodes and edges.
    """
    wanted = _named(model, name, version)
    return told(Lineage(place.connection, place.workspace).of_model(*wanted))


def _named(model: str | None, name: str | None, version: str | None) -> tuple[str, str]:
    if model and not name and not version:
        name, _, version = model.rpartition(":")
    elif model:
        raise UsageError(f"{model} and --name or --version", hint="write either NAME:VERSION, or both flags")
    if not name or not version:
        raise UsageError("name a version", hint="pratique ml model why NAME:VERSION")
    return name, version
