"""A deployment becomes what is wished of it, and what serves goes on serving until then."""

import json
from datetime import timedelta

import pytest

from pratique.base.errors import ComputeFailed, InternalError, NotFound
from pratique.compute.task import Absent
from pratique.engine import replicas
from pratique.store import deployments

from .conftest import Beside, House, Killed, kill, until

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
LEAVES = "import sys\n\ndef init():\n    sys.exit(0)\n\ndef run(raw):\n    return 1\n"


def waiting_script(house: House) -> str:
    """A script that is ready when `house.folder / "gate"` is made."""
    return WAITS.format(gate=str(house.folder / "gate"), began=str(house.folder / "began"))


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
    assert "get-logs" in blue.error["hint"]
    assert house.endpoint().traffic == {}, "no traffic is sent to what never was ready"
    assert house.runs_anything() == []
    assert len(house.told("Pratique.DeploymentFailed")) == 1


def test_a_new_generation_replaces_the_old_one_only_when_it_is_ready(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), all_traffic=True)
    house.deployer.step()
    house.deploy(waiting_script(house), all_traffic=True)
    step = Beside(house.deployer.step)
    until((house.folder / "began").exists)
    assert house.score(generation=1) == "one"
    (house.folder / "gate").touch()
    step.finish()
    assert house.score(generation=2) == "late"
    assert house.gateway.drained == ["dev/credit/blue/1"]
    assert [folder.name for folder in house.runs_anything()] == ["2-0"]
    assert replicas.others(house.home, house.deployment().id, 2) == [1], "the log of the first one stays"


def test_a_generation_that_fails_leaves_the_old_one_serving_and_restarts_it_as_it_was(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"), environment_variables={"WHO": "first"})
    house.deployer.step()
    house.deploy(RAISES, environment_variables={"WHO": "second"})
    house.deployer.step()
    blue = house.deployment()
    assert (blue.provisioning_state, blue.generation, blue.applied) == ("Failed", 2, 1)
    assert house.score(generation=1) == "one"
    house.environments.error = ComputeFailed("the new environment cannot be built")
    kill(house.pid())
    until(lambda: not house.runs_anything())
    house.watcher.step()
    assert house.score(generation=1) == "one"
    launch = json.loads((house.home.replicas / blue.id / "files-of" / "1.json").read_text())
    assert launch["environment"]["WHO"] == "first"


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
    assert house.score(generation=2) == "two"
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
    replicas.start(house.bench, blue, 2, 0)
    # As if killed right after the row said that generation 2 is routed, with a start of generation 1 alive.
    house.deploy(ANSWERS.format(answer="three"))
    step = Beside(house.deployer.step)
    step.finish()
    with house.database.write() as tx:
        deployments.change(tx, blue.id, provisioning_state="Updating")
    pid = house.pid(generation=3)
    house.new_engine()
    house.watcher.step()
    house.deployer.step()
    assert house.deployment().provisioning_state == "Succeeded"
    assert house.pid(generation=3) == pid
    assert [folder.name for folder in house.runs_anything()] == ["3-0"]


def test_a_killed_replica_is_started_again_and_the_row_says_why(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    kill(house.pid())
    until(lambda: not house.runs_anything())
    house.watcher.step()
    blue = house.deployment()
    assert (blue.provisioning_state, blue.restarts) == ("Succeeded", 1)
    assert blue.error is not None
    assert "signal 9" in blue.error["message"]
    assert house.score() == "one", "behind the same socket"
    assert len(house.told("Pratique.ReplicaEnded")) == 1


def test_a_crash_loop_backs_off_and_is_told_once_for_each_fall(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    for number in range(2):
        kill(house.pid(number=number))
        until(lambda: not house.runs_anything())
        house.watcher.step()
    assert house.deployment().restarts == 1, "the second fall waits"
    before = house.commits
    for _ in range(5):
        house.watcher.step()
    assert house.commits == before
    until(lambda: house.watcher.step() or house.deployment().restarts == 2)
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
    until(lambda: house.watcher.step() or house.deployment().error is None)
    kill(house.pid(number=1))
    until(lambda: not house.runs_anything())
    house.watcher.step()
    assert house.deployment().restarts == 2, "an earlier fall no longer counts"


def test_a_replica_that_was_stopped_on_purpose_comes_back_without_a_word(house: House) -> None:
    house.make_endpoint()
    house.deploy(ANSWERS.format(answer="one"))
    house.deployer.step()
    folder = house.home.replica(house.deployment().id, 1, 0)
    house.compute.stop(folder, grace=timedelta(seconds=10))
    house.compute.clear(folder)
    house.new_engine()
    house.watcher.step()
    assert house.score() == "one"
    assert (house.deployment().error, house.deployment().restarts) == (None, 0)


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
    assert "files of generation 1 are gone" in error["message"]
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
    assert house.score(generation=1) == "one"
    house.gateway.error = None
    house.routes.publish()
    assert [name.rpartition("-")[2] for name in served(house)] == ["1.sock"]
    assert [folder.name for folder in house.runs_anything()] == ["1-0"]


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
    assert isinstance(replicas.observe(house.bench, blue, 1, 0), Absent) or house.runs_anything() == []


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
        kill(house.pid(number=number))
        until(lambda: not house.runs_anything())
        house.watcher.step()
    found = sorted(path.name for path in (house.home.replicas / house.deployment().id).glob("1-*"))
    assert found == ["1-3", "1-4", "1-5", "1-6", "1-7"]
