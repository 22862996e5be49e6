"""Whether a job or a deployment shares the machine's network: what it wishes, and what holds when it says nothing.

    tags: {pratique.network: machine}      loopback and whatever the machine reaches
    tags: {pratique.network: none}         a loopback of its own; a job finds the platform's door there

A deployment has none unless it asks: its requests come by a socket that it is
given, so a model hardly needs one. A job has the machine's unless it says
none, or the setting `job_network` says it for all: scripts that are written for
Azure fetch data and packages.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pratique.specs.keys import Found

KEY: Final = "pratique.network"
MACHINE: Final = "machine"
NONE: Final = "none"


def problems_with_network(spec: Mapping[str, Any]) -> Iterator[Found]:
    """A word that means nothing, in the tags of a job or a deployment."""
    tags = spec.get("tags")
    wished = tags.get(KEY) if isinstance(tags, Mapping) else None
    if wished not in (None, MACHINE, NONE):
        yield Found(("tags", KEY), f"expected {MACHINE} or {NONE}, got {wished!r}")


def has_network(spec: Mapping[str, Any], *, otherwise: bool) -> bool:
    """Whether what `spec` describes shares the machine's network; `otherwise` when it does not say."""
    wished = (spec.get("tags") or {}).get(KEY)
    return otherwise if wished is None else wished == MACHINE
