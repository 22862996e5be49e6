"""The profile of a table: for each column its type, what is missing, how values are spread.

    files ──► columns and types ──► counts, extremes, moments, quantiles ──► histograms
                                    one pass over the files                  another

DuckDB reads the files as a stream, so memory does not grow with them. The
price is that three numbers are estimates: how many values are distinct
(HyperLogLog, within some per cent), quantiles (t-digest, exact at the ends)
and the most frequent texts (a sketch that may miss one close to the rest).
Everything else is exact. `docs/decisions/0009-data-profiles.md` has the
measurements.

Moments, quantiles and histograms are those of the finite values; NaN and
infinite ones are counted apart, and missing ones are neither.
"""

import csv
import gzip
import math
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb

from pratique.base.errors import InvalidInput

Document = dict[str, Any]
T = TypeVar("T")

FORM: Final = 1
"""Raised when a key of the document means something else."""

QUANTILES: Final = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS: Final = 20
MEMORY: Final = "512MB"
"""What DuckDB may hold at once; the process itself comes on top."""

_FORMATS: Final = {
    ".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".parquet": "parquet",
    ".pq": "parquet",
}  # fmt: skip
_LINE: Final = 4 << 20  # Bytes of one row: more is no row of a table, and several of them are buffered.
MAX_COLUMNS: Final = 1000
"""Wider files are refused before they are read: DuckDB keeps some buffers for every column beside its limit."""
_AT_ONCE: Final = 250  # Columns asked for in one statement: its plan takes memory for each of them.
_BINNED_AT_ONCE: Final = 50  # The same where each is asked for twenty numbers.
_TOP: Final = 5
_SHOWN: Final = 80
_INTEGERS: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"}
)
_TIMES: Final = {"DATE": "date", "TIME": "time"}


def profile(files: Sequence[Path]) -> Document:
    """The profile of the table that `files` hold together, all of one format and with the same columns.

    Raises `InvalidInput` for what is no table: another format, an empty file,
    rows of different lengths, text that is not UTF-8.
    """
    table = _Table(files, _format_of(files))
    with _opened() as connection:
        columns = table.describe(connection)
        read = _profiles(connection, table, columns)
    return {
        "form": FORM,
        "format": table.format,
        "header": table.has_header,
        "files": len(files),
        "bytes": sum(file.stat().st_size for file in files),
        "rows": read[0]["rows"] if read else 0,
        "columns": [{key: value for key, value in column.items() if key != "rows"} for column in read],
    }


def tables_of(root: Path) -> list[Path]:
    """The files of a table at or below `root`; raises `InvalidInput` when there are none, or of several formats."""
    if root.is_file():
        return [root]
    found = sorted(path for path in root.rglob("*") if path.is_file() and _suffix(path) in _FORMATS)
    if not found:
        raise InvalidInput(f"{root} has no table in it", hint=f"known: {', '.join(_FORMATS)}, and .gz of text")
    return found


def _format_of(files: Sequence[Path]) -> str:
    found = {_FORMATS.get(_suffix(file), "") for file in files}
    if unknown := [file for file in files if _suffix(file) not in _FORMATS]:
        raise InvalidInput(
            f"{unknown[0].name} is no table by its name", hint=f"known: {', '.join(_FORMATS)}, and .gz of text"
        )
    if len(found) > 1:
        raise InvalidInput(f"there are tables of several formats: {', '.join(sorted(found))}")
    for file in files:
        if file.stat().st_size == 0:
            raise InvalidInput(f"{file.name} is empty")
    return found.pop()


def _suffix(file: Path) -> str:
    return Path(file.stem).suffix.lower() if file.suffix.lower() == ".gz" else file.suffix.lower()


@contextmanager
def _opened() -> Iterator[duckdb.DuckDBPyConnection]:
    with tempfile.TemporaryDirectory(prefix="pratique-profile-") as spill:
        settings: dict[str, Any] = {
            "memory_limit": MEMORY,
            "temp_directory": spill,
            "threads": 2,
            "preserve_insertion_order": False,
            # What it lacks it would fetch from the network.
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        connection = duckdb.connect(":memory:", config=settings)
        try:
            yield connection
        finally:
            connection.close()


class _Table:
    """How the files are read: what a column is, all of its values decide, not the first ones."""

    def __init__(self, files: Sequence[Path], format_: str) -> None:
        self.format = format_
        self.has_header = True
        self._files = [str(file) for file in files]
        self._names = {str(file): file.name for file in files}
        self._columns: list[tuple[str, str]] = []
        self._delimiter = ""

    def describe(self, connection: duckdb.DuckDBPyConnection) -> list[tuple[str, str]]:
        """(name, DuckDB's type) of each column."""
        if self.format in ("csv", "tsv"):
            self._sniff(connection)
        rows = self.ask(connection, f"DESCRIBE SELECT * FROM {self.source}")  # noqa: S608
        self._columns = [(str(row[0]), str(row[1])) for row in rows]
        self._check_width(len(rows))
        return self._columns

    def _check_width(self, columns: int) -> None:
        if columns > MAX_COLUMNS:
            first = next(iter(self._names.values()))
            said = f"{first} has {columns:,} columns, and a profile is of at most {MAX_COLUMNS:,}"
            raise InvalidInput(said, hint="profile some of them: write those to a file of their own")

    def _sniff(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Find delimiter and header; rows of different lengths are found here, with their line."""
        first, second = self._first_rows()
        self._delimiter = "\t" if self.format == "tsv" else _delimiter(first, second)
        self._check_width(_unquoted(first).count(self._delimiter) + 1)
        said = f"sniff_csv({_text(self._files[0])}, {', '.join(self._dialect())})"
        try:
            found = self.ask(connection, f"SELECT HasHeader FROM {said}")  # noqa: S608
        except InvalidInput:
            # As text every row fits, unless it has another length; then the error names its line.
            names = next(csv.reader([first], delimiter=self._delimiter))
            self._columns = [(f"c{number}", "VARCHAR") for number in range(len(names))]
            self.ask(connection, f"SELECT count(*) FROM {self.source}")  # noqa: S608
            raise
        self.has_header = bool(found[0][0])

    def _first_rows(self) -> tuple[str, str]:
        file = Path(self._files[0])
        open_ = gzip.open if file.suffix.lower() == ".gz" else open
        try:
            with open_(file, "rb") as stream:
                first, second = stream.readline(_LINE), stream.readline(_LINE)
            return first.decode("utf-8-sig").rstrip("\r\n"), second.decode("utf-8", "replace")
        except UnicodeDecodeError as error:
            raise self._not_text(f"{file.name}:1") from error
        except OSError as error:
            raise InvalidInput(f"{file.name} cannot be read: {error}") from error

    def _dialect(self) -> list[str]:
        header = "true" if self.has_header else "false"
        delimiter = "'\\t'" if self._delimiter == "\t" else f"'{self._delimiter}'"
        said = [f"delim = {delimiter}", "quote = '\"'", "escape = '\"'", "skip = 0", "strict_mode = true"]
        said += ["null_padding = false", f"max_line_size = {_LINE}", f"buffer_size = {2 * _LINE}"]
        return said if not self._columns else [*said, f"header = {header}"]

    @property
    def source(self) -> str:
        """The table function, its paths and names quoted: nothing that a file says becomes a statement."""
        paths = f"[{', '.join(_text(path) for path in self._files)}]"
        if self.format == "parquet":
            return f"read_parquet({paths})"
        if self.format in ("json", "jsonl"):
            form = "newline_delimited" if self.format == "jsonl" else "auto"
            return f"read_json({paths}, format = '{form}', maximum_object_size = {_LINE}, sample_size = -1)"
        if not self._columns:
            header = f"header = {'true' if self.has_header else 'false'}"
            return f"read_csv({paths}, {', '.join([*self._dialect(), header, 'sample_size = -1'])})"
        pairs = ", ".join(f"{_text(name)}: '{type_}'" for name, type_ in self._columns)
        return f"read_csv({paths}, {', '.join(self._dialect())}, auto_detect = false, columns = {{{pairs}}})"

    def ask(
        self, connection: duckdb.DuckDBPyConnection, statement: str, values: Sequence[Any] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of `statement`; what is wrong with the files is raised as `InvalidInput`."""
        try:
            return connection.execute(statement, list(values)).fetchall()
        except duckdb.OutOfRangeException:
            raise
        except duckdb.Error as error:
            raise self._said(error) from error

    def _said(self, error: duckdb.Error) -> InvalidInput:
        text = str(error)
        for path, name in self._names.items():
            text = text.replace(path, name)
        shown = " ".join(text.split("\n\n")[0].split("\n")[0].split())
        line = re.search(r"[Ll]ine:? ?(\d+)", text)
        where = f"{next(iter(self._names.values()))}:{line[1]}" if line else next(iter(self._names.values()))
        if re.search(r"invalid unicode|not utf-?8", text, re.IGNORECASE):
            return self._not_text(where)
        if columns := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
            return InvalidInput(f"{where}: expected {columns[1]} columns; got {columns[2]}")
        if "Maximum line size" in text or "maximum_object_size" in text:
            return InvalidInput(f"{where}: a row is longer than {_LINE >> 20} MB")
        return InvalidInput(f"{where} cannot be read as {self.format}: {shown[:300]}")

    def _not_text(self, where: str) -> InvalidInput:
        return InvalidInput(f"{where}: is not UTF-8 text", hint="convert it, such as: iconv -f latin1 -t utf-8")


def _profiles(connection: duckdb.DuckDBPyConnection, table: _Table, columns: list[tuple[str, str]]) -> list[Document]:
    """The profile of every column, some at a time."""
    asked = [_Column(name, type_) for name, type_ in columns]
    found = [one for part in _parts(asked, _AT_ONCE) for one in _spread(connection, table, part)]
    for part in _parts([*zip(asked, found, strict=True)], _BINNED_AT_ONCE):
        edges = [column.edges(document) for column, document in part]
        bins = [column.bins(ends) for (column, _), ends in zip(part, edges, strict=True)]
        for (_, document), ends, counts in zip(part, edges, _pass(connection, table, bins), strict=True):
            if ends:
                document["histogram"] = {"edges": ends, "counts": [int(count) for count in counts]}
    return found


def _spread(connection: duckdb.DuckDBPyConnection, table: _Table, part: Sequence["_Column"]) -> Iterator[Document]:
    """The first pass; without deviations where values are so large that their squares are no numbers."""
    try:
        values = _pass(connection, table, [column.spread("stddev_samp") for column in part])
    except duckdb.OutOfRangeException:
        values = _pass(connection, table, [column.spread("") for column in part])
    return (column.read(row) for column, row in zip(part, values, strict=True))


def _parts(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))


def _pass(
    connection: duckdb.DuckDBPyConnection, table: _Table, parts: Sequence[Sequence[str]]
) -> list[tuple[Any, ...]]:
    """One pass over the files: the values of each of `parts`, which are expressions."""
    wanted = [expression for part in parts for expression in part]
    if not wanted:
        return [() for _ in parts]
    [row] = table.ask(connection, f"SELECT {', '.join(wanted)} FROM {table.source}")  # noqa: S608
    values = iter(row)
    return [tuple(next(values) for _ in part) for part in parts]


@dataclass(frozen=True)
class _Column:
    """What is asked about one column, and how the answers are read."""

    name: str
    type: str

    @property
    def word(self) -> str:
        """The type in words that mean the same for every format."""
        if self.type in _INTEGERS:
            return "integer"
        if self.type in ("FLOAT", "DOUBLE") or self.type.startswith("DECIMAL"):
            return "number"
        if self.type == "VARCHAR":
            return "text"
        if self.type == "BOOLEAN":
            return "boolean"
        return _TIMES.get(self.type, "timestamp" if self.type.startswith("TIMESTAMP") else "nested")

    @property
    def is_numeric(self) -> bool:
        return self.word in ("integer", "number")

    def spread(self, deviation: str) -> list[str]:
        """The expressions of the first pass; `deviation` is the function for it, empty for none."""
        column = _name(self.name)
        text = f"CAST({column} AS VARCHAR)"
        asked = ["count(*)", f"count({column})", f"approx_count_distinct({text if self.word == 'nested' else column})"]
        if self.is_numeric:
            return [*asked, *self._numbers(column, deviation)]
        if self.word in ("date", "time", "timestamp"):
            return [*asked, f"min({column})", f"max({column})"]
        asked.append(f"approx_top_k({text}[:{_SHOWN}], {_TOP})")
        if self.word == "text":
            asked += [f"min(length({column}))", f"max(length({column}))", f"avg(length({column}))"]
        return asked

    def _numbers(self, column: str, deviation: str) -> list[str]:
        number = f"CAST({column} AS DOUBLE)"
        finite = f"FILTER (WHERE isfinite({number}))"
        quantiles = ", ".join(map(str, QUANTILES))
        return [
            f"min({column}) {finite}",
            f"max({column}) {finite}",
            f"avg({number}) {finite}",
            f"{deviation}({number}) {finite}" if deviation else "NULL",
            f"approx_quantile({number}, [{quantiles}]) {finite}",
            f"count_if(isnan({number}))",
            f"count_if(isinf({number}))",
        ]

    def read(self, values: tuple[Any, ...]) -> Document:
        """The profile of the column, its histogram left out."""
        rows, count, distinct, *rest = values
        missing = rows - count
        # An estimate may pass what is possible.
        said: Document = {
            "rows": rows, "name": self.name, "type": self.word, "count": count, "missing": missing,
            "distinct": min(distinct, count),
        }  # fmt: skip
        if self.is_numeric:
            low, high, mean, std, quantiles, nan, infinite = rest
            found = [_plain(value) for value in quantiles or ()]
            said |= {"nan": nan, "infinite": infinite, "min": _plain(low), "max": _plain(high)}
            said |= {"mean": _plain(mean), "std": _plain(std)}
            return said | {"quantiles": dict(zip(map(str, QUANTILES), found, strict=False))}
        if self.word in ("date", "time", "timestamp"):
            return said | {"min": _plain(rest[0]), "max": _plain(rest[1])}
        said["top"] = list(rest[0] or ())
        if self.word == "text":
            said |= {"min_length": rest[1], "max_length": rest[2], "mean_length": _plain(rest[3])}
        return said

    def edges(self, document: Mapping[str, Any]) -> list[float]:
        """The edges of bins of equal width from `min` to `max`; none where there is no histogram."""
        if not self.is_numeric or document["min"] is None:
            return []
        low, high = float(document["min"]), float(document["max"])
        width = (high - low) / BINS
        if not math.isfinite(width):
            return []
        return [*(low + number * width for number in range(BINS)), high] if width else [low, high]

    def bins(self, edges: Sequence[float]) -> list[str]:
        """The expressions of the second pass; the last bin has its upper edge."""
        number = f"CAST({_name(self.name)} AS DOUBLE)"
        below = ["<"] * (len(edges) - 2) + ["<="]
        return [
            f"count_if({number} >= {low!r}::DOUBLE AND {number} {sign} {high!r}::DOUBLE)"
            for sign, (low, high) in zip(below, pairwise(edges), strict=False)
        ]


def _plain(value: Any) -> Any:
    """`value` as JSON has it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def _delimiter(first: str, second: str) -> str:
    """What separates the columns of two rows: best what both have the same number of."""
    counts = {sign: (_unquoted(first).count(sign), _unquoted(second).count(sign)) for sign in ",;|\t"}
    return max(counts, key=lambda sign: (0 < counts[sign][0] == counts[sign][1], counts[sign][0]))


def _unquoted(row: str) -> str:
    return re.sub(r'"(?:[^"]|"")*"', "", row)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
