"""What both readers made of a file, brought into one form and compared.

The values are compared as flat mappings from dotted keys to text, because the
SDK writes some numbers as text. Neither side counts keys without a value.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

from pratique.specs.grammar import Spec
from pratique.specs.reader import read_document
from pratique.specs.references import local_paths, replaced
from pratique.specs.verdicts import Verdict

TABLE: Final = Path(__file__).with_name("differences.toml")

REFUSED_HERE: Final = "refused here"
ACCEPTED_HERE: Final = "accepted here"
OTHER_VALUE: Final = "other value"


@dataclass(frozen=True)
class Difference:
    """One row of the table: where we differ on purpose, and why."""

    kinds: tuple[str, ...]
    keys: tuple[str, ...]
    """Dotted keys, with ``*`` for any names."""
    how: str
    """`REFUSED_HERE`, `ACCEPTED_HERE` or `OTHER_VALUE`."""
    why: str
    says: str = ""
    """Of what is refused here: a part of our message."""
    values: tuple[str, ...] = ()
    """Of what is accepted here: what the value looks like as text."""

    def covers(self, kind: str, key: str, said: str = "") -> bool:
        """Whether this row speaks of `key` in files of `kind`, and of what is said there."""
        return (
            any(fnmatchcase(kind, pattern) for pattern in self.kinds)
            and any(fnmatchcase(key, pattern) for pattern in self.keys)
            and self.says in said
        )


@dataclass(frozen=True)
class Mismatch:
    """One thing that the two readers see differently."""

    kind: str
    how: str
    places: tuple[tuple[str, str], ...]
    """Keys, each with what is said or written there."""
    theirs: str = ""

    def rows(self, table: Sequence[Difference]) -> list[Difference]:
        """The rows which explain it; empty when it is not explained in full."""
        rows = [row for row in table if row.how == self.how]
        if self.how == ACCEPTED_HERE:
            return [row for row in rows if any(_holds(row, self.kind, *place) for place in self.places)]
        found = [next((row for row in rows if row.covers(self.kind, *place)), None) for place in self.places]
        return [row for row in found if row is not None] if all(found) else []


def _holds(row: Difference, kind: str, key: str, value: str) -> bool:
    return row.covers(kind, key) and (not row.values or any(fnmatchcase(value, shape) for shape in row.values))


def differences() -> list[Difference]:
    """The table of differences on purpose."""
    with TABLE.open("rb") as file:
        rows = tomllib.load(file)["difference"]
    return [
        Difference(
            tuple(row["kinds"]), tuple(row["keys"]), row["how"], row["why"], row.get("says", ""),
            tuple(row.get("values", ())),
        )
        for row in rows
    ]  # fmt: skip


def compare(
    kind: str, document: Mapping[str, Any], ours: Verdict, theirs: Mapping[str, Any], folder: Path
) -> Mismatch | None:
    """What differs between the two verdicts, or between the values of a file that both accept."""
    said = str(theirs.get("refused", ""))
    if ours.is_valid and "refused" in theirs:
        empty = [(key, "{}") for key, value in document.items() if value == {}]
        return Mismatch(kind, ACCEPTED_HERE, (*flat(document), *empty), said)
    if not ours.is_valid and "value" in theirs:
        return Mismatch(kind, REFUSED_HERE, tuple((problem.key, problem.message) for problem in ours.problems))
    if not ours.is_valid or ours.spec is None:
        return None
    values = _with_conda_files(ours.spec).to_document()
    mine = dict(flat(values))
    other = dict(flat(as_written(theirs["value"], values, folder)))
    other.pop("$schema", None)
    keys = [key for key in {**mine, **other} if mine.get(key) != other.get(key)]
    places = tuple((key, f"{mine.get(key)} / {other.get(key)}") for key in keys)
    return Mismatch(kind, OTHER_VALUE, places) if places else None


def flat(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its dotted key, as text; what is empty is left out."""
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from flat(inner, f"{key}.{name}".removeprefix("."))
        case list():
            for index, inner in enumerate(value):
                yield from flat(inner, f"{key}[{index}]")
        case None:
            return
        case bool():
            yield key, str(value).lower()
        case int() | float():
            yield key, f"{value:g}"
        case _:
            yield key, _as_number(str(value))


def _as_number(text: str) -> str:
    try:
        return f"{float(text):g}"
    except ValueError:
        return text.lower() if text in ("True", "False") else text


def _with_conda_files(spec: Spec) -> Spec:
    """`spec` with conda files read, as the client does before it sends a spec and as the SDK does at once."""
    files = {use.key: read_document(use.path) for use in local_paths(spec) if use.purpose == "environment"}
    return replaced(spec, files) if files else spec


_OF_A_STEP: Final = frozenset({"name", "version", "type", "inputs", "outputs", "is_deterministic", "$schema"})
"""What the SDK makes up when it wraps a step's own command into a component."""


def as_written(theirs: Any, ours: Any, folder: Path) -> Any:
    """The SDK's values where only the spelling differs from ours.

    It makes paths absolute, gives local paths and URLs the prefix of an asset,
    writes some objects as Python shows them, unwraps values, wraps bindings,
    and wraps a step's own command into a component.
    """
    if isinstance(theirs, str):
        return _text_as_written(theirs, ours, folder)
    if isinstance(ours, Mapping) and set(ours) == {"value"} and not isinstance(theirs, Mapping):
        return {"value": theirs}
    if isinstance(theirs, Mapping):
        if isinstance(ours, str) and set(theirs) == {"path"}:
            return theirs["path"]
        known = ours if isinstance(ours, Mapping) else {}
        unwrapped = _unwrapped(theirs, known)
        return {name: as_written(inner, known.get(name), folder) for name, inner in unwrapped.items()}
    if isinstance(theirs, list):
        pairs = enumerate(theirs)
        known_items = ours if isinstance(ours, list) else []
        return [as_written(inner, dict(enumerate(known_items)).get(index), folder) for index, inner in pairs]
    return theirs


def _unwrapped(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Mapping[str, Any]:
    component = theirs.get("component")
    if not isinstance(component, Mapping):
        return theirs
    own = ours.get("component")
    if not isinstance(own, Mapping):
        lifted = {name: inner for name, inner in component.items() if name not in _OF_A_STEP}
        return {**lifted, **{name: inner for name, inner in theirs.items() if name != "component"}}
    if component.get("name") == "azureml_anonymous":
        kept = {name: own[name] for name in ("name", "version") if name in own}
        rest = {name: inner for name, inner in component.items() if name not in ("name", "version")}
        return {**theirs, "component": {**rest, **kept}}
    return theirs


def _text_as_written(theirs: str, ours: Any, folder: Path) -> Any:
    text = theirs.replace(f"{folder}/", "").replace(str(folder), ".")
    plain = text.removeprefix("azureml:")
    if isinstance(ours, str) and plain == ours.removeprefix("./").rstrip("/"):
        return ours
    if isinstance(ours, str) and theirs.endswith(f".{ours}"):  # TimeZone.UTC
        return ours
    return ours if not isinstance(ours, str) and ours is not None and theirs == str(ours) else text
