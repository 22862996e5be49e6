"""A job is walked from its queue to its end, whoever begins and whoever ends it."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.base.errors import ComputeFailed, Unavailable
from pratique.engine.jobs import canceled_in_queue
from pratique.engine.sweeper import Sweeper
from pratique.store import artifacts, assets, jobs

from .conftest import Beside, House, Killed, until

WAITS = "touch began; until [ -e {gate} ]; do sleep 0.02; done; echo done"


def gated(house: House) -> tuple[str, Path]:
    """A command that goes on when its gate is made."""
    gate = house.folder / "gate"
    return WAITS.format(gate=gate), gate


def files_of_run(house: House, name: str) -> set[str]:
    root = f"1/{house.job(name).run_id}/artifacts"
    with house.database.read() as tx:
        return {row.path.removeprefix(f"{root}/") for row in artifacts.below(tx, "dev", root)}


def test_a_job_completes_through_every_state_and_keeps_its_log_only(house: House) -> None:
    name = house.submit("echo hello; mkdir -p outputs; echo 1 > outputs/x; echo secret > $HOME/.rc")
    assert house.worker().step() is True
    assert house.worker().step() is False
    job = house.job(name)
    assert (job.status, job.error) == ("Completed", None)
    assert house.statuses(name) == ["Preparing", "Starting", "Running", "Finalizing", "Completed"]
    assert len(house.told("Microsoft.MachineLearningServices.RunCompleted")) == 1
    assert "hello\n" in house.log(name)
    assert not [path.name for path in house.attempt(name).iterdir() if path.is_dir()]
    assert files_of_run(house, name) == {"outputs/x", "user_logs/std_log.txt"}
    run = house.runs.runs[job.run_id]
    assert (run["status"], run["user"]) == ("FINISHED", "ann")
    assert run["tags"] == {"azureml.job": name, "mlflow.source.git.commit": "abc"}


def test_a_command_that_fails_leaves_its_last_twenty_lines_on_the_row(house: House) -> None:
    name = house.submit("mkdir -p logs; echo why > logs/a; for i in $(seq 30); do echo line $i; done; exit 3")
    house.worker().step()
    job = house.job(name)
    assert job.status == "Failed"
    assert job.error is not None
    assert job.error["message"] == "the command ended with exit code 3"
    assert name in job.error["hint"]
    assert job.error["log_tail"] == [f"line {number}" for number in range(11, 31)]
    assert house.runs.runs[job.run_id]["status"] == "FAILED"
    assert "logs/a" in files_of_run(house, name), "what a job leaves before it fails is kept"
    assert not (house.attempt(name) / "code").exists()


def test_an_environment_that_cannot_be_built_fails_the_job_before_anything_runs(house: House) -> None:
    house.environments.error = ComputeFailed("no such package", hint="correct it", log_tail=["x"])
    name = house.submit(f"touch {house.folder}/ran")
    house.worker().step()
    assert house.job(name).error == {
        "code": "ComputeFailed", "message": "no such package", "hint": "correct it", "log_tail": ["x"],
    }  # fmt: skip
    assert not (house.folder / "ran").exists()
    assert house.runs.runs == {}


def test_a_running_job_is_canceled_with_everything_that_it_started(house: House) -> None:
    name = house.submit("touch began; sleep 300 & sleep 300")
    walk = Beside(house.worker().step)
    until(lambda: (house.attempt(name) / "code" / "began").exists())
    house.cancel(name)
    walk.finish()
    assert house.job(name).status == "Canceled"
    assert house.runs.runs[house.job(name).run_id]["status"] == "KILLED"
    assert house.runs_anything() == []


def test_a_job_is_canceled_while_its_environment_is_built_and_the_build_goes_on(house: House) -> None:
    house.environments.gate.clear()
    name = house.submit()
    walk = Beside(house.worker().step)
    until(house.environments.building.is_set)
    house.cancel(name)
    walk.finish()
    said = house.log(name)
    assert house.job(name).status == "Canceled"
    house.environments.gate.set()
    other = house.submit()
    house.worker().step()
    assert house.job(other).status == "Completed"
    assert house.log(name) == said, "a build that nobody waits for says nothing more"


def test_a_job_is_canceled_in_the_queue_while_every_slot_is_taken(house: House) -> None:
    command, gate = gated(house)
    house.submit(command, name="first")
    walk = Beside(house.worker().step)
    until(lambda: house.job("first").status == "Running")
    house.submit(name="second")
    canceler = house.worker(canceled_in_queue)
    assert canceler.step() is False
    house.cancel("second")
    assert canceler.step() is True
    assert house.job("second").status == "Canceled"
    gate.touch()
    walk.finish()
    assert house.job("first").status == "Completed"


def test_a_job_that_takes_longer_than_its_limit_is_ended_and_says_so(house: House) -> None:
    name = house.submit("sleep 300", limits={"timeout": 1})
    house.worker().step()
    job = house.job(name)
    assert job.status == "Canceled", "as Azure has it"
    assert job.error is not None
    assert "limits.timeout" in job.error["message"]
    assert house.runs_anything() == []


def test_a_killed_command_names_its_signal_and_the_likely_reason(house: House) -> None:
    name = house.submit("kill -9 $$")
    house.worker().step()
    error = house.job(name).error
    assert error is not None
    assert "signal 9" in error["message"]
    assert "memory" in error["message"]


@pytest.mark.parametrize(
    "place",
    [
        "while the environment is built",
        "after the run was made",
        "before the process",
        "after the process",
        "while it runs",
        "while outputs are stored",
        "after the run was finished",
    ],
)
def test_an_engine_killed_anywhere_is_followed_by_one_that_ends_the_job(house: House, place: str) -> None:
    ran = house.folder / "ran"
    outputs = {"model": {"type": "custom_model", "name": "credit", "version": "7"}}
    name = house.submit(f"echo once >> {ran}; echo m > ${{{{outputs.model}}}}/m.txt", outputs=outputs)
    house.traps.places.append(place)
    with pytest.raises(Killed, match=place):
        house.worker().step()
    house.new_engine()
    assert house.worker().step() is True
    assert house.job(name).status == "Completed", house.job(name).error
    assert ran.read_text() == "once\n", "the command ran exactly once"
    assert [run["status"] for run in house.runs.runs.values()] == ["FINISHED"], "MLflow has one run of it"
    assert len(house.told("Microsoft.MachineLearningServices.RunCompleted")) == 1
    with house.database.read() as tx:
        assert assets.version(tx, "dev", "models", "credit", "7") is not None


def test_an_engine_that_stops_leaves_the_command_to_the_next_one(house: House) -> None:
    command, gate = gated(house)
    name = house.submit(command)
    walk = Beside(house.worker().step)
    until(lambda: house.job(name).status == "Running")
    house.stop.wish()
    walk.finish()
    assert house.job(name).status == "Running"
    assert len(house.runs_anything()) == 1
    house.new_engine()
    gate.touch()
    house.worker().step()
    assert house.job(name).status == "Completed"
    assert house.log(name).count("done") == 1


def test_a_job_canceled_while_no_engine_lived_is_canceled_and_not_failed(house: House) -> None:
    name = house.submit("sleep 300")
    walk = Beside(house.worker().step)
    until(lambda: house.job(name).status == "Running")
    house.stop.wish()
    walk.finish()
    house.cancel(name)
    house.compute.stop(house.attempt(name), grace=timedelta(seconds=10))
    house.new_engine()
    house.worker().step()
    assert house.job(name).status == "Canceled"


def test_a_worker_that_lost_its_lease_writes_nothing(house: House) -> None:
    command, gate = gated(house)
    name = house.submit(command)
    slow = Beside(house.worker().step)
    until(lambda: house.job(name).status == "Running")
    with house.database.write() as tx:
        jobs.free_all(tx)
    quick = Beside(house.worker().step)
    slow.finish()
    assert house.job(name).status == "Running"
    gate.touch()
    quick.finish()
    assert house.job(name).status == "Completed"
    assert house.statuses(name) == ["Preparing", "Starting", "Running", "Finalizing", "Completed"]
    assert house.log(name).count("done") == 1


def test_two_workers_run_two_jobs_side_by_side(house: House) -> None:
    meet = "touch {mine}; until [ -e {theirs} ]; do sleep 0.02; done"
    one, two = house.folder / "one", house.folder / "two"
    first = house.submit(meet.format(mine=one, theirs=two))
    second = house.submit(meet.format(mine=two, theirs=one))
    walks = [Beside(house.worker().step) for _ in range(2)]
    for walk in walks:
        walk.finish()
    assert [house.job(name).status for name in (first, second)] == ["Completed", "Completed"]


def test_an_idle_worker_writes_nothing_while_another_walks_a_job(house: House) -> None:
    command, gate = gated(house)
    name = house.submit(command)
    walk = Beside(house.worker().step)
    until(lambda: house.job(name).status == "Running")
    before = house.commits
    assert [house.worker().step() for _ in range(5)] == [False] * 5
    assert house.commits == before, "a write would wake it again, without end"
    gate.touch()
    walk.finish()


def test_a_job_completes_although_mlflow_does_not_take_its_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.engine.jobs._MLFLOW_WITHIN", timedelta(0))
    command, gate = gated(house)
    name = house.submit(command)
    walk = Beside(house.worker().step)
    until(lambda: house.job(name).status == "Running")
    house.runs.error = Unavailable("MLflow is away")
    gate.touch()
    walk.finish()
    assert house.job(name).status == "Completed"


def test_a_stopping_engine_does_not_wait_for_mlflow(house: House) -> None:
    house.runs.error = Unavailable("MLflow is away")
    name = house.submit()
    walk = Beside(house.worker().step)
    until(lambda: (house.attempt(name) / "tmp").exists())
    house.stop.wish()
    walk.finish()
    assert house.job(name).status == "Preparing"


def test_a_name_that_is_taken_at_the_end_fails_the_job_and_registers_nothing(house: House) -> None:
    outputs = {"model": {"type": "custom_model", "name": "credit", "version": "1"}}
    names = [house.submit("echo ${{name}} > ${{outputs.model}}/m", outputs=outputs) for _ in range(2)]
    worker = house.worker()
    while worker.step():
        pass
    assert [house.job(name).status for name in names] == ["Completed", "Failed"]
    error = house.job(names[1]).error
    assert error is not None
    assert error["code"] == "AlreadyExists"
    assert house.runs.runs[house.job(names[1]).run_id]["status"] == "FAILED"


def test_what_a_killed_engine_left_of_an_ended_job_is_swept(house: House) -> None:
    name = house.submit()
    house.worker().step()
    os.mkdir(house.attempt(name) / "code")
    waiting = house.submit()
    (house.attempt(waiting) / "code").mkdir(parents=True)
    Sweeper(house.bench).step()
    assert not (house.attempt(name) / "code").exists()
    assert (house.attempt(name) / "stream.log").exists()
    assert (house.attempt(waiting) / "code").exists(), "a job that has not ended keeps what it has"
