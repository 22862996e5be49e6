"""A storm over rollouts: each verb of an endpoint's life is cut by a kill, while callers keep calling.

    a turn     one verb by the command line ─► a random moment later SIGKILL ─► `pratique up` where that takes a person
               ─► the command ends, the platform settles ─► the verb has happened wholly or not at all
    victims    the server, Envoy, MLflow, and the command itself
    callers    of the endpoint `busy`; each request is sent once, over a connection of its own

A command that reported success must have happened. One that reported a failure,
because the server died under it, may have happened, and never in part.
"""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from .installation import LIMIT, Installation, prepare_workspace, until, write

WORKSPACE: Final = "rollouts"
SCORE: Final = (
    'import os\n\n\ndef init():\n    pass\n\n\ndef run(raw):\n    return os.environ["COLOUR"] + os.environ["ANSWER"]\n'
)
DEPLOYMENT: Final = """\
name: {colour}
endpoint_name: busy
environment: azureml:plain@latest
code_configuration:
  code: score
  scoring_script: score.py
environment_variables:
  COLOUR: {colour}
  ANSWER: "0"
instance_type: Standard_DS3_v2
instance_count: 1
"""
WEIGHTS: Final[Mapping[str, int]] = {"server": 6, "Envoy": 2, "MLflow": 1, "client": 1}
_NEEDLES: Final = {"server": "pratique.app.server", "Envoy": "bootstrap", "MLflow": "pratique_tracking"}
_CALLERS: Final = 2
_PAUSE: Final = 0.02
"""Seconds between two requests of a caller."""
_DEAD: Final = 0.3
"""Seconds that the server stays dead before somebody brings it up."""
SETTLED: Final = frozenset({"Succeeded", "Failed"})
Holds = Callable[[bool], None]
"""Raises when a verb happened in part, or did not although the command said so: the argument."""


@dataclass(frozen=True)
class Verb:
    """One command, and what must hold after it was cut."""

    words: tuple[str, ...]
    holds: Holds
    longest: float = 1.2
    """Seconds within which it is cut."""


@dataclass(frozen=True)
class Window:
    """A while in which somebody was dead, in monotonic seconds."""

    who: str
    killed: float
    back: float


@dataclass
class Callers:
    """What became of the requests to `busy`."""

    platform: Installation
    key: str
    answered: list[float] = field(default_factory=list)
    """When each answer came, in monotonic seconds."""
    failed: list[tuple[float, float, str]] = field(default_factory=list)
    """When each other request was sent and ended, and how."""
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to call."""
        self._threads = [threading.Thread(target=self._call) for _ in range(_CALLERS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Call no more; returns when the last answer has come."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _call(self) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            try:
                answer = self.platform.score(WORKSPACE, "busy", self.key)
                said = "" if answer.status == 200 else f"status {answer.status}: {answer.body[:200]!r}"
            except (OSError, ValueError) as error:
                said = f"{type(error).__name__}: {error}"
            except Exception as error:  # noqa: BLE001 - whatever it is, the request has failed.
                said = repr(error)
            if said:
                self.failed.append((began, time.monotonic(), said))
            else:
                self.answered.append(time.monotonic())
            time.sleep(_PAUSE)


@dataclass
class RolloutStorm:
    """One storm over one installation, decided by `dice`."""

    platform: Installation
    project: Path
    callers: Callers
    dice: random.Random
    seed: int
    kills: Counter[str] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)
    """By verb: kills while its command still ran."""
    turns: Counter[str] = field(default_factory=Counter)
    windows: list[Window] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    """Seconds from the end of each command until all was settled."""
    broken: list[str] = field(default_factory=list)
    _number: int = 0

    def rage(self, kills: int, *, until_moment: float = float("inf")) -> None:
        """Cut every verb once in each round, in random order, `kills` times or until that moment."""
        while self.kills.total() < kills and time.monotonic() < until_moment:
            names = [*VERBS]
            self.dice.shuffle(names)
            for name in names[: kills - self.kills.total()]:
                self.turn(name)

    def turn(self, name: str) -> None:
        """Begin one verb, kill somebody at a random moment of it, and see what became of it."""
        verb = VERBS[name](self)
        client = self.platform.begin(*verb.words, cwd=self.project)
        time.sleep(self.dice.uniform(0.1, verb.longest))
        who = self.dice.choices([*WEIGHTS], [*WEIGHTS.values()])[0]
        self.cut[name] += client.poll() is None
        self.turns[name] += 1
        self._strike(who, client)
        said = self._end(client)
        began = time.monotonic()
        try:
            self.settle()
            self.settled.append(time.monotonic() - began)
            verb.holds(client.returncode == 0)
            self.nothing_else_is_harmed()
        except AssertionError as error:
            self.broken.append(f"{name}, cut by the end of {who} (exit code {client.returncode}: {said}): {error}")
        took = f"{time.monotonic() - began:.1f} s until all is right: {len(self.broken)} broken so far"
        print(f"{self.kills.total()}: {name}, {who} killed, exit code {client.returncode}, {took}", flush=True)

    def _strike(self, who: str, client: "subprocess.Popen[str]") -> None:
        victims = [client.pid] if who == "client" else self._processes(_NEEDLES[who])
        killed = time.monotonic()
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.kills[who] += 1
        if who == "server":
            time.sleep(_DEAD)
            self.platform.up()
        elif who == "Envoy":
            until(self._is_answered, "the endpoint answers after the end of Envoy")
        self.windows.append(Window(who, killed, time.monotonic()))

    def _is_answered(self) -> bool:
        with contextlib.suppress(OSError):
            return self.platform.score(WORKSPACE, "busy", self.callers.key).status == 200
        return False

    def _processes(self, needle: str) -> list[int]:
        """The processes that are what `needle` says, without the shims and sandboxes around them."""
        found = self.platform.processes()
        around = ("shim", "bwrap")
        return [pid for pid, command in found.items() if needle in command and not any(map(command.count, around))]

    def _end(self, client: "subprocess.Popen[str]") -> str:
        """What the command said last."""
        try:
            _, err = client.communicate(timeout=LIMIT)
        except subprocess.TimeoutExpired:
            client.kill()
            client.communicate()
            raise AssertionError(f"a command never ended: {client.args!r}") from None
        return " ".join(err.split())[:300]

    def settle(self) -> None:
        """Wait until nothing moves any more."""
        until(self._is_settled, "all endpoints and deployments are settled")

    def _is_settled(self) -> bool:
        with contextlib.suppress(OSError, LookupError):
            every = [*self.endpoints().values()]
            every += [row for name in self.endpoints() for row in self.deployments(name).values()]
            return all(row["provisioning_state"] in SETTLED for row in every)
        return False

    # --- what is there ---------------------------------------------------------------------------------------------

    def ask(self, path: str) -> Any:
        """The document at a path of the workspace; raises `LookupError` when there is none."""
        answer = self.platform.ask("GET", f"/api/v1/workspaces/{WORKSPACE}/{path}", token=self.platform.token)
        if answer.status != 200:
            raise LookupError(f"{path}: {answer.status} {answer.body[:200]!r}")
        return answer.document

    def endpoints(self) -> dict[str, Any]:
        """Every endpoint by its name."""
        return {row["name"]: row for row in self.ask("online-endpoints")}

    def deployments(self, endpoint: str) -> dict[str, Any]:
        """The deployments of an endpoint by their names."""
        return {row["name"]: row for row in self.ask(f"online-endpoints/{endpoint}/deployments")}

    def keys(self, endpoint: str) -> dict[str, str]:
        """Both keys of an endpoint."""
        found: dict[str, str] = self.ask(f"online-endpoints/{endpoint}/keys")
        return found

    def answer(self, endpoint: str, deployment: str) -> str:
        """What one deployment answers when it is asked by name; its status when that is not 200."""
        key = self.keys(endpoint)["primaryKey"]
        said = self.platform.score(WORKSPACE, endpoint, key, headers={"azureml-model-deployment": deployment})
        return str(said.document) if said.status == 200 else str(said.status)

    def new_name(self, prefix: str) -> str:
        """A name that was not used before."""
        self._number += 1
        return f"{prefix}-{self._number}"

    def side(self, *, deployed: bool) -> str:
        """An endpoint without callers, made now if there is none; with the deployment blue, or without any."""
        for name in self.endpoints():
            if name != "busy" and bool(self.deployments(name)) == deployed:
                return name
        name = self.new_name("side")
        self.platform.do("ml", "online-endpoint", "create", "-n", name, cwd=self.project)
        if deployed:
            self.platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "-e", name, cwd=self.project)
        return name

    def nothing_else_is_harmed(self) -> None:
        """Every endpoint and deployment is well, answers as its spec says, and runs as often as it should."""
        replicas = 0
        for name, endpoint in self.endpoints().items():
            assert endpoint["provisioning_state"] == "Succeeded", endpoint
            for colour, row in self.deployments(name).items():
                assert row["provisioning_state"] == "Succeeded", row
                replicas += int(row["instance_count"])
                until(lambda: self._is_whole(name, colour), f"{name}/{colour} has its replicas", limit=60)  # noqa: B023 - called at once.
                said = self.answer(name, colour)
                assert said == f"{colour}{row['environment_variables']['ANSWER']}", (said, row)
        what = f"{replicas} processes of replicas"
        until(lambda: len(self._processes("pratique_serving")) == replicas, what, limit=60)

    def _is_whole(self, endpoint: str, deployment: str) -> bool:
        row = self.deployments(endpoint)[deployment]
        states = [replica["state"] for replica in row["replicas"]]
        return states == ["Ready"] * int(row["instance_count"])

    # --- afterwards ------------------------------------------------------------------------------------------------

    def lost(self) -> list[str]:
        """Requests that failed although Envoy lived."""
        deaths = [window for window in self.windows if window.who == "Envoy"]
        return [
            said
            for began, ended, said in self.callers.failed
            if not any(began <= death.back and ended >= death.killed for death in deaths)
        ]

    def answered_without_a_server(self) -> int:
        """Answers that came while the server was dead or starting."""
        dead = [window for window in self.windows if window.who == "server"]
        return sum(any(one.killed < moment < one.back for one in dead) for moment in self.callers.answered)


# --- the verbs ------------------------------------------------------------------------------------------------------


def _endpoint_create(storm: RolloutStorm) -> Verb:
    name = storm.new_name("made")

    def holds(told: bool) -> None:
        assert name in storm.endpoints() or not told, "it was told and is not there"

    return Verb(("ml", "online-endpoint", "create", "-n", name), holds)


def _endpoint_update(storm: RolloutStorm) -> Verb:
    before = storm.endpoints()["busy"]["traffic"]
    tenth = {"blue": 90, "green": 10}
    wished = {"blue": 10, "green": 90} if before == tenth else tenth

    def holds(told: bool) -> None:
        now = storm.endpoints()["busy"]["traffic"]
        assert now == wished or (now == before and not told), (before, now)

    split = " ".join(f"{name}={share}" for name, share in wished.items())
    return Verb(("ml", "online-endpoint", "update", "-n", "busy", "--traffic", split), holds)


def _endpoint_delete(storm: RolloutStorm) -> Verb:
    name = storm.side(deployed=True)
    key = storm.keys(name)["primaryKey"]

    def holds(told: bool) -> None:
        there = name in storm.endpoints()
        assert not (told and there), "it was told and is there"
        status = storm.platform.score(WORKSPACE, name, key, headers={"azureml-model-deployment": "blue"}).status
        assert status == (200 if there else 404), status

    return Verb(("ml", "online-endpoint", "delete", "-n", name, "--yes"), holds)


def _deployment_create(storm: RolloutStorm) -> Verb:
    name = storm.side(deployed=False)

    def holds(told: bool) -> None:
        assert "blue" in storm.deployments(name) or not told, "it was told and is not there"

    return Verb(("ml", "online-deployment", "create", "-f", "blue.yml", "-e", name), holds, longest=2.5)


def _deployment_delete(storm: RolloutStorm) -> Verb:
    name = storm.side(deployed=True)

    def holds(told: bool) -> None:
        assert not (told and "blue" in storm.deployments(name)), "it was told and is there"

    return Verb(("ml", "online-deployment", "delete", "-n", "blue", "-e", name, "--yes"), holds)


def _changed(storm: RolloutStorm, key: str, before: str, wished: str, colour: str) -> Verb:
    """A change of one key of a deployment of `busy`."""
    first, *rest = key.split(".")

    def holds(told: bool) -> None:
        found = storm.deployments("busy")[colour][first]
        now = str(found[rest[0]] if rest else found)
        assert now == wished or (now == before and not told), (before, now)

    words = ("ml", "online-deployment", "update", "-n", colour, "-e", "busy", "--set", f"{key}={wished}")
    return Verb(words, holds, longest=2.5)


def _deployment_update(storm: RolloutStorm) -> Verb:
    colour = storm.dice.choice(("blue", "green"))
    before = storm.deployments("busy")[colour]["environment_variables"]["ANSWER"]
    return _changed(storm, "environment_variables.ANSWER", before, storm.new_name("x"), colour)


def _deployment_scale(storm: RolloutStorm) -> Verb:
    colour = storm.dice.choice(("blue", "green"))
    before = str(storm.deployments("busy")[colour]["instance_count"])
    return _changed(storm, "instance_count", before, "1" if before == "2" else "2", colour)


def _promote(storm: RolloutStorm) -> Verb:
    before = storm.endpoints()["busy"]["traffic"]
    to = "blue" if before.get("green") == 100 else "green"

    def holds(told: bool) -> None:
        now = storm.endpoints()["busy"]["traffic"]
        assert now == {to: 100} or (now == before and not told), (before, now)

    return Verb(("ml", "online-endpoint", "promote", "-n", "busy", "--to", to), holds)


def _regenerate_keys(storm: RolloutStorm) -> Verb:
    before = storm.keys("busy")

    def holds(told: bool) -> None:
        now = storm.keys("busy")
        is_new = now["secondaryKey"] != before["secondaryKey"]
        assert is_new or not told, "it was told and the key is the same"
        assert now["primaryKey"] == before["primaryKey"]
        old = storm.platform.score(WORKSPACE, "busy", before["secondaryKey"]).status
        assert old == (401 if is_new else 200), old
        assert storm.platform.score(WORKSPACE, "busy", now["secondaryKey"]).status == 200

    words = ("ml", "online-endpoint", "regenerate-keys", "-n", "busy", "--key-type", "secondary", "--yes")
    return Verb(words, holds)


def _backup_create(storm: RolloutStorm) -> Verb:
    file = storm.project / f"{storm.new_name('backup')}.tar"

    def holds(told: bool) -> None:
        assert file.exists() or not told, "it was told and is not there"
        if file.exists():
            home = storm.project / "restored"
            storm.platform.do("backup", "restore", str(file), "--home", str(home))
            shutil.rmtree(home)
            file.unlink()

    return Verb(("backup", "create", str(file)), holds)


def _prune(storm: RolloutStorm) -> Verb:
    def holds(told: bool) -> None:
        del told  # What nothing names may go or stay; that all the others answer is looked at after every verb.

    return Verb(("prune",), holds)


VERBS: Final[Mapping[str, Callable[[RolloutStorm], Verb]]] = {
    "online-endpoint create": _endpoint_create,
    "online-endpoint update --traffic": _endpoint_update,
    "online-endpoint delete": _endpoint_delete,
    "online-deployment create": _deployment_create,
    "online-deployment update --set environment_variables": _deployment_update,
    "online-deployment update --set instance_count": _deployment_scale,
    "online-deployment delete": _deployment_delete,
    "online-endpoint promote": _promote,
    "online-endpoint regenerate-keys": _regenerate_keys,
    "backup create": _backup_create,
    "prune": _prune,
}


@contextlib.contextmanager
def rollout_storm(platform: Installation, seed: int) -> Iterator[RolloutStorm]:
    """A storm over `platform`, which is up; callers call inside the block."""
    project = prepare_workspace(platform, WORKSPACE)
    files = {f"{colour}.yml": DEPLOYMENT.format(colour=colour) for colour in ("blue", "green")}
    write(project, {"score/score.py": SCORE, **files})
    platform.do("ml", "online-endpoint", "create", "-n", "busy", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "blue.yml", "--all-traffic", cwd=project)
    platform.do("ml", "online-deployment", "create", "-f", "green.yml", cwd=project)
    key = platform.get("ml", "online-endpoint", "get-credentials", "-n", "busy", cwd=project)["primaryKey"]
    callers = Callers(platform, key)
    callers.start()
    try:
        yield RolloutStorm(platform, project, callers, random.Random(seed), seed)  # noqa: S311 - moments, not secrets.
    finally:
        callers.stop()


def what_is_broken(after: RolloutStorm) -> list[str]:
    """What does not hold when all is over, each with what is wrong."""
    after.callers.stop()
    broken = [*after.broken]
    if lost := after.lost():
        broken.append(f"{len(lost)} requests failed although Envoy lived, the first: {lost[0]}")
    try:
        after.platform.do("down")
        after.platform.up()
        after.nothing_else_is_harmed()
    except AssertionError as error:
        broken.append(f"after a restart of everything: {error}")
    if (event := after.platform.broken_event()) is not None:
        broken.append(f"event {event} of the journal does not fit the one before")
    return broken


def record(after: RolloutStorm, broken: list[str], *, seconds: float, at: datetime) -> dict[str, Any]:
    """What a storm did and what came out, as the pages of the reference read it."""
    requests = len(after.callers.answered) + len(after.callers.failed)
    settled = sorted(after.settled)
    middle, worst = (settled[len(settled) // 2], settled[-1]) if settled else (0.0, 0.0)
    killed = ", ".join(f"{who} {count}" for who, count in after.kills.most_common())
    rows = [
        {
            "what": "callers of an endpoint that is rolled out meanwhile",
            "requests": requests,
            "failed": len(after.callers.failed),
            "said": f"{len(after.lost())} of the failed while Envoy lived; {after.answered_without_a_server():,} were "
            f"answered while the server was dead or starting",
            "holds": not after.lost(),
        },
        {
            "what": "kills within verbs",
            "said": f"{after.kills.total()} in {seconds / 60:.0f} minutes: {killed}; settled {middle:.1f} s after the "
            f"command's end (median; worst {worst:.1f} s)",
            "holds": not broken,
        },
        *(
            {
                "what": f"`{name}`",
                "said": f"{count} kills, {after.cut[name]} of them while its command still ran",
                "holds": not any(one.startswith(f"{name},") for one in broken),
            }
            for name, count in after.turns.items()
        ),
        {
            "what": "everything stopped and started again",
            "said": "every deployment answers as its spec says, with as many processes as it says; the journal is "
            "whole" + ("".join(f"; {one[:200]}" for one in broken)),
            "holds": not broken,
        },
    ]
    return {
        "title": "Rollouts cut by kills",
        "at": at.isoformat(),
        "cores": os.cpu_count(),
        "seed": after.seed,
        "note": "Each verb has happened wholly or not at all, and has happened when its command said so.",
        "rows": [{"requests": 0, "failed": 0, **row} for row in rows],
    }


def told(record_: Mapping[str, Any]) -> str:
    """The record for a person."""
    return json.dumps(record_, indent=1)
