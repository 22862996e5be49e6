"""The one place that asks what time it is; everything else is handed `now`."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Now, with its time zone, which is always UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """`moment` as RFC 3339 with microseconds and ``Z``: sorts as text in the order of time."""
    return f"{moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
