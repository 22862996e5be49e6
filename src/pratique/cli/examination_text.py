"""Conversions, profiles and scans of models as people read them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_SHOWN: Final = 5
"""Rows whose decision changed that are printed; all that were kept are in the report."""
_WIDTH: Final = 40


def conversion_text(found: Mapping[str, Any]) -> str:
    """The proof, or why there is none."""
    report = found.get("report")
    if not report:
        return _asked(found)
    lines = [str(report["sentence"])]
    if report["rows"]:
        lines.append(
            f"{report['rows']:,} rows compared on {report['threads']} thread: {report['count_flipped']:,} decided "
            f"differently, largest difference {report['largest_difference']:.3g}"
        )
        alike = "may be computed together" if report["row_wise"] else "are computed one by one"
        lines.append(f"rows {alike}")
    lines += [f"refused by both: {what}" for what in report["refuses"]]
    for row in report["flipped"][:_SHOWN]:
        lines.append(f"  {row['original']!r} became {row['converted']!r} for {row['row']}")
    return "\n".join(lines) + "\n"


def scan_text(found: Mapping[str, Any]) -> str:
    """The verdict over each pickle, the worst first."""
    report = found.get("report")
    if not report:
        return _asked(found)
    lines = [str(report["sentence"])]
    for one in sorted(report["found"], key=lambda one: one["verdict"] == "harmless"):
        why = "; ".join(part for part in (", ".join(one["names"]), one["reason"]) if part)
        lines.append(f"  {one['verdict']:<10} {one['path']}{f': {why}' if why else ''}")
    return "\n".join(lines) + "\n"


def profile_text(found: Mapping[str, Any]) -> str:
    """Latency against throughput for each setting, and the recommendation."""
    report = found.get("report")
    if not report:
        return _asked(found)
    target = float(found["settings"]["target_p99_ms"])
    lines = [
        f"{report['form']} model, requests of {report['request_bytes']:,} bytes, {report['seconds_per_step']:g} s a "
        f"step; {report['processor'] or 'processor unknown'}, load average {report['load_average']:.1f}",
    ]
    if report["load_average"] >= report["processors_of_machine"]:
        lines.append(
            "the machine had other work for all its processors before this began: without it the model is quicker"
        )
    for setting in report["settings"]:
        lines += ["", *_setting(setting, target)]
    return "\n".join([*lines, "", f"recommended: {report['sentence']}"]) + "\n"


def _asked(found: Mapping[str, Any]) -> str:
    return f"{found['kind']} {found['id']}: {found['status']}\n"


def _setting(setting: Mapping[str, Any], target: float) -> list[str]:
    count = setting["processors"]
    bound = f", {setting['memory']:,} MB" if setting["memory"] else ""
    head = f"{count} {'processor' if count == 1 else 'processors'}{bound}"
    if not setting["steps"]:
        return [f"{head}: {setting['reason']}"]
    return [
        f"{head}: ready after {setting['start_seconds']:.2f} s, {setting['memory_megabytes']:,.0f} MB in use",
        *_picture(setting["steps"], target),
    ]


def _picture(steps: Sequence[Mapping[str, Any]], target: float) -> list[str]:
    """A bar of p99 for each step, with answers a second; what exceeds the target is marked."""
    longest = max(step["p99_ms"] for step in steps) or 1.0
    lines = [f"  {'in flight':>9} {'answers/s':>10} {'p50 ms':>9} {'p99 ms':>9}"]
    for step in steps:
        bar = "█" * max(1, round(_WIDTH * step["p99_ms"] / longest))
        late = " over the target" if step["p99_ms"] > target else ""
        failed = f" {step['failures']} failed" if step["failures"] else ""
        lines.append(
            f"  {step['connections']:>9} {step['answers_per_second']:>10,.0f} {step['p50_ms']:>9.2f} "
            f"{step['p99_ms']:>9.2f} {bar}{late}{failed}"
        )
    return lines
