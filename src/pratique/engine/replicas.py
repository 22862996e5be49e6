"""The processes behind a deployment: their starts, their readiness, their end.

    <home>/replicas/<deployment>/<revision>-<slot>-<start>/       one start: shim files and console.log

What a revision runs was written down before (`engine.launches`). Every start
hashes these files again, and asks whether the workspace still lets the model be
loaded (`engine.written`). The socket belongs to the slot and not to the start,
so that a restart changes nothing for the gateway.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from pratique.base.errors import ComputeFailed
from pratique.base.home import Home
from pratique.compute.cgroups import Limits
from pratique.compute.task import Exited, Lost, Observation, Running, Task
from pratique.engine import grpc_sockets, launches, views, written
from pratique.engine.failures import how_ended
from pratique.engine.launches import GRACE
from pratique.engine.probes import Probe
from pratique.engine.tails import last_lines
from pratique.engine.workbench import Workbench
from pratique.store import deployments
from pratique.store import replicas as replica_rows
from pratique.store.deployments import OnlineDeployment
from pratique.store.replicas import Replica

_USAGE: Final = 2
"""The model server's exit code when it was told something that it does not understand."""
_INIT_FAILED: Final = 70
"""… when the script or the model could not be loaded."""
_USED_UP: Final = 71
"""… when the model kept so much memory that no call could be answered any more."""
_HUNG: Final = 72
"""… and when a call of the model did not end."""
_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.02
"""Seconds between two questions whether it is ready: few for a model that loads at once, long for one that takes its
time."""
_CHECK_EVERY: Final = 0.25
_KEPT_STARTS: Final = 5


def socket_of(home: Home, replica: Replica) -> Path:
    """Where a replica listens; short, because the kernel takes 107 bytes."""
    return home.socket(f"r{replica.deployment_id.replace('-', '')[-16:]}-{replica.revision}-{replica.slot}")


def folder_of(home: Home, replica: Replica) -> Path:
    """Where the start of a replica is that counts."""
    return home.replica(replica.deployment_id, replica.revision, replica.slot, replica.start)


def log_of(home: Home, replica: Replica) -> Path:
    """What that start says."""
    return folder_of(home, replica) / "console.log"


def start(bench: Workbench, replica: Replica) -> Observation:
    """Start a replica of a revision that was prepared; finds it when it runs already.

    Raises `ComputeFailed` when a file of it is no longer what was written, or its model may not be loaded any more.
    """
    launch = launches.read(bench.home, replica.deployment_id, replica.revision)
    files = launches.files_of(bench.home, replica.deployment_id, replica.revision)
    seen: Mapping[Path, bytes] = {}
    if not isinstance(observe(bench, replica), Running):
        seen = check(bench, replica)
    scratch = folder_of(bench.home, replica) / "tmp"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    grpc = grpc_sockets.socket_of(bench.home, replica) if launch.speaks_grpc else None
    if grpc is not None:
        grpc.parent.mkdir(mode=0o700, exist_ok=True)
    leading = _leading_to_tokens(bench, launch)
    return bench.compute.start(
        Task(
            folder=folder_of(bench.home, replica),
            argv=(*leading, launch.python, "-m", "pratique_serving"),
            environment={**launch.environment, **({"PRATIQUE_GRPC": f"unix:{grpc}"} if grpc else {})},
            working_folder=files,
            log=log_of(bench.home, replica),
            socket=socket_of(bench.home, replica),
            keeps_socket=True,
            grace=timedelta(seconds=launch.grace),
            seen=seen,
            limits=Limits(launch.cores, launch.memory),
            view=views.of_replica(
                files,
                Path(launch.python),
                bench.home.sources,
                scratch,
                spool=launch.environment.get("PRATIQUE_COLLECT"),
                door=grpc.parent if grpc else None,
                leading=views.leading_through(bench.home.identity_door) if leading else (),
                has_network=launch.has_network,
            ),
        )
    )


def _leading_to_tokens(bench: Workbench, launch: launches.Launch) -> tuple[str, ...]:
    """What a model server begins with that has no network and an identity: the address of tokens is there all the same.

    Without a sandbox it has the machine's network, and the address as it is.
    """
    if not launch.asks_for_tokens or not bench.compute.sandbox.is_in_force:
        return ()
    return views.leading_to(Path(launch.python), bench.door, bench.home.identity_door)


def check(bench: Workbench, replica: Replica) -> Mapping[Path, bytes]:
    """Raise `ComputeFailed` unless the files of a replica are those that were written, and its model may be loaded now.

    Returns what the kernel says of the files while they are as they were read.
    """
    launch = launches.read(bench.home, replica.deployment_id, replica.revision)
    seen = written.check_files(launches.files_of(bench.home, replica.deployment_id, replica.revision), launch.files)
    written.check_model(bench, launch.workspace, launch.model)
    return seen


def await_ready(
    bench: Workbench,
    starting: Sequence[Replica],
    probe: Probe,
    *,
    tell: Callable[[Replica], None],
    check: Callable[[], None],
) -> float:
    """Wait until all of `starting` say that they are ready and return the seconds that took.

    `tell` hears of each at once. Raises `ComputeFailed` with the last lines of
    its log when one ends first or never gets ready, and whatever `check` raises
    when they are no longer wanted.
    """
    began, pause, checked = time.monotonic(), _FIRST_PAUSE, 0.0
    waiting, in_a_row = list(starting), dict.fromkeys((replica.slot for replica in starting), 0)
    while waiting:
        waited = time.monotonic() - began
        for replica in list(waiting):
            in_a_row[replica.slot] = in_a_row[replica.slot] + 1 if _is_ready(bench, replica, probe, waited) else 0
            if in_a_row[replica.slot] >= probe.success_threshold:
                waiting.remove(replica)
                tell(replica)
        if waited - checked > _CHECK_EVERY:
            check()
            checked = waited
        if waiting:
            time.sleep(pause)
            pause = min(1.3 * pause, _LONGEST_PAUSE)
    return time.monotonic() - began


def _is_ready(bench: Workbench, replica: Replica, probe: Probe, waited: float) -> bool:
    """Whether a starting replica passes `probe`; raises `ComputeFailed` when it never will."""
    why = probe.failure(socket_of(bench.home, replica))
    if not why:
        return True
    folder = folder_of(bench.home, replica)
    seen = bench.compute.observe(folder)
    if not isinstance(seen, Running):
        raise failed(bench, replica, _how(seen))
    if waited > probe.patience.total_seconds():
        bench.compute.stop(folder, grace=GRACE)
        allowed = "initial_delay + period × failure_threshold of its readiness_probe"
        raise failed(bench, replica, f"was not ready after {waited:.0f} s ({allowed}) and was stopped; {why}")
    return False


def observe(bench: Workbench, replica: Replica) -> Observation:
    """How a replica is doing."""
    return bench.compute.observe(folder_of(bench.home, replica))


def stop_all(bench: Workbench, many: Sequence[Replica]) -> None:
    """Stop replicas side by side; each finishes the requests that it has."""
    grace = max((_grace(bench.home, replica) for replica in many), default=GRACE)
    _stop_all(bench, [folder_of(bench.home, replica) for replica in many], grace=grace)
    for replica in many:
        grpc_sockets.forget(bench.home, replica)


def stop_revision(bench: Workbench, deployment_id: str, revision: int) -> None:
    """Stop every start of one revision and remove its files; the logs stay."""
    _stop_all(bench, [folder for found, folder in _starts(bench.home, deployment_id) if found == revision])
    grpc_sockets.forget_all(bench.home, deployment_id, revision)
    launches.forget(bench.home, deployment_id, revision)


def _stop_all(bench: Workbench, folders: Sequence[Path], *, grace: timedelta = GRACE) -> None:
    """Stop them side by side, so that several which hang take no longer than one."""
    living = [folder for folder in folders if isinstance(bench.compute.observe(folder), Running)]
    with ThreadPoolExecutor(max_workers=len(living) or 1) as pool:
        for _ in pool.map(partial(bench.compute.stop, grace=grace), living):
            pass


def others(home: Home, deployment_id: str, revision: int) -> list[int]:
    """Revisions other than `revision` that have files or were started."""
    started = {found for found, _ in _starts(home, deployment_id)}
    return sorted((launches.prepared(home, deployment_id) | started) - {revision})


def remove(bench: Workbench, deployment_id: str) -> None:
    """Stop every replica of a deployment and remove all its files."""
    _stop_all(bench, [folder for _, folder in _starts(bench.home, deployment_id)])
    grpc_sockets.forget_all(bench.home, deployment_id)
    shutil.rmtree(bench.home.replicas / deployment_id, ignore_errors=True)


def forget_old_starts(bench: Workbench, deployment_id: str, living: Iterable[Replica]) -> None:
    """Remove the logs of all but the newest starts that have ended; those of `living` replicas stay."""
    kept = {folder_of(bench.home, replica) for replica in living}
    ended = [folder for _, folder in _starts(bench.home, deployment_id) if folder not in kept]
    for folder in ended[: 1 - _KEPT_STARTS]:
        if not isinstance(bench.compute.observe(folder), Running):
            shutil.rmtree(folder, ignore_errors=True)


def sweep(bench: Workbench) -> None:
    """Stop and remove what an engine that was killed left of deployments, revisions and slots that are gone.

    What is still worked on is left to the deployer.
    """
    # The folders first: whatever is wished after that has no folder among them.
    found = [(path.name, others(bench.home, path.name, 0)) for path in bench.home.replicas.glob("*")]
    with bench.database.read() as tx:
        rows = {row.id: row for row in deployments.every(tx)}
        known = replica_rows.by_deployment(tx)
    for settled in (row for row in rows.values() if row.is_settled):
        _sweep_slots(bench, settled, known.get(settled.id, ()))
    for deployment_id, revisions in found:
        row = rows.get(deployment_id)
        if row is None:
            remove(bench, deployment_id)
        elif row.is_settled:
            for revision in revisions:
                if revision not in (row.applied, row.revision):
                    stop_revision(bench, deployment_id, revision)


def _sweep_slots(bench: Workbench, deployment: OnlineDeployment, known: Iterable[Replica]) -> None:
    """Stop and forget the replicas of what serves that are too many."""
    served = [replica for replica in known if replica.revision == deployment.applied]
    many = [replica for replica in served if not deployment.serves(replica.revision, replica.slot)]
    if many:
        stop_all(bench, many)
        with bench.database.write() as tx:
            for replica in many:
                replica_rows.remove(tx, replica)


def why_ended(bench: Workbench, replica: Replica, seen: Observation) -> ComputeFailed:
    """The error that tells how a replica ended, with the last lines of its log."""
    return failed(bench, replica, _how(seen))


def failed(bench: Workbench, replica: Replica, how: str) -> ComputeFailed:
    """The error that tells `how` a replica failed, with the last lines of its log."""
    return ComputeFailed(
        f"the model server {how}",
        hint=_where_more_is(bench, replica),
        log_tail=last_lines(log_of(bench.home, replica), 20),
    )


def _where_more_is(bench: Workbench, replica: Replica) -> str:
    """The command that prints the whole log; empty when the deployment has gone meanwhile."""
    with bench.database.read() as tx:
        found = deployments.by_id(tx, replica.deployment_id)
    if found is None:
        return ""
    flags = f"--name {found.name} --endpoint-name {found.endpoint} --workspace-name {found.workspace}"
    return f"pratique ml online-deployment get-logs {flags} shows all that it printed"


def _starts(home: Home, deployment_id: str) -> Iterator[tuple[int, Path]]:
    """Every start with its revision, the oldest first as far as their names tell."""
    found = []
    for folder in (home.replicas / deployment_id).glob("*-*-*"):
        numbers = folder.name.split("-")
        if all(number.isdecimal() for number in numbers):
            revision, slot, number = map(int, numbers)
            found.append((revision, number, slot, folder))
    for revision, _, _, folder in sorted(found):
        yield revision, folder


def _grace(home: Home, replica: Replica) -> timedelta:
    try:
        return timedelta(seconds=launches.read(home, replica.deployment_id, replica.revision).grace)
    except ComputeFailed:
        return GRACE


_EXITS: Final = {
    _USAGE: "did not start, because of its settings (environment_variables, tags)",
    _INIT_FAILED: "failed while it loaded the model or ran init()",
    _USED_UP: "ended because the model kept all the memory that it may take (PRATIQUE_MEMORY_BYTES)",
    _HUNG: "ended because a call of the model went on for longer than it may (PRATIQUE_LONGEST_CALL_MS)",
}


def _how(seen: Observation) -> str:
    if isinstance(seen, Exited):
        return _EXITS.get(seen.code or 0) or how_ended(seen)
    if isinstance(seen, Lost):
        return f"was lost: {seen.reason}"
    return "did not start"
