"""What the replicas of deployments count, as one text for Prometheus.

Each replica is asked behind its socket, where nobody but the platform reaches
it; its samples get the label `replica`, so that those of one deployment stay
apart and start from zero one by one. What the platform knows itself is beside
them: which replicas answer, and what became of what they collected.
"""

import http.client
import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple

from pratique.base.home import Home
from pratique.base.unix_http import bounded
from pratique.engine import collection, replicas
from pratique.store.deployments import OnlineDeployment
from pratique.store.replicas import Replica

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PATH: Final = "/metrics"
_SECONDS: Final = 2.0
"""How long one replica may take; a scrape of Prometheus takes ten at most."""
_AT_ONCE: Final = 32
"""Each is a thread that mostly waits: with fewer, a few dozen replicas that hang would take all the time there is."""
_LARGEST: Final = 1 << 20
_NAME: Final = r"[A-Za-z_:][A-Za-z0-9_:]*"
_HEAD: Final = re.compile(rf"(# (?:HELP|TYPE) {_NAME} )\S.*", re.ASCII)
_LABEL: Final = r'(?!replica=)[A-Za-z_][A-Za-z0-9_]*="(?:[^"\\]|\\.)*"'
_NUMBER: Final = r"NaN|[+-]?(?:Inf|\d+(?:\.\d+)?(?:e[+-]?\d+)?)"
_SAMPLE: Final = re.compile(rf"({_NAME})\{{({_LABEL}(?:,{_LABEL})*)\}} ({_NUMBER})", re.ASCII)
_TALLY: Final[Mapping[str, tuple[str, str]]] = {
    "records": ("stored", "Predictions whose records are stored."),
    "rows": ("stored_rows", "Rows of collections that are stored."),
    "unreadable": ("unreadable", "Files of the spool that were set aside."),
}


class _Asked(NamedTuple):
    """A replica and what it answered; None when it did not."""

    deployment: OnlineDeployment
    replica: Replica
    said: str | None


def text_of(home: Home, found: Iterable[tuple[OnlineDeployment, Sequence[Replica]]]) -> str:
    """The metrics of these deployments, of those of their replicas that serve."""
    wanted = [(one, replica) for one, of_one in found for replica in of_one if replica.revision == one.applied]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        said = [*pool.map(lambda pair: _ask(replicas.socket_of(home, pair[1])), wanted)]
    asked = [_Asked(*pair, text) for pair, text in zip(wanted, said, strict=True)]
    families: dict[str, list[str]] = {}
    _of_replicas(asked, families)
    for one in asked:
        if one.said is not None:
            add(one.said, f'replica="{one.replica.slot}"', families)
    _of_collections(home, {one.deployment.id: one.deployment for one in asked}.values(), families)
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _ask(socket: Path) -> str | None:
    try:
        with bounded(socket, within=_SECONDS) as connection:
            connection.request("GET", _PATH)
            answer = connection.getresponse()
            said = answer.read(_LARGEST)
            is_whole = not answer.length
            return said.decode("utf-8", "replace") if answer.status == http.client.OK and is_whole else None
    except (OSError, ValueError, http.client.HTTPException):
        return None


def add(text: str, label: str, families: dict[str, list[str]]) -> None:
    """Add the samples of one replica to those of others: each family once, with what it means by who said it first.

    What is no sample is left out, or one replica, whose code is a user's, would keep Prometheus from reading any.
    """
    lines: list[str] = []
    for line in text.split("\n"):
        if head := _HEAD.fullmatch(line):
            lines = families.setdefault(head[1].split()[2], [])
            if not any(known.startswith(head[1]) for known in lines):
                lines.append(line)
        elif sample := _SAMPLE.fullmatch(line):
            lines.append(f"{sample[1]}{{{sample[2]},{label}}} {sample[3]}")


def _of_replicas(asked: Sequence[_Asked], families: dict[str, list[str]]) -> None:
    for name, kind, meaning in (
        ("pratique_replica_up", "gauge", "Whether the replica has answered."),
        ("pratique_replica_restarts_total", "counter", "How often it was started again."),
    ):
        families[name] = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    for one in asked:
        labels = f'{{deployment="{_label(one.deployment)}",replica="{one.replica.slot}"}}'
        families["pratique_replica_up"].append(f"pratique_replica_up{labels} {int(one.said is not None)}")
        restarts = one.replica.restarts
        families["pratique_replica_restarts_total"].append(f"pratique_replica_restarts_total{labels} {restarts}")


def _of_collections(home: Home, found: Iterable[OnlineDeployment], families: dict[str, list[str]]) -> None:
    tallies = [(one, collection.tally(home, one.id)) for one in found]
    for what, (said, meaning) in _TALLY.items():
        name = f"pratique_collection_{said}_total"
        lines = [f'{name}{{deployment="{_label(one)}"}} {tally[what]}' for one, tally in tallies if what in tally]
        if lines:
            families[name] = [f"# HELP {name} {meaning}", f"# TYPE {name} counter", *lines]


def _label(deployment: OnlineDeployment) -> str:
    """As the replicas call it."""
    return f"{deployment.workspace}/{deployment.endpoint}/{deployment.name}"
