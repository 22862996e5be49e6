"""Run inside an environment with pyarrow: writes the bodies that the tests of `pratique_serving.arrow` read.

The model server is on the path too: PYTHONPATH=serving/src

    python make.py              the files of this folder
    python make.py --compare N  N tables by chance: what pyarrow wrote is read as pyarrow reads it
"""

import json
import random
import struct
import sys
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-not-found] # It is not in the developers' environment.

from pratique_serving.arrow import read

HERE = Path(__file__).parent
WORDS = ("", "clerk", "smith", "Ä中", "a longer text than the others")


def main() -> None:
    plain = pa.table(
        {
            "age": pa.array([41.5, None, 3.0], pa.float64()),
            "job": pa.array(["clerk", "Ä中", None], pa.string()),
            "count": pa.array([2, 3, -4], pa.int64()),
            "good": pa.array([True, None, False]),
        }
    )
    categories = [
        pa.array(["clerk", None, "smith", "clerk"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([2, 1], pa.int32()), pa.array(["clerk", "smith", "thief"])),
    ]
    widths = {f"i{size}": pa.array([-1, None, 5], getattr(pa, f"int{size}")()) for size in (8, 16, 32, 64)}
    widths |= {f"u{size}": pa.array([1, 2**size - 1, None], getattr(pa, f"uint{size}")()) for size in (8, 16, 32, 64)}
    widths |= {f"f{size}": pa.array([0.5, None, -2], getattr(pa, f"float{size}")()) for size in (16, 32, 64)}
    widths |= {"long": pa.array(["a", None, ""], pa.large_string()), "nothing": pa.nulls(3)}
    write("plain.arrows", plain, rows=2)
    write("plain.arrow", plain, rows=2)
    write("widths.arrows", pa.table(widths))
    write("categories.arrows", pa.table({"job": pa.chunked_array(categories)}), emit_dictionary_deltas=True)
    write("categories.arrow", pa.table({"job": categories[0]}))
    write("sliced.arrows", plain.slice(1))
    write("empty.arrows", plain.slice(0, 0))
    write("compressed.arrows", pa.table({"job": ["clerk"] * 100}), compression="zstd")
    write("moments.arrows", pa.table(moments()))
    write("late.arrows", pa.table({"moment": pa.array([2**62], pa.timestamp("s"))}))
    write("lists.arrows", pa.table(lists()))
    write("structs.arrows", pa.table({"pair": [{"one": 1}]}))


def moments() -> dict[str, pa.Array]:
    """The same moment before 1970, stored in every way."""
    seconds = -86_399
    units = {unit: [seconds * 1000**place, None] for place, unit in enumerate(("s", "ms", "us", "ns"))}
    columns = {unit: pa.array(values, pa.timestamp(unit)) for unit, values in units.items()}
    columns["zoned"] = pa.array(units["ms"], pa.timestamp("ms", tz="Europe/Berlin"))
    columns["day"] = pa.array([-1, None], pa.date32())
    columns["long day"] = pa.array([-1, None], pa.int32()).cast(pa.date32()).cast(pa.date64())
    columns["category"] = columns["day"].dictionary_encode()
    return columns


def lists() -> dict[str, pa.Array]:
    texts = pa.array(["b", "a", "b"]).dictionary_encode()
    return {
        "plain": pa.array([[1, None], None, [], [3]], pa.list_(pa.int64())),
        "long": pa.array([[1.5], [], None, [2.5, 3.5]], pa.large_list(pa.float64())),
        "pairs": pa.array([[1, 2], None, [3, 4], [5, None]], pa.list_(pa.int32(), 2)),
        "nested": pa.array([[[1], []], [], None, [None]], pa.list_(pa.list_(pa.int64()))),
        "categories": pa.ListArray.from_arrays(pa.array([0, 2, 2, 3, 3]), texts),
    }


def write(name: str, table: pa.Table, *, rows: int | None = None, **options: Any) -> None:
    (HERE / name).write_bytes(written(table, is_file=name.endswith(".arrow"), rows=rows, **options))


def written(table: pa.Table, *, is_file: bool, rows: int | None = None, **options: Any) -> bytes:
    sink = pa.BufferOutputStream()
    make = pa.ipc.new_file if is_file else pa.ipc.new_stream
    with make(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table, max_chunksize=rows)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def compare(count: int) -> None:
    chance = random.Random(17)  # noqa: S311 - repeatable on purpose.
    for number in range(count):
        table = any_table(chance)
        body = written(table, is_file=chance.random() < 0.3, rows=chance.choice((None, 1, 7)))
        names, columns = read(body)
        expected = [[as_json(value) for value in table.column(name).to_pylist()] for name in names]
        if list(names) != table.column_names or repr(columns) != repr(expected):
            sys.exit(f"table {number} is read differently: {columns} and not {expected}")
    print(json.dumps({"compared": count}))


def as_json(value: Any) -> Any:
    """A moment as text; `any_column` has them in milliseconds."""
    if isinstance(value, list):
        return [as_json(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return value.isoformat() if isinstance(value, date) else value


def any_table(chance: random.Random) -> pa.Table:
    rows = chance.choice((0, 1, 8, 9, 100))
    columns = {f"column {place}": any_column(chance, rows) for place in range(chance.randrange(1, 8))}
    table = pa.table(columns)
    return table.slice(chance.randrange(rows)) if rows and chance.random() < 0.3 else table


def any_column(chance: random.Random, rows: int) -> pa.Array:
    nulls = chance.choice((0.0, 0.0, 0.3, 1.0))
    kind = chance.choice(
        ("text", "long text", "bool", "float32", "float64", "int8", "uint16", "int64", "category", "date32", "moment")
    )
    if chance.random() < 0.2:
        return any_lists(chance, rows)

    def value() -> Any:
        if chance.random() < nulls:
            return None
        if kind in ("text", "long text", "category"):
            return chance.choice(WORDS)
        if kind == "bool":
            return chance.random() < 0.5
        if kind.startswith("float"):
            short: float = struct.unpack("f", struct.pack("f", chance.gauss(0, 1e6)))[0]
            return short
        if kind == "date32":
            return date.fromordinal(chance.randrange(1, 3_652_060))
        return chance.randrange(-(10**13), 10**13) if kind == "moment" else chance.randrange(128)

    types = {"text": pa.string(), "long text": pa.large_string(), "bool": pa.bool_(), "category": pa.string()}
    types["moment"] = pa.timestamp("ms", tz=chance.choice((None, "UTC")))
    made = pa.array([value() for _ in range(rows)], types.get(kind) or getattr(pa, kind)())
    return made.dictionary_encode() if kind == "category" else made


def any_lists(chance: random.Random, rows: int) -> pa.Array:
    size = chance.randrange(4)
    if size and chance.random() < 0.5:
        return pa.FixedSizeListArray.from_arrays(any_column(chance, rows * size), size)
    ends = [0]
    for _ in range(rows):
        ends.append(ends[-1] + chance.randrange(3))
    values = any_column(chance, ends[-1])
    return (pa.LargeListArray if size % 2 else pa.ListArray).from_arrays(ends, values)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compare"]:
        compare(int(sys.argv[2]))
    else:
        main()
