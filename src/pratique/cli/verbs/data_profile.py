"""`ml data profile`: what is in a table. Azure has no such verb; this one is Pratique's own."""

import tempfile
from pathlib import Path
from typing import Any

from pratique.base.errors import NotFound
from pratique.cli.arguments import LABEL, VERSION
from pratique.cli.files import fetch
from pratique.cli.place import Place
from pratique.cli.profile_text import text_of
from pratique.cli.table import Report, Table, flag
from pratique.cli.usage import UsageError
from pratique.cli.verbs.assets import version_of
from pratique.client.assets import Assets
from pratique.signals.profile import profile as measured
from pratique.signals.profile import tables_of

TABLE = Table("ml data profile")


@TABLE.verb(
    "",
    arguments=(
        flag("name", "--name", "-n", help="Name of a data asset."), VERSION, LABEL,
        flag("path", "--path", "-p", help="A local file or folder instead; no platform is asked."),
    ),
    examples={
        "Measure a version": "pratique ml data profile -n credit -v 1",
        "Measure a file of this machine": "pratique ml data profile --path data/credit.csv",
        "How much is missing": "pratique ml data profile -n credit -l latest --query 'columns[].missing' -o tsv",
    },
)  # fmt: skip
def profile(place: Place, *, name: str | None, version: str | None, label: str | None, path: str | None) -> Report:
    """Measure a table: types, missing and distinct values, quantiles, histograms.

    Pratique's own verb; `az` has none. It reads CSV, TSV, JSON lines and Parquet, in memory that does not grow with
    the file. The numbers are kept with the version, and the next one who asks for the same files has them at once.
    """
    if bool(name) == bool(path):
        raise UsageError("give either --name or --path")
    if path and (version or label):
        raise UsageError("--version and --label go with --name")
    found = _of_files(Path(path)) if path else _of_version(place, str(name), version_of(version, label))
    return Report(text_of(found), values=found)


def _of_files(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}")
    return measured(tables_of(path))


def _of_version(place: Place, name: str, version: str) -> dict[str, Any]:
    assets = Assets(place.connection, place.workspace, "data")
    shown = assets.show(name, version)
    exact = str(shown["version"])
    if shown.get("profile"):
        return assets.profile(name, exact)
    with tempfile.TemporaryDirectory(prefix="pratique-data-") as folder:
        fetch(place, str(shown.get("manifest") or ""), Path(folder) / name)
        return assets.keep_profile(name, exact, _of_files(Path(folder) / name))
