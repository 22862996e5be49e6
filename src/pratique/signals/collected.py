"""What replicas have collected, as Parquet: run as a process of its own, because it reads what users have sent.

    python -m pratique.signals.collected ABOUT OUT SPOOL…

    OUT/files/<collection>/<year>/<month>/…/<name of the spool>.parquet
    OUT/outcome.json   {"records", "rows", "dropped"}

A model without a script fills `model_inputs` and `model_outputs`, with a line
for each row; what belongs together has the same `correlationid`. `request` and
`response` have the bodies as they were, and a script's own collections have
the frames that it gave. Times are UTC, and folders are named by them.
"""

import base64
import csv
import io
import json
import sys
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import duckdb

from pratique_serving.arrow import KIND as ARROW
from pratique_serving.collecting import read
from pratique_serving.errors import Refused
from pratique_serving.tables import Frames

_FOLDERS: Final[Mapping[str, str]] = {
    "year": "%Y", "month": "%Y/%m", "day": "%Y/%m/%d", "hour": "%Y/%m/%d/%H", "minute": "%Y/%m/%d/%H/%M",
}  # fmt: skip
_OF_CALLS: Final = ("model_inputs", "model_outputs", "request", "response")
_TYPES: Final[Mapping[type, str]] = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR"}
_WHOLE: Final = 1 << 63
Line = dict[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Convert; the exit code."""
    about, out, *spools = arguments
    described = json.loads(Path(about).read_text(encoding="utf-8"))
    total = {"records": 0, "rows": 0, "dropped": 0}
    for spool in spools:
        for name, count in convert(Path(spool), described, Path(out) / "files").items():
            total[name] += count
    (Path(out) / "outcome.json").write_text(json.dumps(total), encoding="utf-8")
    return 0


def convert(spool: Path, about: Mapping[str, Any], out: Path) -> dict[str, int]:
    """Write the records of one file of a spool below `out`; how many records, rows and dropped records it told of."""
    parts: dict[tuple[str, str], list[Line]] = defaultdict(list)
    records = dropped = 0
    folder = _FOLDERS[about.get("rolling_rate") or "hour"]
    for head, bodies in read(str(spool)):
        if not bodies:
            dropped += int(head["count"])
            continue
        records += 1
        when = datetime.fromtimestamp(float(head["time"]), UTC)
        for collection, lines in _collected(head, bodies, about).items():
            parts[collection, when.strftime(folder)] += lines
    for (collection, place), lines in parts.items():
        target = out / collection / place / f"{spool.name.partition('.')[0]}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        _write(lines, target)
    return {"records": records, "rows": sum(map(len, parts.values())), "dropped": dropped}


def _collected(head: Mapping[str, Any], bodies: Sequence[bytes], about: Mapping[str, Any]) -> dict[str, list[Line]]:
    """The lines of one record, by collection; only those that are wanted, and of them the share that is."""
    shares = {name: float(share) for name, share in about["collections"].items()}
    most = max(shares.values(), default=0.0)
    # The same for all collections of a request, so that its inputs and outputs stay together.
    chance = zlib.crc32(str(head["id"]).encode()) / 2**32
    wanted = {name for name, share in shares.items() if most and chance < share / most}
    if len(bodies) == 1:  # A script's own, which may be called anything.
        said = json.loads(bodies[0])
        lines = [_line(head, place, row) for place, row in enumerate(said if isinstance(said, list) else [said])]
        return {head["kind"]: lines} if not shares or head["kind"] in wanted else {}
    made: dict[str, list[Line]] = {}
    for name, body, read_rows in zip(_OF_CALLS, (*bodies, *bodies), (_inputs, _outputs, _whole, _whole), strict=True):
        if name in wanted:
            facts = {
                key: head[key] for key in ("status", "latency_ms", "trace", "model") if head.get(key) not in (None, "")
            }
            made[name] = [_line(head, place, row, facts) for place, row in enumerate(read_rows(head, body))]
    return made


def _line(head: Mapping[str, Any], place: int, row: Any, facts: Mapping[str, Any] = {}) -> Line:
    """One row with where it belongs; a column of the model that is called like one of ours gets a mark."""
    ours = {
        "correlationid": f"{head['id']}_{place}",
        "requestid": head["id"],
        "time": datetime.fromtimestamp(float(head["time"]), UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
        **facts,
    }
    values = row if isinstance(row, dict) else {"value": row}
    return {**ours, **{(f"{name}_" if name in ours else str(name)): value for name, value in values.items()}}


def _inputs(head: Mapping[str, Any], body: bytes) -> Iterator[Any]:
    if head.get("csv"):
        yield from csv.DictReader(io.StringIO(body.decode("utf-8", "replace")))
        return
    try:
        table = Frames(()).read(body, f"{ARROW}stream" if head.get("arrow") else "application/json")
    except Refused:
        yield {"body": body.decode("utf-8", "replace")}
        return
    for row in table.rows:
        yield dict(zip(table.columns, row, strict=True))


def _outputs(head: Mapping[str, Any], body: bytes) -> Iterator[Any]:  # noqa: ARG001 - one signature for all.
    try:
        said = json.loads(body)
    except ValueError:
        yield {"body": body.decode("utf-8", "replace")}
        return
    if isinstance(said, dict) and set(said) == {"predictions"}:
        said = said["predictions"]
    for row in said if isinstance(said, list) else [said]:
        yield row if isinstance(row, dict) else {"prediction": row}


def _whole(head: Mapping[str, Any], body: bytes) -> Iterator[Any]:  # noqa: ARG001 - one signature for all.
    """What is no text, as tensors and Arrow are not, is Base64 in a column of its own."""
    try:
        yield {"body": body.decode("utf-8")}
    except UnicodeDecodeError:
        yield {"base64": base64.b64encode(body).decode("ascii")}


def _write(lines: Sequence[Line], target: Path) -> None:
    """As a Parquet file whose columns have the types of all their values; what is nested or mixed is JSON text."""
    kinds: dict[str, set[str]] = {}
    for line in lines:
        for name, value in line.items():
            kinds.setdefault(name, set()).update({_kind(value)} if value is not None else ())
    types = {name: "TIMESTAMP" if name == "time" else _type(found) for name, found in kinds.items()}
    source = target.with_suffix(".jsonl")
    with source.open("w", encoding="utf-8") as stream:
        for line in lines:
            values = {name: _value(value, types[name]) for name, value in line.items()}
            stream.write(json.dumps(values, allow_nan=False) + "\n")
    columns = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in types.items())
    # Names and paths are quoted; a statement like this one takes no parameters.
    lines_of = f"read_json({_text(str(source))}, format='newline_delimited', columns={{{columns}}})"
    into = f"{_text(str(target))} (FORMAT parquet, COMPRESSION zstd)"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute(f"COPY (SELECT * FROM {lines_of}) TO {into}")  # noqa: S608
    source.unlink()


def _kind(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and not -_WHOLE <= value < _WHOLE:
        return "DOUBLE"
    return _TYPES.get(type(value), "JSON")


def _type(kinds: set[str]) -> str:
    if kinds <= {"BIGINT", "DOUBLE"} and kinds:
        return "DOUBLE" if "DOUBLE" in kinds else "BIGINT"
    return kinds.copy().pop() if len(kinds) == 1 and kinds != {"JSON"} else "VARCHAR"


def _value(value: Any, kind: str) -> Any:
    if kind == "VARCHAR" and value is not None and not isinstance(value, str):
        return json.dumps(value)
    return None if isinstance(value, float) and value - value != 0 else value


def _text(text: str) -> str:
    """As a text of SQL."""
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
