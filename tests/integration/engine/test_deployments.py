"""A deployment becomes what is wished of it, and what serves goes on serving until then."""

import hashlib
import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from pratique.base.clock import utc_now
from pratique.base.errors import ComputeFailed, InternalError, NotFound
from pratique.compute.task import Absent
from pratique.control import endpoints as endpoint_verbs
from pratique.engine import grpc_sockets, replicas
from pratique.store import deployments, workspaces

from .conftest import OWNER, Beside, House, Killed, kill, replica, until

ANSWERS = """
def init():
    pass

def run(raw):
    return {answer!r}
"""
WAITS = """
import os, time

def init():
    open({began!r}, "w").close()
    while not os.path.exists({gate!r}):
        time.sleep(0.02)

def run(raw):
    return "late"
"""
RAISES = "def init():\n    raise ValueError('no weights')\n\ndef run(raw):\n    return 1\n"
LEAKS = """
kept = []

def init():
    pass

def run(raw):
    kept.append(bytearray(30_000_000))
    return len(kept)
"""
HANGS = """
import os, time

def init():
    pass

def run(raw):
    try:
        os.unlink({hang!r})
    except FileNotFoundError:
        return "fine"
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            pass
"""
LEAVES = "import sys\n\ndef init():\n    sys.exit(0)\n\ndef run(raw):\n    return 1\n"


def waiting_script(house: House) -> str:
    """A script that is ready when `house.folder / "gate"` is made."""
    return WAITS.format(gate=str(house.folder / "gate"), began=str(house.folder / "began"))


def watched_until(house: House, holds: Callable[[], object]) -> None:
    """Let the watcher look until `holds`."""

    def look() -> object:
        house.watcher.step()
        return holds()

    until(look)


def served(house: House) -> list[str]:
    """The names of the sockets that the endpoint leads to."""
    return [socket.name for row in house.gateway.route("credit").deployments for socket in row.sockets]


def test_a_deployment_is_started_routed_and_told(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    assert house.deployer.step() is True
    assert house.deployer.step() is False
    blue = house.deployment()
    assert (blue.provisioning_state, blue.applied, blue.error) == ("Succeeded", 1, None)
    assert set(blue.timings) == {"prepare_s", "start_and_load_s", "route_s"}
    assert house.score() == "one"
    assert house.gateway.route("credit").traffic == {"blue": 100}
    assert (house.endpoint().provisioning_state, house.endpoint().traffic) == ("Succeeded", {"blue": 100})
    assert len(house.told("Microsoft.MachineLearningServices.ModelDeployed")) == 1


@pytest.mark.parametrize(("script", "said"), [(RAISES, "ValueError: no weights"), (LEAVES, "SystemExit")])
def test_a_script_that_does_not_load_fails_the_deployment_with_its_last_words(
    house: House, script: str, said: str
) -> None:
    house.make_endpoint()
    house.deploy(script, all_traffic=True)
    house.deployer.step()
    blue = house.deployment()
    assert (blue.provisioning_state, blue.applied) == ("Failed", 0)
    assert blue.error is not None
    assert "init()" in blue.error["message"]
    assert said in "\n".join(blue.error["log_tail"])
    command = "pratique ml online-deployment get-logs --name blue --endpoint-name credit --workspace-name dev "
    assert blue.error["hint"].startswith(command)
    assert house.endpoint().traffic == {}, "no traffic is sent to what never was ready"
    assert house.runs_anything() == []
    assert len(house.told("Pratique.DeploymentFailed")) == 1


def test_a_model_that_loads_for_longer_than_it_may_fails_and_where_that_is_written_is_said(house: House) -> None:
    house.make_endpoint()
    probe = {"initial_delay": 0, "period": 1, "failure_threshold": 1}
    house.deploy("import time\ndef init(): time.sleep(600)\ndef run(data): pass\n", readiness_probe=probe)
    house.deployer.step()
    error = house.deployment().error
    assert error is not None
    assert "(initial_delay + period × failure_threshold of its readiness_probe) and was stopped" in error["message"]
    assert house.runs_anything() == []


def test_settings_that_the_model_server_does_not_understand_are_named(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), environment_variables={"WORKER_COUNT": "many"})
    house.deployer.step()
    error = house.deployment().error
    assert error is not None
    assert error["message"].endswith("because of its settings (environment_variables, tags)")
    assert "WORKER_COUNT: expected a whole number, got 'many'" in error["log_tail"][-1]


def test_a_new_generation_replaces_the_old_one_only_when_it_is_ready(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    house.deployer.step()
    house.deploy(waiting_script(house), all_traffic=True)
    step = Beside(house.deployer.step)
    until((house.folder / "began").exists)
    assert house.score(revision=1) == "one"
    (house.folder / "gate").touch()
    step.finish()
    assert house.score(revision=2) == "late"
    assert house.gateway.drained == ["dev/credit/blue/1"]
    assert [folder.name for folder in house.runs_anything()] == ["2-0-0"]
    assert replicas.others(house.home, house.deployment().id, 2) == [1], "the log of the first one stays"


def test_a_generation_that_fails_leaves_the_old_one_serving_and_restarts_it_as_it_was(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), environment_variables={"WHO": "first"})
    house.deployer.step()
    house.deploy(RAISES, environment_variables={"WHO": "second"})
    house.deployer.step()
    blue = house.deployment()
    assert (blue.provisioning_state, blue.generation, blue.applied) == ("Failed", 2, 1)
    assert house.score(revision=1) == "one"
    house.environments.error = ComputeFailed("the new environment cannot be built")
    kill(house.pid())
    until(lambda: not house.runs_anything())
    house.watcher.step()
    assert house.score(revision=1) == "one"
    _, _, launch = (house.home.replicas / blue.id / "files-of" / "1.json").read_text().partition("\n")
    assert json.loads(launch)["environment"]["WHO"] == "first"


def test_a_deployment_deleted_while_it_starts_goes_without_a_failure(house: House) -> None:
    house.make_endpoint()
    house.deploy(waiting_script(house))
    step = Beside(house.deployer.step)
    until((house.folder / "began").exists)
    house.delete()
    step.finish()
    assert house.deployer.step() is True
    with pytest.raises(NotFound):
        house.deployment()
    assert house.runs_anything() == []
    assert list(house.home.replicas.iterdir()) == []
    assert house.told("Pratique.DeploymentFailed") == []
    assert len(house.told("Pratique.DeploymentDeleted")) == 1


def test_a_deployment_is_deleted_while_its_environment_is_built(house: House) -> None:
    house.make_endpoint()
    house.environments.gate.clear()
    house.deploy(ANSWERS.format(answer="one"))
    step = Beside(house.deployer.step)
    until(house.environments.building.is_set)
    house.delete()
    step.finish()
    house.deployer.step()
    with pytest.raises(NotFound):
        house.deployment()


def test_a_wish_that_changes_while_the_first_starts_is_the_one_that_is_served(house: House) -> None:
    house.make_endpoint()
    house.deploy(waiting_script(house))
    step = Beside(house.deployer.step)
    until((house.folder / "began").exists)
    house.deploy(ANSWERS.format(answer="two"))
    step.finish()
    assert house.runs_anything() == [], "nobody wants the first any more"
    house.deployer.step()
    assert house.score(revision=2) == "two"
    assert house.deployment().provisioning_state == "Succeeded"


def test_a_stopping_engine_leaves_a_loading_model_to_the_next_one(house: House) -> None:
    house.make_endpoint()
    house.deploy(waiting_script(house))
    step = Beside(house.deployer.step)
    until((house.folder / "began").exists)
    pid = house.pid()
    house.stop.wish()
    step.finish()
    assert house.deployment().provisioning_state == "Creating"
    house.new_engine()
    (house.folder / "gate").touch()
    house.deployer.step()
    assert house.deployment().provisioning_state == "Succeeded"
    assert house.pid() == pid, "the same process was taken over"


@pytest.mark.parametrize("place", ["while the environment is built", "before the process", "after the process"])
def test_an_engine_killed_anywhere_is_followed_by_one_that_deploys(house: House, place: str) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    house.traps.places.append(place)
    with pytest.raises(Killed, match=place):
        house.deployer.step()
    house.new_engine()
    house.deployer.step()
    assert house.deployment().provisioning_state == "Succeeded"
    assert house.score() == "one"
    assert len(house.runs_anything()) == 1


def test_a_routed_generation_whose_engine_was_killed_is_finished_and_its_forerunner_stopped(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    house.deploy(ANSWERS.format(answer="two"))
    house.deployer.step()
    blue = house.deployment()
    replicas.start(house.bench, replica(blue, 2))
    # As if killed right after the row said that generation 2 is routed, with a start of generation 1 alive.
    house.deploy(ANSWERS.format(answer="three"))
    step = Beside(house.deployer.step)
    step.finish()
    with house.database.write() as tx:
        deployments.change(tx, blue.id, provisioning_state="Updating")
    pid = house.pid(revision=3)
    house.new_engine()
    house.watcher.step()
    house.deployer.step()
    assert house.deployment().provisioning_state == "Succeeded"
    assert house.pid(revision=3) == pid
    assert [folder.name for folder in house.runs_anything()] == ["3-0-0"]


def test_a_killed_replica_is_started_again_and_the_row_says_why(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    kill(house.pid())
    until(lambda: not house.runs_anything())
    house.watcher.step()
    blue = house.deployment()
    [process] = house.replicas()
    assert (blue.provisioning_state, process.state, process.start, process.restarts) == ("Succeeded", "Starting", 1, 1)
    assert process.error == blue.error
    assert blue.error is not None
    assert "signal 9" in blue.error["message"]
    fallen = replicas.log_of(house.home, replace(process, start=0)).read_text()
    assert fallen.endswith(f": {blue.error['message']}\n"), "the log says it too"
    assert house.score() == "one", "behind the same socket"
    assert len(house.told("Pratique.ReplicaEnded")) == 1


def test_a_crash_loop_backs_off_and_is_told_once_for_each_fall(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    for number in range(2):
        kill(house.pid(start=number))
        until(lambda: not house.runs_anything())
        house.watcher.step()
    assert house.replicas()[0].restarts == 1, "the second fall waits"
    assert house.replicas()[0].state == "Down"
    before = house.commits
    for _ in range(5):
        house.watcher.step()
    assert house.commits == before
    watched_until(house, lambda: house.replicas()[0].restarts == 2)
    assert len(house.told("Pratique.ReplicaEnded")) == 2


def test_a_replica_that_lived_steadily_has_nothing_to_tell_any_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    kill(house.pid())
    until(lambda: not house.runs_anything())
    house.watcher.step()
    assert house.deployment().error
    monkeypatch.setattr("pratique.engine.watcher._STEADY", timedelta(0))
    watched_until(house, lambda: house.deployment().error is None)
    kill(house.pid(start=1))
    watched_until(house, lambda: house.replicas()[0].restarts == 2)
    assert house.score() == "one", "an earlier fall no longer counts"


def test_a_replica_that_was_stopped_on_purpose_comes_back_without_a_word(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    folder = house.home.replica(house.deployment().id, 1, 0, 0)
    house.compute.stop(folder, grace=timedelta(seconds=10))
    house.compute.clear(folder)
    house.new_engine()
    house.watcher.step()
    assert house.score() == "one"
    assert (house.deployment().error, house.replicas()[0].restarts) == (None, 0)


def test_a_replica_that_cannot_be_started_says_so_once_and_does_not_hold_up_another(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deploy(ANSWERS.format(answer="two"), name="green")
    house.deployer.step()
    house.deployer.step()
    blue = house.deployment()
    (house.home.replicas / blue.id / "files-of" / "1.json").unlink()
    for name in ("blue", "green"):
        kill(house.pid(name=name))
    until(lambda: not house.runs_anything())
    for _ in range(5):
        house.watcher.step()
    assert house.score(name="green") == "two"
    error = house.deployment().error
    assert error is not None
    assert "files of revision 1 are gone" in error["message"]
    told = [event.subject for event in house.told("Pratique.ReplicaEnded")]
    assert sorted(told) == [
        "endpoints/credit/deployments/blue", "endpoints/credit/deployments/blue", "endpoints/credit/deployments/green",
    ]  # fmt: skip


def test_the_watcher_does_not_start_what_is_being_deleted(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    pid = house.pid()
    house.delete()
    kill(pid)
    until(lambda: not house.runs_anything())
    house.watcher.step()
    assert house.runs_anything() == []
    house.deployer.step()
    house.watcher.step()
    assert list(house.home.replicas.iterdir()) == []


def test_what_a_killed_engine_left_of_a_deleted_deployment_is_stopped(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    with house.database.write() as tx:
        deployments.remove(tx, house.deployment().id)
    assert len(house.runs_anything()) == 1
    house.new_engine()
    house.watcher.step()
    assert house.runs_anything() == []


def test_a_publication_that_fails_takes_everything_back(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    house.deployer.step()
    house.deploy(ANSWERS.format(answer="two"), all_traffic=True)
    house.gateway.error = InternalError("Envoy did not take clusters.json", hint="its log")
    house.deployer.step()
    blue = house.deployment()
    assert (blue.provisioning_state, blue.applied) == ("Failed", 1)
    assert blue.error is not None
    assert "Envoy did not take" in blue.error["message"]
    assert house.score(revision=1) == "one"
    house.gateway.error = None
    house.routes.publish()
    assert [name.split("-")[1] for name in served(house)] == ["1"]
    assert [folder.name for folder in house.runs_anything()] == ["1-0-0"]


def test_a_first_deployment_that_the_gateway_refuses_gets_no_traffic(house: House) -> None:
    house.make_endpoint()
    house.gateway.refusals = {"dev/credit": "a value is out of range"}
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    house.deployer.step()
    blue = house.deployment()
    assert (blue.provisioning_state, blue.applied) == ("Failed", 0)
    assert blue.error is not None
    assert "a value is out of range" in blue.error["message"]
    assert house.endpoint().traffic == {}
    assert isinstance(replicas.observe(house.bench, replica(blue)), Absent) or house.runs_anything() == []


def test_a_deletion_that_gets_stuck_says_why_and_lets_others_pass(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    house.delete()
    house.gateway.error = InternalError("Envoy did not take clusters.json")
    assert house.deployer.step() is True
    assert house.deployer.step() is False, "it is not tried again at once"
    blue = house.deployment()
    assert blue.provisioning_state == "Deleting"
    assert blue.error is not None
    house.gateway.error = None
    house.deploy(ANSWERS.format(answer="two"), name="green")
    house.deployer.step()
    assert house.deployment("green").provisioning_state == "Succeeded"


def test_old_logs_of_starts_are_let_go(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.engine.watcher._LONGEST_BACK_OFF", 0.0)
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    for number in range(7):
        kill(house.pid(start=number))
        until(lambda: not house.runs_anything())
        house.watcher.step()
    found = sorted(path.name for path in (house.home.replicas / house.deployment().id).glob("1-*"))
    assert found == ["1-0-3", "1-0-4", "1-0-5", "1-0-6", "1-0-7"]


def states(house: House, name: str = "blue") -> list[str]:
    return [row.state for row in house.replicas(name)]


def test_as_many_replicas_run_as_are_wished_and_each_has_its_socket(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), instance_count=3, all_traffic=True)
    house.deployer.step()
    assert house.deployment().provisioning_state == "Succeeded"
    assert states(house) == ["Ready"] * 3
    assert len(set(served(house))) == 3
    assert [house.score(slot=slot) for slot in range(3)] == ["one"] * 3


@pytest.mark.parametrize("tags", [{}, {"pratique.promotion": "approved-only"}])
def test_a_byte_that_was_flipped_in_the_store_is_found_before_anything_starts(
    house: House, tags: dict[str, str]
) -> None:
    house.make_endpoint()
    model = {"path": house.upload({"weights.bin": "1.5"}, "weights"), "type": "custom_model"}
    house.deploy(ANSWERS.format(answer="blue"), model=model)
    with house.database.write() as tx:
        known = workspaces.get(tx, "dev")
        assert known is not None
        workspaces.change(tx, replace(known, tags=tags))
    blob = house.bench.blobs.path(hashlib.sha256(b"1.5").hexdigest())
    blob.chmod(0o600)
    blob.write_bytes(b"2.5")
    house.deployer.step()
    error = house.deployment().error or {}
    assert "the stored model was changed: weights.bin" in error["message"]
    assert str(blob) in error["hint"]
    assert house.runs_anything() == []


def test_another_number_of_replicas_keeps_those_which_run(house: House) -> None:
    house.make_endpoint()
    text = ANSWERS.format(answer="one")
    code = {"code": house.upload({"score.py": text}, "code"), "scoring_script": "score.py"}
    house.deploy(text, code_configuration=code)
    house.deployer.step()
    first = house.pid()
    for count in (3, 1, 2):
        house.deploy(text, code_configuration=code, instance_count=count)
        house.deployer.step()
        blue = house.deployment()
        assert (blue.provisioning_state, blue.revision, blue.applied) == ("Succeeded", 1, 1)
        assert (len(served(house)), len(house.runs_anything())) == (count, count)
        assert house.pid() == first
    assert states(house) == ["Ready"] * 2


def test_the_watcher_leaves_a_replica_that_is_being_stopped_for_good(house: House) -> None:
    scaled = Scaled(house)
    scaled.to(2)
    with house.database.write() as tx:  # As the deployer writes it, before it stops the second one.
        spec = {**house.deployment().spec, "instance_count": 1}
        deployments.change(tx, house.deployment().id, spec=spec, applied_spec=spec)
    kill(house.pid(slot=1))
    until(lambda: len(house.runs_anything()) == 1)
    house.watcher.step()
    assert len(house.runs_anything()) == 1
    assert house.told("Pratique.ReplicaEnded") == []


def test_a_replica_too_many_that_a_killed_engine_left_is_stopped(house: House) -> None:
    scaled = Scaled(house)
    scaled.to(3)
    with house.database.write() as tx:
        spec = {**house.deployment().spec, "instance_count": 1}
        deployments.change(tx, house.deployment().id, spec=spec, applied_spec=spec)
    house.new_engine()
    house.watcher.step()
    assert (states(house), len(house.runs_anything())) == (["Ready"], 1)


def test_a_replica_that_is_being_stopped_is_not_led_to_although_it_is_wished_again(house: House) -> None:
    scaled = Scaled(house)
    scaled.to(3)
    with house.database.write() as tx:  # As the deployer writes it, before it stops the other two.
        spec = {**house.deployment().spec, "instance_count": 1}
        deployments.change(tx, house.deployment().id, spec=spec, applied_spec=spec)
    scaled.wish(3)
    house.routes.publish()
    assert len(served(house)) == 1


class Scaled:
    """The deployment blue with a number of instances and nothing else that changes."""

    def __init__(self, house: House) -> None:
        self._house = house
        house.make_endpoint()
        text = ANSWERS.format(answer="one")
        self._code = {"code": house.upload({"score.py": text}, "code"), "scoring_script": "score.py"}

    def wish(self, count: int) -> None:
        self._house.deploy("", code_configuration=self._code, instance_count=count)

    def to(self, count: int) -> None:
        self.wish(count)
        self._house.deployer.step()
        assert states(self._house) == ["Ready"] * count


def test_a_limit_changes_without_a_new_process(house: House) -> None:
    house.make_endpoint()
    text = ANSWERS.format(answer="one")
    code = {"code": house.upload({"score.py": text}, "code"), "scoring_script": "score.py"}
    house.deploy(text, code_configuration=code, instance_count=2)
    house.deployer.step()
    limits = {"max_concurrent_requests_per_instance": 1}
    house.deploy(text, code_configuration=code, instance_count=2, request_settings=limits)
    house.deployer.step()
    assert house.deployment().revision == 1
    [blue] = house.gateway.route("credit").deployments
    assert blue.max_pending == 4, "twice the concurrency of two instances"
    house.deploy(text, code_configuration=code, instance_count=2, request_settings=limits)
    assert house.deployment().revision == 3, "asked for again without a change, it starts again"


def test_after_a_failed_update_the_limits_are_those_of_what_serves(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), request_settings={"request_timeout_ms": 7000})
    house.deployer.step()
    house.deploy(RAISES, request_settings={"request_timeout_ms": 1})
    house.deployer.step()
    assert house.deployment().provisioning_state == "Failed"
    house.routes.publish()
    [blue] = house.gateway.route("credit").deployments
    assert (blue.request_timeout, blue.revision) == (timedelta(seconds=7), 1)


def test_one_of_several_that_dies_leaves_the_rotation_until_it_is_back(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), instance_count=2)
    house.deployer.step()
    house.watcher.step()
    both = served(house)
    kill(house.pid(slot=1))
    watched_until(house, lambda: states(house) != ["Ready", "Ready"])
    house.routes.publish()
    assert served(house) == both[:1]
    watched_until(house, lambda: states(house) == ["Ready", "Ready"])
    house.routes.publish()
    assert served(house) == both
    assert house.replicas()[1].error is not None


def test_a_lonely_replica_that_dies_is_replaced_while_callers_wait(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    house.deployer.step()
    house.watcher.step()
    before = served(house)
    kill(house.pid())
    assert house.score() == "one", "who connects meanwhile waits for the next process"
    watched_until(house, lambda: house.replicas()[0].restarts == 1 and states(house) == ["Ready"])
    house.routes.publish()
    assert served(house) == before
    assert (house.replicas()[0].start, house.replicas()[0].falls) == (0, 1)
    error = house.deployment().error
    assert error is not None
    assert "signal 9" in error["message"]


def test_a_replica_that_keeps_its_memory_is_replaced_with_a_reason_and_no_other_notices(house: House) -> None:
    house.make_endpoint()
    house.deploy(LEAKS, all_traffic=True, environment_variables={"PRATIQUE_MEMORY_BYTES": "200000000"})
    house.deploy(ANSWERS.format(answer="one"), name="green")
    while house.deployer.step():
        house.watcher.step()
    house.watcher.step()
    answers = [house.score()]
    while answers[-1] != 500:
        assert len(answers) < 50
        answers.append(house.score())
    assert answers[:2] == [1, 2]
    assert house.score() == 1, "who comes then waits for the fresh process"
    watched_until(house, lambda: house.replicas()[0].restarts == 1 and states(house) == ["Ready"])
    error = house.deployment().error
    assert error is not None
    assert "kept all the memory that it may take" in error["message"]
    assert any("the model keeps what it takes" in line for line in error["log_tail"])
    assert (house.score(name="green"), house.deployment("green").error) == ("one", None)


def test_a_replica_whose_call_never_ends_is_replaced_and_says_where_it_hung(house: House) -> None:
    house.make_endpoint()
    script = HANGS.format(hang=str(house.folder / "hang"))
    house.deploy(script, all_traffic=True, environment_variables={"PRATIQUE_LONGEST_CALL_MS": "300"})
    house.deployer.step()
    house.watcher.step()
    assert house.score() == "fine"
    (house.folder / "hang").touch()
    assert house.score() == 408
    assert house.score() == "fine", "who comes then waits for the fresh process"
    watched_until(house, lambda: house.replicas()[0].restarts == 1 and states(house) == ["Ready"])
    error = house.deployment().error
    assert error is not None
    assert "a call of the model went on for longer than it may" in error["message"]
    assert any("time.sleep(3600)" in line for line in error["log_tail"])


def test_a_replica_that_speaks_grpc_has_a_folder_for_its_socket_until_it_is_gone(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    [plain] = house.replicas()
    assert "PRATIQUE_GRPC" not in (house.home.replicas / plain.deployment_id / "files-of" / "1.json").read_text()
    folder = grpc_sockets.socket_of(house.home, plain).parent
    assert folder.parent == house.home.runtime
    folder.mkdir()
    house.delete()
    house.deployer.step()
    assert not folder.exists()


def test_a_replica_that_never_passes_its_readiness_probe_fails_the_deployment(house: House) -> None:
    house.make_endpoint()
    probe = {"path": "/nothing", "initial_delay": 0, "period": 1, "failure_threshold": 1}
    house.deploy(ANSWERS.format(answer="one"), readiness_probe=probe, all_traffic=True)
    house.deployer.step()
    error = house.deployment().error
    assert house.deployment().provisioning_state == "Failed"
    assert error is not None
    assert "GET /nothing was answered with status 404" in error["message"]
    assert house.endpoint().traffic == {}
    assert house.runs_anything() == []


def test_a_replica_that_stops_passing_its_readiness_probe_takes_no_traffic(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pratique.engine.rounds._EVERY", 0.0)
    house.make_endpoint()
    probe = {"initial_delay": 0, "period": 1, "timeout": 1, "failure_threshold": 1}
    house.deploy(ANSWERS.format(answer="one"), instance_count=2, readiness_probe=probe)
    house.deployer.step()
    stopped = house.pid(slot=1)
    os.kill(stopped, signal.SIGSTOP)
    until(lambda: house.rounds.step() or states(house) == ["Ready", "Unready"])
    house.routes.publish()
    assert len(served(house)) == 1
    os.kill(stopped, signal.SIGCONT)
    until(lambda: house.rounds.step() or states(house) == ["Ready", "Ready"])


def test_a_replica_that_fails_its_liveness_probe_is_ended_and_started_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pratique.engine.rounds._EVERY", 0.0)
    house.make_endpoint()
    probe = {"initial_delay": 0, "period": 1, "timeout": 1, "failure_threshold": 1}
    house.deploy(ANSWERS.format(answer="one"), liveness_probe=probe)
    house.deployer.step()
    house.watcher.step()
    os.kill(house.pid(), signal.SIGSTOP)
    until(lambda: house.rounds.step() or house.rounds.why_dead(house.replicas()[0]))
    watched_until(house, lambda: house.replicas()[0].restarts == 1 and states(house) == ["Ready"])
    error = house.deployment().error
    assert error is not None
    assert "liveness probe" in error["message"]
    assert house.score() == "one"


def test_a_deployment_that_was_kept_for_a_while_goes_by_itself(house: House) -> None:
    house.make_endpoint()
    for name in ("blue", "green"):
        house.deploy(ANSWERS.format(answer=name), name=name, all_traffic=name == "blue")
        house.deployer.step()
    with house.database.write() as tx:
        endpoint_verbs.promote(tx, OWNER, "dev", "credit", "green", keep_old=timedelta(0), now=utc_now())
    assert house.endpoint().traffic == {"green": 100}
    house.watcher.step()
    assert house.deployment("blue").is_going
    assert house.deployer.step() is True
    with pytest.raises(NotFound):
        house.deployment("blue")
    assert house.score(name="green") == "green"
