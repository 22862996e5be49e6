"""What replicas have collected, as Parquet: run as a process of its own, because it reads what users have sent.

    python -m pratique.signals.collected ABOUT OUT SPOOL…

    OUT/files/<collection>/<year>/<month>/…/<name of the spool>.parquet
    OUT/outcome.json   {"records", "rows", "dropped"}

A model without a script fills `model_inputs` and `model_outputs`, with a line
for each row; what belongs together has the same `correlationid`. `request` and
`response` have the bodies as they were, and a script's own collections have
the frames that it gave. Times are UTC, and folders are named by them.

What is in the bodies is a stranger's. A column that is called like one of ours,
or like another but for its case, gets a mark; of very many columns the rarer
ones are together in `others`, as JSON. Nothing in one body keeps those beside
it from being written.

Exit codes: 0 done, 75 there is no room or the disk fails: to be tried again.
"""

import base64
import csv
import json
import os
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from pratique_serving import oip
from pratique_serving.arrow import KIND as ARROW
from pratique_serving.collecting import chance_of, read
from pratique_serving.errors import Refused
from pratique_serving.tables import FORMATS, Column, Frames, Table

_FOLDERS: Final[Mapping[str, str]] = {
    "year": "%Y", "month": "%Y/%m", "day": "%Y/%m/%d", "hour": "%Y/%m/%d/%H", "minute": "%Y/%m/%d/%H/%M",
}  # fmt: skip
_TYPES: Final[Mapping[type, str]] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_OF_SIGNATURE: Final = {"double": "DOUBLE", "float": "DOUBLE", "long": "BIGINT", "integer": "BIGINT",
                        "boolean": "BOOLEAN", "string": "VARCHAR"}  # fmt: skip
_OURS: Final = ("correlationid", "requestid", "time", "status", "latency_ms", "trace", "model", "headers")
_OTHERS: Final = "others"
_MOST_COLUMNS: Final = 2000
"""Of the model's in one file."""
_WHOLE: Final = 1 << 63
Values = dict[str, Any]


class _Line(NamedTuple):
    """One line of a file: what we say of it, and what the body or the script said."""

    ours: Values
    values: Values


class _Reader:
    """Rows of the bodies that the model of one spool was sent."""

    def __init__(self, columns: Sequence[Sequence[str]] = ()) -> None:
        self.types = {name: _OF_SIGNATURE[kind] for name, kind in columns if kind in _OF_SIGNATURE}
        self._frames = Frames([Column(name, kind) for name, kind in columns])
        self._unnamed = Frames(())

    def inputs(self, head: Mapping[str, Any], body: bytes) -> Iterator[Any]:
        """Values by column; the body as it is where nobody knows what a row is."""
        kind = "text/csv" if head.get("csv") else f"{ARROW}stream" if head.get("arrow") else "application/json"
        try:
            if (records := _records(body)) is not None:
                yield from records
                return
            table = self._read(body, kind)
        except (Refused, ValueError, RecursionError, csv.Error):
            yield {"body": _text(body)}
            return
        for row in table.rows:
            yield dict(zip(table.columns, row, strict=True))

    def _read(self, body: bytes, kind: str) -> Table:
        if b'"datatype"' in body:
            body = _without_tensors(body)
        try:
            return self._frames.read(body, kind)
        except Refused:
            rows = _unnamed(body)
            if rows is None:
                raise
            return Table(tuple(str(place) for place in range(max(map(len, rows), default=0))), _squared(rows))


def main(arguments: Sequence[str]) -> int:
    """Convert; the exit code."""
    about, out, *spools = arguments
    described = json.loads(Path(about).read_text(encoding="utf-8"))
    total = {"records": 0, "rows": 0, "dropped": 0}
    try:
        for spool in spools:
            for name, count in convert(Path(spool), described, Path(out) / "files").items():
                total[name] += count
        (Path(out) / "outcome.json").write_text(json.dumps(total), encoding="utf-8")
    except (OSError, duckdb.IOException) as error:
        print(error, file=sys.stderr)
        return os.EX_TEMPFAIL
    return 0


def convert(spool: Path, about: Mapping[str, Any], out: Path) -> dict[str, int]:
    """Write the records of one file of a spool below `out`; how many records, rows and dropped records it told of."""
    parts: dict[tuple[str, str], list[_Line]] = defaultdict(list)
    records = dropped = 0
    folder = _FOLDERS[about.get("rolling_rate") or "hour"]
    reader = _Reader()
    for head, bodies in read(str(spool)):
        if not bodies and head["kind"] == "columns":
            reader = _Reader(head["columns"])
        elif not bodies:
            dropped += int(head["count"])
        else:
            records += 1
            when = datetime.fromtimestamp(float(head["time"]), UTC)
            for collection, lines in _collected(head, bodies, about, reader).items():
                parts[collection, when.strftime(folder)] += lines
    for (collection, place), lines in parts.items():
        target = out / collection / place / f"{spool.name.partition('.')[0]}.parquet"
        if lines:
            target.parent.mkdir(parents=True, exist_ok=True)
            _write(lines, reader.types if collection == "model_inputs" else {}, target)
    return {"records": records, "rows": sum(map(len, parts.values())), "dropped": dropped}


def _collected(
    head: Mapping[str, Any], bodies: Sequence[bytes], about: Mapping[str, Any], reader: _Reader
) -> dict[str, list[_Line]]:
    """The lines of one record, by collection; only those that are wanted, and of them the share that is."""
    # The same for all collections of a request, so that its inputs and outputs stay together.
    chance = chance_of(_request_of(head))
    wanted = {name for name, share in about["collections"].items() if chance < float(share)}
    if len(bodies) == 1:  # A script's own, which may be called anything.
        said = json.loads(bodies[0])
        facts = _facts(head)
        lines = [_line(head, place, row, facts) for place, row in enumerate(said if isinstance(said, list) else [said])]
        return {head["kind"]: lines} if head["kind"] in wanted else {}
    sent, answered = bodies
    of_calls = {"request": _whole(sent), "response": _whole(answered)}
    if not about.get("has_script"):  # A script says itself what its model was given.
        of_calls |= {"model_inputs": reader.inputs(head, sent), "model_outputs": _outputs(answered)}
    facts = _facts(head)
    return {
        name: [_line(head, place, row, facts) for place, row in enumerate(rows)]
        for name, rows in of_calls.items()
        if name in wanted
    }


def _request_of(head: Mapping[str, Any]) -> str:
    return str(head.get("request") or head["id"])


def _facts(head: Mapping[str, Any]) -> Values:
    known = {key: head[key] for key in ("status", "latency_ms", "trace", "model") if head.get(key) not in (None, "")}
    return known | ({"headers": json.dumps(head["headers"])} if head.get("headers") else {})


def _line(head: Mapping[str, Any], place: int, row: Any, facts: Mapping[str, Any]) -> _Line:
    """One row with where it belongs."""
    ours = {
        "correlationid": f"{head['id']}_{place}",
        "requestid": _request_of(head),
        "time": datetime.fromtimestamp(float(head["time"]), UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        **facts,
    }
    return _Line(ours, row if isinstance(row, dict) else {"value": row})


def _records(body: bytes) -> list[Values] | None:
    """Rows that are objects, as they came: each with other names, they would be a very wide table."""
    if b"{" not in body.partition(b"[")[2] or b'"datatype"' in body:
        return None
    document = json.loads(body)
    found = [document[name] for name in FORMATS if name in document] if isinstance(document, dict) else []
    is_so = len(found) == 1 and isinstance(found[0], list) and all(isinstance(row, dict) for row in found[0])
    return found[0] if is_so else None


def _without_tensors(body: bytes) -> bytes:
    """A request of the Open Inference Protocol as MLflow's `inputs`; anything else as it is."""
    text = body.decode("utf-8", "surrogateescape")
    document, end = json.JSONDecoder().raw_decode(text)
    if not isinstance(document, dict) or not _are_tensors(document.get("inputs")):
        return body
    length = len(text[:end].encode("utf-8", "surrogateescape"))
    return oip.read(body, {"inference-header-content-length": str(length)})[0]


def _are_tensors(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and {"name", "datatype"} <= one.keys() for one in value
    )


def _unnamed(body: bytes) -> list[list[Any]] | None:
    """Rows of a model whose columns have no names; None when there are none in the body."""
    document = json.loads(body)
    found = [document[name] for name in FORMATS if name in document] if isinstance(document, dict) else []
    if len(found) != 1:
        return None
    [rows] = found
    if isinstance(rows, dict) and set(rows) <= {"data", "index"}:
        rows = rows.get("data")
    if not isinstance(rows, list) or not rows or any(isinstance(row, dict) for row in rows):
        return None
    return [row if isinstance(row, list) else [row] for row in rows]


def _squared(rows: Sequence[list[Any]]) -> list[list[Any]]:
    width = max(map(len, rows))
    return [row + [None] * (width - len(row)) for row in rows]


def _outputs(body: bytes) -> Iterator[Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        yield {"body": _text(body)}
        return
    if isinstance(said, dict) and set(said) == {"predictions"}:
        said = said["predictions"]
    elif isinstance(said, dict) and _are_tensors(said.get("outputs")):
        said = _rows_of_columns({str(one["name"]): _members(one) for one in said["outputs"]}) or said
    elif isinstance(said, dict) and all(isinstance(values, list) for values in said.values()):
        said = _rows_of_columns(said) or said
    for row in said if isinstance(said, list) else [said]:
        yield row if isinstance(row, dict) else {"prediction": row}


def _rows_of_columns(columns: Mapping[str, list[Any]]) -> list[Values]:
    """A row for each member of every list; none where they are not equally long."""
    counts = {len(members) for members in columns.values()}
    if len(counts) != 1 or not counts.pop():
        return []
    rows = zip(*columns.values(), strict=True)
    return [{name: _only(value) for name, value in zip(columns, row, strict=True)} for row in rows]


def _only(value: Any) -> Any:
    """Models answer a column of one value as ``[[1], [2]]`` too."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _members(tensor: Mapping[str, Any]) -> list[Any]:
    data, shape = tensor.get("data"), tensor.get("shape")
    if not isinstance(data, list) or not isinstance(shape, list) or not shape or not shape[0]:
        return []
    size, rest = divmod(len(data), shape[0])
    if rest or not size:
        return []
    return data if size == 1 else [data[at : at + size] for at in range(0, len(data), size)]


def _whole(body: bytes) -> Iterator[Any]:
    """What is no text, as tensors and Arrow are not, is Base64 in a column of its own."""
    try:
        yield {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        yield {"base64": base64.b64encode(body).decode("ascii")}


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _write(lines: Sequence[_Line], declared: Mapping[str, str], target: Path) -> None:
    """As a Parquet file."""
    try:
        _write_typed(lines, declared, target)
    except duckdb.IOException:
        raise
    except (duckdb.Error, RuntimeError):
        # Whatever it is that cannot be a column: then nothing of it is.
        _write_typed([_Line(line.ours, {_OTHERS: json.dumps(line.values)}) for line in lines], {}, target)


def _write_typed(lines: Sequence[_Line], declared: Mapping[str, str], target: Path) -> None:
    """With columns that have the types of all their values; what is nested or mixed is JSON text.

    A type that the signature declares is taken where all values fit, so that files agree although one has whole
    numbers only, or none.
    """
    ours = [name for name in _OURS if any(name in line.ours for line in lines)]
    named = _columns(lines)
    kinds: dict[str, set[str]] = {name: set() for name in named}
    for line in lines:
        for name, value in line.values.items():
            if value is not None and name in kinds:
                kinds[name].add(_kind(value))
    types = {name: _type(found, declared.get(name, "")) for name, found in kinds.items()}
    is_more = any(len(line.values) > len(named) or not line.values.keys() <= types.keys() for line in lines)
    labels = {**{name: name for name in ours}, **_labels(named)}
    source = target.with_suffix(".jsonl")
    longest = _write_lines(lines, ours, types, is_more=is_more, source=source)
    columns = [(name, name, _TYPE_OF_OURS.get(name, "VARCHAR")) for name in ours]
    columns += [(f"c{place}", labels[name], types[name]) for place, name in enumerate(named)]
    columns += [(_MORE, _OTHERS, "VARCHAR")] if is_more else []
    _copy(source, columns, target, longest)
    source.unlink()


_MORE: Final = "more"
_TYPE_OF_OURS: Final = {"time": "TIMESTAMP", "status": "BIGINT", "latency_ms": "DOUBLE"}


def _columns(lines: Sequence[_Line]) -> list[str]:
    """The names of the most frequent columns, in the order in which they came."""
    counted = Counter(name for line in lines for name in line.values)
    if len(counted) <= _MOST_COLUMNS:
        return [*counted]
    frequent = {name for name, _ in counted.most_common(_MOST_COLUMNS)}
    return [name for name in counted if name in frequent]


def _labels(names: Iterable[str]) -> dict[str, str]:
    """What each is called in the file: unlike ours and one another, also for those who do not look at case."""
    taken = {*_OURS, _OTHERS}
    labels = {}
    for name in names:
        label = name.encode("utf-8", "replace").decode().replace("\0", "?") or "_"
        while label.casefold() in taken:
            label += "_"
        taken.add(label.casefold())
        labels[name] = label
    return labels


def _write_lines(
    lines: Sequence[_Line], ours: Sequence[str], types: Mapping[str, str], *, is_more: bool, source: Path
) -> int:
    """As lines of JSON whose members are called by the places of the columns; the length of the longest."""
    places = {name: f"c{place}" for place, name in enumerate(types)}
    longest = 0
    # What is no Unicode becomes a question mark.
    with source.open("w", encoding="utf-8", errors="replace") as stream:
        for line in lines:
            written = {name: line.ours[name] for name in ours if name in line.ours}
            rest = {}
            for name, value in line.values.items():
                if name in places:
                    written[places[name]] = _value(value, types[name])
                else:
                    rest[name] = value
            if is_more and rest:
                written[_MORE] = json.dumps(rest)
            text = json.dumps(written, allow_nan=False, ensure_ascii=False)
            longest = max(longest, len(text))
            stream.write(text + "\n")
    return longest


def _copy(source: Path, columns: Sequence[tuple[str, str, str]], target: Path, longest: int) -> None:
    """JSON lines to Parquet; for each column its name there, its name here and its type."""
    kinds = ", ".join(f"{_quoted(member)}: {_quoted(kind)}" for member, _, kind in columns)
    shown = ", ".join(f"{member} AS {_identifier(label)}" for member, label, _ in columns)
    # Names and paths are quoted; a statement like this one takes no parameters.
    options = f"format='newline_delimited', maximum_object_size={max(1 << 24, 4 * longest + 1024)}, columns={{{kinds}}}"
    lines_of = f"read_json({_quoted(str(source))}, {options})"
    into = f"{_quoted(str(target))} (FORMAT parquet, COMPRESSION zstd)"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"COPY (SELECT {shown} FROM {lines_of}) TO {into}")  # noqa: S608


def _kind(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and not -_WHOLE <= value < _WHOLE:
        return "DOUBLE"
    return _TYPES.get(type(value), "JSON")


def _type(kinds: set[str], declared: str) -> str:
    if kinds <= {declared} or (declared == "DOUBLE" and kinds == {"BIGINT"}):
        return declared or "VARCHAR"
    if kinds <= {"BIGINT", "DOUBLE"} and kinds:
        return "DOUBLE" if "DOUBLE" in kinds else "BIGINT"
    return kinds.copy().pop() if len(kinds) == 1 and kinds != {"JSON"} else "VARCHAR"


def _value(value: Any, kind: str) -> Any:
    if kind == "VARCHAR" and value is not None and not isinstance(value, str):
        return json.dumps(value)
    if kind == "DOUBLE" and isinstance(value, int):
        try:
            return float(value)
        except OverflowError:
            return None
    return None if isinstance(value, float) and value - value != 0 else value


def _quoted(text: str) -> str:
    """As a text of SQL."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _identifier(text: str) -> str:
    """As a name of SQL."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
