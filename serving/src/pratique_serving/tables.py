"""Bodies of requests as rows of plain values, without pandas.

    {"input_data": {"columns": […], "data": [[…], …]}}      Azure: a split frame
    {"input_data": [[…], …]} or {"input_data": {"a": […]}}  Azure: rows, or a list for each column
    {"dataframe_split": …}, {"dataframe_records": [{…}]}    MLflow
    {"inputs": …} or {"instances": …}                       TensorFlow Serving, as MLflow reads it
    text/csv with a line of names                           MLflow
    application/vnd.apache.arrow.…                          a table as Arrow has it, see `arrow`

A client sends the same names again and again, and only other values. So where a
body was read before, all that stood around its values is remembered: when the
next body has the same bytes there, only the values are parsed.
"""

import csv
import io
import json
import math
from json.decoder import JSONDecoder
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from pratique_serving import arrow
from pratique_serving.errors import Refused

FORMATS = ("input_data", "dataframe_split", "dataframe_records", "inputs", "instances")

# A table of records has a cell for each name in each row, whatever was sent: not more than so many of them.
_SPARE_CELLS = 65_536
_CELLS_FOR_A_VALUE = 16

NO_ROWS = "There are no rows to predict."

_SPLIT = frozenset({"columns", "index", "data"})

# What pandas writes for a missing number, or is often told to.
_MISSING = frozenset({"NA", "N/A", "n/a", "#N/A", "<NA>", "NULL", "null", "None", "none", "-nan", "#NA"})


class Column(NamedTuple):
    """One input of a signature."""

    name: str
    type: str
    """MLflow's name: double, float, long, integer, boolean, string."""
    is_required: bool = True


class Table(NamedTuple):
    """Rows of values, in the order of `columns`."""

    columns: Tuple[str, ...]
    rows: List[List[Any]]


class Frames:
    """Reads bodies for a model with these columns; remembers the frame around the values."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self._names = tuple(column.name for column in columns)
        self._types = {column.name: column.type for column in columns}
        self._before = ""
        self._after = ""
        self._columns: Tuple[str, ...] = ()
        self._scan: Any = JSONDecoder().scan_once  # type: ignore[attr-defined] # Documented by its use in `json`.

    def read(self, body: bytes, content_type: str) -> Table:
        """Raises Refused (400) for what is none of the formats; Arrow has more to refuse."""
        if arrow.is_arrow(content_type):
            names, columns = arrow.read(body)
            return Table(names, arrow.rows_of(columns))
        try:
            text = str(body, "utf-8")
        except UnicodeDecodeError as error:
            raise Refused(400, f"The request body is not JSON: {error}") from None
        if content_type.startswith("text/csv"):
            return self._read_csv(text)
        if self._before and text.startswith(self._before):
            known = self._values(text)
            if known is not None:
                return known
        return self._read_json(text)

    def _values(self, text: str) -> Optional[Table]:
        try:
            rows, end = self._scan(text, len(self._before))
        except (StopIteration, ValueError, RecursionError):
            return None
        if text[end:] != self._after or type(rows) is not list:
            return None
        return Table(self._columns, rows)

    def _read_json(self, text: str) -> Table:
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"The request body is not JSON: {error}") from None
        if not isinstance(document, dict):
            raise Refused(400, f"The request body must be a JSON object with {_one_of(FORMATS)}.")
        found = [name for name in FORMATS if name in document]
        if len(found) != 1:
            raise Refused(400, f"The request body must have exactly one of {_one_of(FORMATS)}; it has {len(found)}.")
        if not isinstance(document.get("params", {}), dict):
            raise Refused(400, "params must be a JSON object.")
        form, value = found[0], document[found[0]]
        try:
            table = self._build(form, value)
            check_width(table)
        except (ValueError, TypeError, KeyError) as error:
            raise Refused(400, f"{form} cannot be read: {error}") from None
        if form == "input_data" and isinstance(value, dict) and set(value) == {"columns", "data"}:
            self._remember(text, document, table.columns)
        return table

    def _remember(self, text: str, document: Dict[str, Any], columns: Tuple[str, ...]) -> None:
        """Keep what stands before and after the values, if that is all there is besides them.

        A body with the same bytes before, one value of JSON, and the same bytes after means the same but
        for that value. So it is enough to know that this body is read alike when its values are cut out.
        """
        start = text.rfind('"data"')
        start = text.find("[", start) if start >= 0 else -1
        if start < 0:
            return
        try:
            rows, end = self._scan(text, start)
        except (StopIteration, ValueError, RecursionError):
            return
        emptied = {**document, "input_data": {**document["input_data"], "data": []}}
        # Nothing may stand in two places, and then these may not be the values of the request.
        if not rows or rows != document["input_data"]["data"]:
            return
        try:
            if json.loads(text[:start] + "[]" + text[end:]) == emptied:
                self._before, self._after, self._columns = text[:start], text[end:], columns
        except ValueError:
            return

    def _read_csv(self, text: str) -> Table:
        # What programs for spreadsheets put before UTF-8.
        text = text[1:] if text.startswith("\ufeff") else text
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        except csv.Error as error:
            raise Refused(400, f"The CSV cannot be read: {error}") from None
        if not rows:
            raise Refused(400, "The CSV is empty; its first line must name the columns.")
        names, *values = rows
        if len(set(names)) != len(names):
            raise Refused(400, "The CSV names a column twice.")
        if any(len(row) != len(names) for row in values):
            raise Refused(400, "A line of the CSV has more or fewer values than there are names.")
        types = [self._types.get(name, "string") for name in names]
        return Table(tuple(names), [[_typed(value, kind) for value, kind in zip(row, types)] for row in values])

    def _build(self, form: str, value: Any) -> Table:
        if form == "dataframe_split" or (form == "input_data" and _is_split(value)):
            return self._from_split(value)
        if form == "dataframe_records":
            return _from_records(value)
        if isinstance(value, dict):
            return _from_lists(value)
        if not isinstance(value, list):
            raise TypeError("expected an object or a list")
        if value and all(isinstance(row, dict) for row in value):
            return _from_records(value)
        return Table(self._names, [row if isinstance(row, list) else [row] for row in value])

    def _from_split(self, value: Any) -> Table:
        if not _is_split(value) or not isinstance(value["data"], list):
            raise TypeError("expected an object with columns, data and perhaps index")
        columns = value.get("columns")
        if columns is None:
            return Table(self._names, value["data"])
        if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
            raise TypeError("columns must be a list of names")
        if len(set(columns)) != len(columns):
            raise ValueError("a column is named twice")
        index = value.get("index")
        if index is not None and len(index) != len(value["data"]):
            raise ValueError(f"there are {len(value['data'])} rows and {len(index)} members of index")
        return Table(tuple(columns), value["data"])


def with_rows(table: Table) -> Table:
    """The table itself. Raises Refused (400) when it has no rows: few models can answer that, and none has to."""
    if not table.rows:
        raise Refused(400, NO_ROWS)
    return table


def columns_with_gaps(table: Table) -> List[str]:
    """The names of those in which some row has no value, or no finite one."""
    gaps = (None, math.inf, -math.inf)
    places = enumerate(table.columns)
    return [name for place, name in places if any(row[place] in gaps or row[place] != row[place] for row in table.rows)]


def check_width(table: Table) -> None:
    """Raises ValueError unless every row has a value for each column."""
    width = len(table.columns)
    for row in table.rows:
        if type(row) is not list or len(row) != width:
            raise ValueError(f"each row must be a list of {width} values")


def _one_of(names: Tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _is_split(value: Any) -> bool:
    return isinstance(value, dict) and "data" in value and _SPLIT.issuperset(value)


def names_of_records(value: Any) -> Tuple[str, ...]:
    """Of all columns, in the order in which they come.

    Raises TypeError for what are no records, and ValueError for those that name so different columns that a table of
    them would be many times as large as the body.
    """
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise TypeError("expected a list of objects")
    columns = tuple(dict.fromkeys(name for row in value for name in row))
    if len(columns) * len(value) > _SPARE_CELLS + _CELLS_FOR_A_VALUE * sum(map(len, value)):
        raise ValueError(f"{len(value)} objects name {len(columns)} columns, and hardly two of them the same")
    return columns


def _from_records(value: Any) -> Table:
    columns = names_of_records(value)
    return Table(columns, [[row.get(name) for name in columns] for row in value])


def _from_lists(value: Dict[str, Any]) -> Table:
    lists = [items if isinstance(items, list) else [items] for items in value.values()]
    if len({len(items) for items in lists}) > 1:
        raise ValueError("the lists are not equally long")
    flat = [[_only(item) for item in items] for items in lists]
    return Table(tuple(value), [list(row) for row in zip(*flat)])


def _only(item: Any) -> Any:
    """Columns of one are sent as ``[[1], [2]]`` too."""
    return item[0] if isinstance(item, list) and len(item) == 1 else item


def _typed(value: str, kind: str) -> Any:
    """A value of a CSV as its column has it; nothing at all is a missing value. What does not fit stays text.

    A word for a missing number is one only where numbers are expected: NA is Namibia, too.
    """
    if not value:
        return None
    if kind == "string":
        return value
    if kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        return int(value) if kind in ("long", "integer") else float(value)
    except ValueError:
        return None if value in _MISSING else value
