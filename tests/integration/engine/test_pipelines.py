"""A pipeline runs its steps in the order of what they need, whoever begins and whoever ends it."""

from collections.abc import Mapping
from typing import Any

import pytest

from pratique.base.machine import Capacity
from pratique.engine.jobs import canceled_in_queue
from pratique.engine.logs import PLACE as LOG
from pratique.engine.pipelines import PipelineWorker, RunsBehind, bring_forward
from pratique.store import artifacts, assets, jobs

from .conftest import MACHINE, Beside, House, Killed, until

CHAIN: Mapping[str, Any] = {
    "prep": {
        "command": "tr a-z A-Z < ${{inputs.raw}} > ${{outputs.clean}}/rows.csv",
        "inputs": {"raw": {"type": "uri_file", "path": "${{parent.inputs.raw}}"}},
        "outputs": {"clean": {"type": "uri_folder"}},
    },
    "train": {
        "command": "(cat ${{inputs.rows}}/rows.csv; echo ${{inputs.rate}}) > ${{outputs.model}}",
        "inputs": {"rows": "${{parent.jobs.prep.outputs.clean}}", "rate": "${{parent.inputs.rate}}"},
        "outputs": {"model": {"type": "uri_file"}},
    },
    "score": {
        "command": "cat ${{inputs.model}} > ${{outputs.said}}",
        "inputs": {"model": "${{parent.jobs.train.outputs.model}}"},
        "outputs": {"said": "${{parent.outputs.said}}"},
    },
}
STEPS = ("prep", "train", "score")


def chain(house: House, raw: str = "a,b\n", rate: float = 0.5, **spec: Any) -> str:
    """Three steps, each of which needs the one before."""
    given = {
        "inputs": {"raw": {"type": "uri_file", "path": house.upload({"raw.csv": raw}, "raw.csv")}, "rate": rate},
        "outputs": {"said": {"type": "uri_file"}},
        **spec,
    }
    return house.submit_pipeline(CHAIN, **given)


def statuses(house: House, name: str) -> dict[str, str]:
    return {step: job.status for step, job in house.steps(name).items()}


def ran(house: House, name: str) -> set[str]:
    """The steps that had a process of their own."""
    return {step for step, job in house.steps(name).items() if (house.attempt(job.name) / "exit.json").exists()}


def test_three_steps_hand_their_outputs_on(house: House) -> None:
    name = chain(house)
    assert statuses(house, name) == dict.fromkeys(STEPS, "NotStarted")
    job = house.run_pipeline(name)
    assert (job.status, job.error) == ("Completed", None)
    assert statuses(house, name) == dict.fromkeys(STEPS, "Completed")
    assert house.text_of(name, "said") == "A,B\n0.5\n"
    assert house.statuses(name) == ["Running", "Finalizing", "Completed"]
    said = house.log(name)
    assert said.index("step prep: completed") < said.index("step train: completed") < said.index(f"{name}: completed")


def test_every_step_has_a_run_below_that_of_the_pipeline_before_it_begins(house: House) -> None:
    name = house.submit_pipeline({"a": "true", "b": "false"}, settings={"continue_on_step_failure": True})
    opener = PipelineWorker(house.bench, house.stop)
    assert opener.step()
    pipeline, steps = house.job(name), house.steps(name)
    assert house.runs.batches == 1
    assert {house.runs.runs[step.run_id]["status"] for step in steps.values()} == {"SCHEDULED"}
    house.run_pipeline(name)
    assert house.runs.batches == 2
    runs = {step: house.runs.runs[job.run_id] for step, job in steps.items()}
    assert {step: run["status"] for step, run in runs.items()} == {"a": "FINISHED", "b": "FAILED"}
    assert house.runs.runs[pipeline.run_id]["status"] == "FAILED"
    assert {run["tags"]["mlflow.parentRunId"] for run in runs.values()} == {pipeline.run_id}
    assert runs["a"]["tags"]["azureml.job"] == steps["a"].name


def test_mlflow_learns_that_a_step_has_ended_while_its_pipeline_runs(house: House) -> None:
    name = house.submit_pipeline(
        {
            "a": {"command": "true", "outputs": {"o": {}}},
            "b": {"command": "true", "inputs": {"i": "${{parent.jobs.a.outputs.o}}"}},
        }
    )
    opener, behind = PipelineWorker(house.bench, house.stop), RunsBehind(house.bench)
    assert opener.step()
    behind.step()
    assert house.runs.batches == 1
    assert house.worker().step()
    behind.step()
    behind.step()
    assert house.runs.batches == 2
    steps = house.steps(name)
    assert house.job(name).status == "Running"
    assert {step: house.runs.runs[job.run_id]["status"] for step, job in steps.items()} == {
        "a": "FINISHED",
        "b": "SCHEDULED",
    }


def test_nothing_runs_again_and_no_process_starts_when_nothing_has_changed(house: House) -> None:
    first = chain(house)
    house.run_pipeline(first)
    again = chain(house)
    PipelineWorker(house.bench, house.stop).step()
    assert house.job(again).status == "Finalizing", "nobody but the opener had to do anything"
    house.run_pipeline(again)
    assert statuses(house, again) == dict.fromkeys(STEPS, "Completed")
    assert ran(house, again) == set()
    assert house.text_of(again, "said") == house.text_of(first, "said")
    for step, job in house.steps(again).items():
        assert job.reused_from == house.steps(first)[step].id
        assert house.runs.runs[job.run_id]["tags"]["azureml.isreused"] == "true"
    assert "step prep: reused" in house.log(again)


def test_a_changed_byte_runs_its_cone_again_and_the_same_output_ends_it(house: House) -> None:
    house.run_pipeline(chain(house))
    other = chain(house, raw="a,c\n")
    house.run_pipeline(other)
    assert ran(house, other) == set(STEPS)
    rate = chain(house, raw="a,c\n", rate=0.7)
    house.run_pipeline(rate)
    assert ran(house, rate) == {"train", "score"}
    same = chain(house, raw="A,c\n", rate=0.7)  # Upper case already: prep makes the same of it.
    house.run_pipeline(same)
    assert ran(house, same) == {"prep"}
    assert house.text_of(same, "said") == "A,C\n0.7\n"


def test_a_forced_run_reuses_nothing_and_its_results_are_reused(house: House) -> None:
    house.run_pipeline(chain(house))
    forced = chain(house, settings={"force_rerun": True})
    house.run_pipeline(forced)
    assert ran(house, forced) == set(STEPS)
    again = chain(house)
    house.run_pipeline(again)
    assert house.steps(again)["prep"].reused_from == house.steps(forced)["prep"].id


def test_what_is_not_deterministic_or_names_its_job_always_runs(house: House) -> None:
    component = {
        "command": "date +%N > ${{outputs.o}}",
        "outputs": {"o": {"type": "uri_file"}},
        "is_deterministic": False,
        "environment": {"conda_file": {"dependencies": ["python=3.11"]}},
    }
    steps = {"dice": {"component": component}, "named": "echo ${{name}}", "still": "echo 1"}
    for _ in range(2):
        name = house.submit_pipeline(steps)
        assert house.run_pipeline(name).status == "Completed"
    assert ran(house, name) == {"dice", "named"}


def test_a_failed_step_ends_the_pipeline_and_what_waits_is_canceled(house: House) -> None:
    needs = {"command": "cat ${{inputs.x}}/*", "inputs": {"x": "${{parent.jobs.bad.outputs.o}}"}}
    bad = {"command": "echo oh; exit 3", "outputs": {"o": {"type": "uri_folder"}}}
    name = house.submit_pipeline({"bad": bad, "after": needs})
    job = house.run_pipeline(name)
    assert job.status == "Failed"
    assert job.error is not None
    assert job.error["message"] == "step bad failed: the command ended with exit code 3"
    assert job.error["log_tail"][-1] == "oh"
    assert statuses(house, name) == {"bad": "Failed", "after": "Canceled"}


def test_with_continue_on_step_failure_what_does_not_need_it_still_runs(house: House) -> None:
    needs = {"command": "true", "inputs": {"x": "${{parent.jobs.bad.outputs.o}}"}}
    bad = {"command": "exit 3", "outputs": {"o": {"type": "uri_folder"}}}
    steps = {"bad": bad, "after": needs, "other": "true"}
    name = house.submit_pipeline(steps, settings={"continue_on_step_failure": True})
    assert house.run_pipeline(name).status == "Failed"
    assert statuses(house, name) == {"bad": "Failed", "after": "Canceled", "other": "Completed"}


def test_a_canceled_pipeline_ends_what_runs_and_never_begins_the_rest(house: House) -> None:
    slow = {"command": "sleep 300", "outputs": {"o": {"type": "uri_folder"}}}
    after = {"command": "true", "inputs": {"x": "${{parent.jobs.slow.outputs.o}}"}}
    name = house.submit_pipeline({"slow": slow, "waits": "sleep 300", "after": after})
    PipelineWorker(house.bench, house.stop).step()
    walk = Beside(house.worker().step)
    until(lambda: house.steps(name)["slow"].status == "Running")
    house.cancel(name)
    assert house.steps(name)["after"].status == "Canceled"
    canceler = house.worker(canceled_in_queue)
    while canceler.step():
        pass
    walk.finish()
    assert house.run_pipeline(name).status == "Canceled"
    assert statuses(house, name) == {"slow": "Canceled", "waits": "Canceled", "after": "Canceled"}
    assert house.runs_anything() == []
    assert {run["status"] for run in house.runs.runs.values()} == {"KILLED"}


def test_a_pipeline_in_a_pipeline_is_a_step_with_steps(house: House) -> None:
    inner = {
        "type": "pipeline",
        "inputs": {"text": {"type": "string", "default": "none"}, "file": {"type": "uri_file"}},
        "outputs": {"whole": {"type": "uri_file"}},
        "jobs": {
            "one": house.step_of({
                "command": "(echo ${{inputs.text}}; cat ${{inputs.file}}) > ${{outputs.o}}",
                "inputs": {"text": "${{parent.inputs.text}}", "file": "${{parent.inputs.file}}"},
                "outputs": {"o": {"type": "uri_file"}},
            }),
            "two": house.step_of({
                "command": "(cat ${{inputs.x}}; echo two) > ${{outputs.o}}",
                "inputs": {"x": "${{parent.jobs.one.outputs.o}}"},
                "outputs": {"o": "${{parent.outputs.whole}}"},
            }),
        },
    }  # fmt: skip
    steps = {
        "first": {"command": "echo begun > ${{outputs.o}}", "outputs": {"o": {"type": "uri_file"}}},
        "inner": {
            "type": "pipeline",
            "component": inner,
            "inputs": {"text": "hello", "file": "${{parent.jobs.first.outputs.o}}"},
            "outputs": {"whole": "${{parent.outputs.all}}"},
        },
        "last": {"command": "cat ${{inputs.x}}", "inputs": {"x": "${{parent.jobs.inner.outputs.whole}}"}},
    }
    name = house.submit_pipeline(steps, outputs={"all": {"type": "uri_file"}})
    assert house.run_pipeline(name).status == "Completed", house.job(name).error
    assert house.text_of(name, "all") == "hello\nbegun\ntwo\n"
    nested = house.steps(name)["inner"]
    assert set(house.steps(nested.name)) == {"one", "two"}
    assert house.runs.runs[house.steps(nested.name)["one"].run_id]["tags"]["mlflow.parentRunId"] == nested.run_id
    again = house.submit_pipeline(steps, outputs={"all": {"type": "uri_file"}})
    assert house.run_pipeline(again).status == "Completed"
    assert ran(house, again) == ran(house, house.steps(again)["inner"].name) == set()


def test_components_bring_types_defaults_and_optional_inputs(house: House) -> None:
    component = {
        "command": "echo ${{inputs.n}} ${{inputs.flag}} ${{inputs.word}} $[[--left ${{inputs.none}}]] > ${{outputs.o}}",
        "inputs": {
            "n": {"type": "integer", "default": 3}, "flag": {"type": "boolean"}, "word": {"type": "string"},
            "none": {"type": "string", "optional": True},
        },
        "outputs": {"o": {"type": "uri_file"}},
        "environment": {"conda_file": {"dependencies": ["python=3.11"]}},
    }  # fmt: skip
    given = {"flag": "${{parent.inputs.flag}}", "word": "${{parent.inputs.count}}"}
    step = {"component": component, "inputs": given, "outputs": {"o": "${{parent.outputs.o}}"}}
    name = house.submit_pipeline(
        {"say": step}, inputs={"flag": "true", "count": 7}, outputs={"o": {"type": "uri_file"}}
    )
    assert house.run_pipeline(name).status == "Completed"
    assert house.text_of(name, "o") == "3 True 7\n"


def test_a_direct_input_is_a_uri_and_no_file_is_written(house: House) -> None:
    steps = {
        "make": {"command": "echo 1 > ${{outputs.o}}/x", "outputs": {"o": {"type": "uri_folder"}}},
        "name": {
            "command": "echo ${{inputs.there}} ${{inputs.made}} $AZUREML_ROOT_RUN_ID > ${{outputs.o}}",
            "inputs": {
                "there": {"type": "uri_file", "path": "https://example.org/rows.csv", "mode": "direct"},
                "made": {"path": "${{parent.jobs.make.outputs.o}}", "mode": "direct"},
            },
            "outputs": {"o": "${{parent.outputs.o}}"},
        },
    }
    name = house.submit_pipeline(steps, outputs={"o": {"type": "uri_file"}})
    assert house.run_pipeline(name).status == "Completed", house.job(name).error
    made = house.steps(name)["make"].name
    assert house.text_of(name, "o") == f"https://example.org/rows.csv azureml://jobs/{made}/outputs/o {name}\n"


def test_what_the_run_of_a_step_has_logged_is_its_artifacts(house: House) -> None:
    steps = {
        "log": "mkdir -p outputs; echo kept > outputs/note.txt",
        "read": {
            "command": "cat ${{inputs.x}}/outputs/note.txt > ${{outputs.o}}",
            "inputs": {"x": "${{parent.jobs.log.outputs.artifacts}}"},
            "outputs": {"o": "${{parent.outputs.o}}"},
        },
    }
    name = house.submit_pipeline(steps, outputs={"o": {"type": "uri_file"}})
    assert house.run_pipeline(name).status == "Completed", house.job(name).error
    assert house.text_of(name, "o") == "kept\n"


def test_outputs_are_registered_once_and_laid_where_their_path_says(house: House) -> None:
    place = "azureml://datastores/workspaceblobstore/paths/made/${{name}}"
    step = {"command": "echo 1 > ${{outputs.o}}/a.txt",
            "outputs": {"o": {"type": "uri_folder", "name": "rows", "path": place}}}  # fmt: skip
    names = []
    for _ in range(2):
        names.append(name := house.submit_pipeline({"make": step}))
        assert house.run_pipeline(name).status == "Completed", house.job(name).error
    first, second = (house.steps(name)["make"] for name in names)
    assert second.reused_from == first.id
    assert first.outputs["o"]["asset"] == second.outputs["o"]["asset"] == {
        "kind": "data", "name": "rows", "version": "1",
    }  # fmt: skip
    with house.database.read() as tx:
        assert len(assets.versions(tx, "dev", "data", "rows")) == 1
    assert second.outputs["o"]["path"].endswith(f"/paths/made/{second.name}")


def test_the_outputs_of_a_pipeline_become_assets_when_it_has_completed(house: House) -> None:
    name = chain(house, outputs={"said": {"type": "uri_file", "name": "said", "version": "4"}})
    job = house.run_pipeline(name)
    with house.database.read() as tx:
        made = assets.version(tx, "dev", "data", "said", "4")
    assert made is not None
    assert (made.job_name, made.manifest) == (name, job.outputs["said"]["manifest"])


def test_a_command_is_tried_again_as_often_as_its_property_says(house: House) -> None:
    mark = house.folder / "tries"
    command = f"echo try >> {mark}; [ $(wc -l < {mark}) -ge 3 ]"
    name = house.submit_pipeline({"flaky": {"command": command, "properties": {"pratique.retries": "2"}}})
    assert house.run_pipeline(name).status == "Completed"
    step = house.steps(name)["flaky"]
    assert (step.attempt, mark.read_text()) == (3, "try\n" * 3)
    said = (house.home.job_attempt(step.id, 3) / "stream.log").read_text()
    assert said.count("it is tried again") == 2, "the log of the last attempt begins with those before"
    mark.unlink()
    job = house.submit(command, properties={"pratique.retries": "1"})
    worker = house.worker()
    while worker.step():
        pass
    assert (house.job(job).status, house.job(job).attempt) == ("Failed", 2)


def test_a_step_of_a_larger_machine_than_this_takes_all_of_it_and_says_so(house: House) -> None:
    name = house.submit_pipeline({"big": {"command": "true", "resources": {"instance_type": "Standard_D64s_v5"}}})
    assert house.run_pipeline(name).status == "Completed"
    step = house.steps(name)["big"]
    assert Capacity(step.cores, step.memory) == MACHINE
    said = (house.home.job_attempt(step.id, 1) / "stream.log").read_text()
    assert "Standard_D64s_v5 has 64 cores and 256 GiB; of this machine the job has" in said


@pytest.mark.parametrize(
    "place",
    [
        "after the run was made",
        "before the process",
        "after the process",
        "while it runs",
        "while outputs are stored",
        "after the run was finished",
    ],
)
def test_an_engine_killed_anywhere_is_followed_by_one_that_ends_the_pipeline(house: House, place: str) -> None:
    mark = house.folder / "ran"
    steps = {
        "a": {"command": f"echo a >> {mark}; touch ${{{{outputs.o}}}}/x", "outputs": {"o": {"type": "uri_folder"}}},
        "b": {"command": f"echo b >> {mark}; ls ${{{{inputs.x}}}}", "inputs": {"x": "${{parent.jobs.a.outputs.o}}"}},
    }
    name = house.submit_pipeline(steps)
    house.traps.places.append(place)
    with pytest.raises(Killed, match=place):
        house.run_pipeline(name)
    house.new_engine()
    bring_forward(house.bench)
    assert house.run_pipeline(name).status == "Completed", house.job(name).error
    assert mark.read_text() == "a\nb\n", "each step ran exactly once"
    assert len(house.runs.runs) == 3
    assert {run["status"] for run in house.runs.runs.values()} == {"FINISHED"}
    ended = [event.data["name"] for event in house.told("Microsoft.MachineLearningServices.RunCompleted")]
    assert sorted(ended) == sorted([name, *(step.name for step in house.steps(name).values())])


def test_a_list_of_jobs_shows_pipelines_and_not_their_steps(house: House) -> None:
    name = chain(house)
    with house.database.read() as tx:
        assert [job.name for job in jobs.newest(tx, "dev", limit=10)] == [name]


def files_of(house: House, job: Any) -> dict[str, str]:
    """What the run of `job` has of our own log, by path."""
    with house.database.read() as tx:
        found = artifacts.of_run(tx, "dev", job.run_id)
    return {file.path.partition("/artifacts/")[2]: house.blob(file.blob) for file in found}


def test_the_logs_of_steps_are_kept_behind_them_and_all_before_their_pipeline_ends(house: House) -> None:
    name = house.submit_pipeline({f"s{number}": f"echo said by {number}" for number in range(7)})
    opener, behind, worker = PipelineWorker(house.bench, house.stop), RunsBehind(house.bench), house.worker()
    assert opener.step()
    assert worker.step()
    assert files_of(house, house.steps(name)["s0"]) == {}
    behind.step()
    assert "said by 0" in files_of(house, house.steps(name)["s0"])[LOG]
    while worker.step():
        pass
    assert house.job(name).status == "Finalizing"
    assert opener.step()
    assert house.job(name).status == "Completed"
    for number in range(7):
        assert f"said by {number}\n" in files_of(house, house.steps(name)[f"s{number}"])[LOG]


def test_the_log_of_a_step_that_failed_or_whose_files_are_read_is_kept_as_it_ends(house: House) -> None:
    name = house.submit_pipeline(
        {
            "log": "echo for the next",
            "read": {
                "command": f"grep -r 'for the next' ${{{{inputs.x}}}}/{LOG}; exit 3",
                "inputs": {"x": "${{parent.jobs.log.outputs.artifacts}}"},
            },
        }
    )
    assert PipelineWorker(house.bench, house.stop).step()
    worker = house.worker()
    while worker.step():
        pass
    assert house.job(name).status == "Finalizing"
    assert "for the next" in files_of(house, house.steps(name)["read"])[LOG]
