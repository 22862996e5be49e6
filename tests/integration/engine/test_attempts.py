"""What a command finds: its files, its bindings and its variables; and what becomes of what it leaves."""

import json
from typing import Any

from pratique.engine.attempts import Attempt, environment_of
from pratique.store import assets, holdings

from .conftest import OWNER, House

TELL = "python -c 'import json, os; print(json.dumps(dict(os.environ)))' > $AZURE_ML_OUTPUT_told/env.json"


def variables_of(house: House, **spec: Any) -> dict[str, str]:
    """The variables that a command of such a job really has."""
    given = {"outputs": {"told": {"type": "uri_folder"}}, **spec}
    name = house.submit(TELL, **given)
    house.worker().step()
    digest = house.job(name).outputs["told"]["manifest"]
    with house.database.read() as tx:
        manifest = holdings.manifest(tx, "dev", digest)
    assert manifest is not None
    with house.bench.blobs.open(manifest.entries[0].digest) as stream:
        found: dict[str, str] = json.load(stream)
    return found


def test_a_command_knows_its_run_its_workspace_and_its_tracking_server(house: House) -> None:
    found = variables_of(house, name="wise_fox", experiment_name="trial")
    expected = {
        "AZUREML_RUN_ID": "wise_fox",
        "AZUREML_ROOT_RUN_ID": "wise_fox",
        "AZUREML_EXPERIMENT_ID": "1",
        "AZUREML_ARM_SUBSCRIPTION": house.home.subscription,
        "AZUREML_ARM_RESOURCEGROUP": "team",
        "AZUREML_ARM_WORKSPACE_NAME": "dev",
        "AZUREML_ARM_PROJECT_NAME": "trial",
        "MLFLOW_TRACKING_URI": "http://127.0.0.1:7070/mlflow/dev",
        "MLFLOW_RUN_ID": house.job("wise_fox").run_id,
        "MLFLOW_EXPERIMENT_ID": "1",
        "MLFLOW_EXPERIMENT_NAME": "trial",
        "HOME": str(house.attempt("wise_fox") / "home"),
        "TMPDIR": str(house.attempt("wise_fox") / "tmp"),
        "PYTHONUNBUFFERED": "1",
    }
    assert expected.items() <= found.items()
    assert found["MLFLOW_TRACKING_TOKEN"].count(".") == 2


def test_nothing_of_the_platforms_own_environment_reaches_a_command(house: House, monkeypatch: Any) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SERVER", "x")
    found = variables_of(house)
    assert "SECRET_OF_THE_SERVER" not in found
    assert not [name for name in found if name.startswith(("PRATIQUE_", "PYTEST_"))]


def test_a_jobs_own_variables_win_except_over_what_names_it_and_its_token(house: House) -> None:
    mine = {
        "PYTHONUNBUFFERED": "0", "MLFLOW_EXPERIMENT_NAME": "mine", "AZUREML_COMPUTE": "kept",
        "AZUREML_RUN_ID": "forged", "MLFLOW_TRACKING_TOKEN": "forged",
    }  # fmt: skip
    found = variables_of(house, name="wise_fox", environment_variables=mine)
    assert (found["PYTHONUNBUFFERED"], found["MLFLOW_EXPERIMENT_NAME"], found["AZUREML_COMPUTE"]) == (
        "0",
        "mine",
        "kept",
    )
    assert found["AZUREML_RUN_ID"] == "wise_fox"
    assert found["MLFLOW_TRACKING_TOKEN"] != "forged"


def test_a_job_that_tracks_elsewhere_does_not_send_our_token_there(house: House) -> None:
    elsewhere = {"MLFLOW_TRACKING_URI": "https://mlflow.example.org"}
    assert "MLFLOW_TRACKING_TOKEN" not in variables_of(house, environment_variables=elsewhere)
    with_token = {**elsewhere, "MLFLOW_TRACKING_TOKEN": "of that place"}
    assert variables_of(house, environment_variables=with_token)["MLFLOW_TRACKING_TOKEN"] == "of that place"


def test_inputs_and_outputs_are_paths_literals_are_text_and_optional_parts_drop_out(house: House) -> None:
    rows = house.upload({"rows.csv": "a,b\n"}, "rows.csv")
    folder = house.upload({"deep/x.txt": "x", "y.txt": "y"}, "folder")
    name = house.submit(
        "cat ${{inputs.rows}}; cat ${{inputs.folder}}/deep/x.txt; "
        "echo ${{inputs.flag}} ${{inputs.rate}} ${{name}} $[[--left-out ${{inputs.none}}]]; "
        "echo best > ${{outputs.score}}; touch ${{outputs.model}}/m; "
        "test $AZURE_ML_INPUT_rows = ${{inputs.rows}} && test $AZURE_ML_OUTPUT_score = ${{outputs.score}}; "
        "test -z ${AZURE_ML_INPUT_none+x}",
        inputs={
            "rows": {"type": "uri_file", "path": rows},
            "folder": {"type": "uri_folder", "path": folder},
            "flag": True,
            "rate": 0.5,
            "none": None,
        },
        outputs={"score": {"type": "uri_file"}, "model": {"type": "custom_model"}},
    )
    house.worker().step()
    assert house.job(name).status == "Completed", house.log(name)
    said = [line for line in house.log(name).splitlines() if not line.startswith("[pratique]")]
    assert said == ["a,b", f"xTrue 0.5 {name}"]


def test_inputs_cannot_be_written_unless_their_mode_says_so(house: House) -> None:
    rows = house.upload({"rows.csv": "a\n"}, "rows.csv")
    name = house.submit(
        "stat -c %a ${{inputs.mounted}} ${{inputs.copied}}",
        inputs={
            "mounted": {"type": "uri_file", "path": rows},
            "copied": {"type": "uri_file", "path": rows, "mode": "download"},
        },
    )
    house.worker().step()
    assert [line for line in house.log(name).splitlines() if line.isdecimal()] == ["400", "600"]


def test_the_working_folder_is_a_copy_of_the_code(house: House) -> None:
    name = house.submit("cat main.py; echo changed > main.py", code=house.upload({"main.py": "print(1)\n"}, "src"))
    house.worker().step()
    again = house.submit("cat main.py", code=house.job(name).spec["code"])
    house.worker().step()
    assert "print(1)" in house.log(again)


def test_outputs_are_registered_as_data_or_model_with_the_job_as_their_origin(house: House) -> None:
    name = house.submit(
        "echo 1 > ${{outputs.rows}}; touch ${{outputs.net}}/MLmodel",
        outputs={
            "rows": {"type": "uri_file", "name": "clean-rows", "version": "3"},
            "net": {"type": "mlflow_model", "name": "net"},
        },
    )
    house.worker().step()
    job = house.job(name)
    with house.database.read() as tx:
        rows = assets.version(tx, "dev", "data", "clean-rows", "3")
        net = assets.version(tx, "dev", "models", "net", "1")
    assert rows is not None
    assert net is not None
    assert (rows.type, rows.job_name, net.type, net.job_name) == ("uri_file", name, "mlflow_model", name)
    assert rows.created_by["name"] == OWNER.name
    assert job.outputs["net"]["asset"] == {"kind": "models", "name": "net", "version": "1"}


def test_a_missing_output_file_and_a_removed_output_folder_are_said(house: House) -> None:
    missing = house.submit("true", outputs={"score": {"type": "uri_file"}})
    removed = house.submit("rm -r ${{outputs.out}}", outputs={"out": {"type": "uri_folder"}})
    worker = house.worker()
    while worker.step():
        pass
    for name, said in ((missing, "was not written"), (removed, "is not a folder any more")):
        error = house.job(name).error
        assert error is not None
        assert said in error["message"]
        assert "${{outputs." in error["hint"]


def test_a_distributed_command_is_the_first_of_one(house: House) -> None:
    found = variables_of(house, distribution={"type": "pytorch", "process_count_per_instance": 2})
    assert {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1"}.items() <= found.items()
    assert 20_000 <= int(found["MASTER_PORT"]) < 40_000
    assert variables_of(house, distribution={"type": "mpi"})["OMPI_COMM_WORLD_SIZE"] == "1"
    assert json.loads(variables_of(house, distribution={"type": "tensorflow"})["TF_CONFIG"])["task"]["index"] == 0


def test_a_command_may_install_and_harms_nobody(house: House) -> None:
    found = variables_of(house, name="own_layer")
    layer = house.attempt("own_layer") / "layer"
    assert found["VIRTUAL_ENV"] == str(layer)
    assert found["PATH"].split(":")[0] == str(layer / "bin")
    assert not layer.exists()  # It went with the other folders when the job had ended.


def test_the_list_of_packages_is_in_a_log_of_its_own(house: House) -> None:
    house.environments.is_built = False
    name = house.submit()
    house.worker().step()
    said = house.log(name)
    assert "2 packages" in said
    assert str(house.home.logs) in said
    assert "numpy" not in said


def test_a_full_log_disk_keeps_no_job_from_going_on(house: House) -> None:
    name = house.submit()
    attempt = Attempt(house.bench, house.job(name))
    attempt.folder.mkdir(parents=True)
    attempt.log.mkdir()  # Stands for a disk that takes no line.
    attempt.say("nobody hears this")
    assert environment_of(attempt, house.folder / "bin" / "python")["PATH"].startswith(str(house.folder / "bin"))
