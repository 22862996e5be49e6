"""One prediction, by the id of its request: what was sent and answered, by which deployment, and all that is behind.

The id is what callers get as the header ``x-request-id``. What was sent and
answered is known of deployments that collect it, a share of the requests or
all, some minutes after the call (docs/decisions/0012).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any, Final

from pratique.base.errors import InvalidInput, NotFound
from pratique.control import datastores as places
from pratique.control.actor import Actor
from pratique.control.blame import tell_deployment
from pratique.control.lineage import LockOf, Story, Telling, at_time
from pratique.control.permissions import permit, workspace_scope
from pratique.specs.deployment import collections_of
from pratique.store import datastores, deployments
from pratique.store.database import Database, Transaction
from pratique.store.datastores import DatastoreFile

Rows = Mapping[str, Sequence[Mapping[str, Any]]]
Look = Callable[[str, Sequence[DatastoreFile]], Rows]
"""Asked for a request in some files: path → rows, of those that have some."""

_ROOT: Final = "modelDataCollector"
_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)
_AT_ONCE: Final = 200
"""Files that are looked into together, the newest first."""
_CALLS: Final = ("model_inputs", "model_outputs", "request", "response")


@dataclass(frozen=True)
class _Place:
    """Where a file of a collection lies: modelDataCollector/ENDPOINT/DEPLOYMENT/COLLECTION/TIME…"""

    endpoint: str
    deployment: str
    collection: str


def show(
    database: Database, actor: Actor, workspace: str, request: str, *, look: Look, lock_of: LockOf | None = None
) -> dict[str, Any]:
    """What is known of the call `request`; raises `NotFound` with the reason when nothing is."""
    for action in ("data/read", "deployments/read", "models/read", "jobs/read", "events/read"):
        permit(actor, action, workspace_scope(workspace))
    if not _ID.fullmatch(request):
        raise InvalidInput(f"{request[:64]!r} is no id of a request", hint="it is in the header x-request-id")
    with database.read() as tx:
        files = datastores.below(tx, workspace, places.DEFAULT, _ROOT)
        collecting = _collecting(tx, workspace)
    found = _found(files, request, look)
    if not found:
        raise NotFound(*_nothing(workspace, request, files, collecting))
    with database.read() as tx:
        return _told(Telling(tx, actor, Story(), lock_of or (lambda _: "")), workspace, request, found)


def _found(files: Sequence[DatastoreFile], request: str, look: Look) -> dict[str, Sequence[Mapping[str, Any]]]:
    """Path → rows; all collections of one call have the same time in their paths, so they are looked at together."""
    newest = sorted((one for one in files if one.path.endswith(".parquet")), key=_when, reverse=True)
    for start in range(0, len(newest), _AT_ONCE):
        if found := look(request, newest[start : start + _AT_ONCE]):
            beside = {_when(one) for one in newest if one.path in found}
            return {**look(request, [one for one in newest if _when(one) in beside])}
    return {}


def _when(file: DatastoreFile) -> tuple[str, ...]:
    """Endpoint, deployment, then everything of the path below its collection, the time first."""
    parts = PurePosixPath(file.path).parts
    return (*parts[4:], *parts[1:3])


def _told(telling: Telling, workspace: str, request: str, found: Rows) -> dict[str, Any]:
    story, path = telling.story, min(found)
    place, first = _place(path), found[path][0]
    moment = datetime.fromisoformat(str(first["time"]).removesuffix("Z")).replace(tzinfo=UTC)
    node = story.add("prediction", request, at=first["time"])
    status = f" with status {first['status']}" if first.get("status") else ""
    latency = f" in {float(first['latency_ms']):.1f} ms" if first.get("latency_ms") is not None else ""
    story.say(
        f"The call {request} reached the endpoint {place.endpoint} in workspace {workspace} {at_time(moment)}; "
        f"its deployment {place.deployment} answered{status}{latency}.",
        *(f"{places.DEFAULT}/{one}" for one in sorted(found)),
    )
    if first.get("model"):
        story.say(f"The process said that it had the model {first['model']}.", f"{places.DEFAULT}/{path}")
    deployment = tell_deployment(telling, workspace, place.endpoint, place.deployment, at=moment)
    story.link(node, "answered by", deployment)
    story.link(deployment, "behind", story.add("endpoint", f"{workspace}/{place.endpoint}"))
    rows = {_place(one).collection: [dict(row) for row in found[one]] for one in sorted(found)}
    facts = {"id": request, "endpoint": place.endpoint, "deployment": place.deployment, "at": first["time"]}
    return {**facts, "collected": rows, **story.to_document()}


def _place(path: str) -> _Place:
    _, endpoint, deployment, collection, *_ = PurePosixPath(path).parts
    return _Place(endpoint, deployment, collection)


def _collecting(tx: Transaction, workspace: str) -> dict[str, float]:
    """Deployments that collect calls now, with the share that they keep."""
    return dict(_shares(tx, workspace))


def _shares(tx: Transaction, workspace: str) -> Iterator[tuple[str, float]]:
    for row in deployments.in_workspace(tx, workspace):
        wanted = collections_of(row.spec.get("data_collector"))
        if share := max((float(wanted[name]) for name in _CALLS if name in wanted), default=0.0):
            yield f"{row.endpoint}/{row.name}", share


def _nothing(
    workspace: str, request: str, files: Sequence[DatastoreFile], collecting: Mapping[str, float]
) -> tuple[str]:
    """Why nothing is known."""
    if not files and not collecting:
        return (
            f"no deployment of workspace {workspace!r} collects its predictions, so nothing is known of the call "
            f"{request}: add data_collector to the deployment, and calls from then on are kept",
        )
    shares = ", ".join(f"{name} keeps {share:.0%}" for name, share in collecting.items()) or "none collects any more"
    return (
        f"the call {request} is not among what deployments of workspace {workspace!r} have collected in {len(files)} "
        f"files ({shares}); what was answered in the last minutes may not be stored yet",
    )
