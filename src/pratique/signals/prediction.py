"""What was collected of one call: run as a process of its own, because it reads what users have sent.

    python -m pratique.signals.prediction ID < {"place": FILE, …}

Reads Parquet that `signals.collected` wrote and prints {"place": [row, …]} of
those files that have rows of that request. A place is whatever the caller
calls a file.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb


def main(arguments: Sequence[str]) -> int:
    """Look; the exit code."""
    files: dict[str, str] = json.load(sys.stdin)
    json.dump(found_in(files, arguments[0]), sys.stdout, allow_nan=False)
    return 0


def found_in(files: Mapping[str, str], request: str) -> dict[str, list[dict[str, Any]]]:
    """Place → rows of `request`, in their order; only places that have some."""
    with duckdb.connect(config={"threads": 1}) as connection:
        holding = "SELECT DISTINCT filename FROM read_parquet(?, filename = true, union_by_name = true)"
        paths = connection.execute(f"{holding} WHERE requestid = ?", [[*files.values()], request]).fetchall()
        wanted = {path for (path,) in paths}
        return {place: _rows(connection, path, request) for place, path in files.items() if path in wanted}


def _rows(connection: duckdb.DuckDBPyConnection, path: str, request: str) -> list[dict[str, Any]]:
    of_request = "SELECT * FROM read_parquet(?) WHERE requestid = ? ORDER BY correlationid"
    cursor = connection.execute(of_request, [path, request])
    names = [str(column[0]) for column in cursor.description or ()]
    return [{name: _plain(value) for name, value in zip(names, row, strict=True)} for row in cursor.fetchall()]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return f"{value.isoformat(timespec='microseconds')}Z"
    return None if isinstance(value, float) and value - value != 0 else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
