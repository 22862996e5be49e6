"""A profile of data as people read it: one line for each column, with a small histogram."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_BARS: Final = " ▁▂▃▄▅▆▇█"
_HEADING: Final = ("column", "type", "missing", "distinct", "min", "median", "max", "mean", "distribution")
_WIDTH: Final = 24


def text_of(profile: Mapping[str, Any]) -> str:
    """The whole profile as text."""
    rows, columns = profile["rows"], profile["columns"]
    head = (
        f"{rows:,} rows, {len(columns):,} columns, {profile['files']:,} {profile['format']} "
        f"{'file' if profile['files'] == 1 else 'files'}, {profile['bytes']:,} bytes"
    )
    notes = [] if profile["header"] else ["The first row looks like data, so the columns have no names."]
    notes += [_strange(column) for column in columns if column.get("nan") or column.get("infinite")]
    table = _aligned([_HEADING, *(_line(column, rows) for column in columns)])
    return "\n".join([head, "", *table, *(["", *notes] if notes else [])]) + "\n"


def _line(column: Mapping[str, Any], rows: int) -> tuple[str, ...]:
    missing = f"{100 * column['missing'] / rows:.1f} %" if rows and column["missing"] else "–"
    low, high = column.get("min", column.get("min_length")), column.get("max", column.get("max_length"))
    unit = " chars" if "min_length" in column else ""
    return (
        _cut(column["name"]),
        column["type"],
        missing,
        f"{'~' if column['distinct'] > _EXACT else ''}{column['distinct']:,}",
        _number(low) + unit * (low is not None),
        _number((column.get("quantiles") or {}).get("0.5")),
        _number(high) + unit * (high is not None),
        _number(column.get("mean")),
        _distribution(column),
    )


_EXACT: Final = 20
"""An estimate of so few values is exact enough to be shown without a sign."""


def _strange(column: Mapping[str, Any]) -> str:
    return f"{_cut(column['name'])}: {column['nan']:,} NaN and {column['infinite']:,} infinite values are left out."


def _distribution(column: Mapping[str, Any]) -> str:
    if "histogram" in column:
        counts = column["histogram"]["counts"]
        top = max(counts) or 1
        return "".join(_BARS[-(-8 * count // top)] for count in counts)
    return ", ".join(_cut(str(value), 14) for value in column.get("top", [])[:3])


def _number(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**12 else f"{value:.4g}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 10**4 or abs(value) >= 10**12 else f"{value:,.0f}"
    return str(value)


def _cut(text: str, width: int = _WIDTH) -> str:
    plain = "".join(character if character.isprintable() else "?" for character in text)
    return plain if len(plain) <= width else f"{plain[: width - 1]}…"


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    left = (0, 1, len(widths) - 1)
    return [
        "  ".join(cell.ljust(width) if at in left else cell.rjust(width) for at, (cell, width) in
                  enumerate(zip(line, widths, strict=True))).rstrip()
        for line in lines
    ]  # fmt: skip
