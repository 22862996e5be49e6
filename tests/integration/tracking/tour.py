"""A tour of everything that an MLflow client does, for any client from 1.30 on; run by the client's own Python.

    python tour.py TRACKING_URI TRACKING_URI_OF_ANOTHER_WORKSPACE

The token is in MLFLOW_TRACKING_TOKEN. One line on stdout for each step: ``ok``
or ``FAILED``, its name, and what went wrong. The exit code is 1 when a step failed.

It uses nothing of this project and only the standard library besides MLflow, scikit-learn and what they bring.
"""

import contextlib
import os
import sys
import tempfile
import time
import traceback
import warnings

warnings.filterwarnings("ignore")
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["GIT_PYTHON_REFRESH"] = "quiet"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow  # noqa: E402
import mlflow.pyfunc  # noqa: E402
import mlflow.sklearn  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402

MAJOR = int(mlflow.__version__.split(".", 1)[0])
HERE, OTHER = sys.argv[1:3]
STEPS = []
STATE = {}
NAME = f"tour-{MAJOR}-{os.getpid()}"
ODD = ("plain.txt", "with space.txt", "ünïcode 日本.txt", "plus+and&amp=.csv", "[brackets]{x}~!@$.json", "UPPER.TXT")


def step(function):
    """Makes `function` a step of the tour, in the order of the file."""
    STEPS.append(function)
    return function


@contextlib.contextmanager
def refused(*codes):
    """The block raises MLflow's exception with one of `codes`."""
    said = None
    try:
        yield
    except MlflowException as error:
        said = error
    assert said is not None, "it was allowed"
    assert said.error_code in codes, (said.error_code, str(said))


def download(uri):
    """The local folder or file with the artifacts of `uri`."""
    return mlflow.artifacts.download_artifacts(uri)


def why(action):
    """What `action` raises, as text; clients of each age have another class for it."""
    try:
        action()
    except Exception as error:  # noqa: BLE001
        return str(error)
    raise AssertionError("it was allowed")


def content(path):
    with open(path, "rb") as stream:
        return stream.read()


@step
def experiment_zero_is_the_default():
    with mlflow.start_run() as run:
        mlflow.log_param("where", "default")
    found = MlflowClient().get_run(run.info.run_id)
    assert found.data.params == {"where": "default"}
    assert found.info.experiment_id != "0"
    assert MlflowClient().get_experiment("0").experiment_id == found.info.experiment_id
    runs = MlflowClient().search_runs(["0"])
    assert run.info.run_id in [one.info.run_id for one in runs]


@step
def an_experiment_is_made_and_found():
    experiment = mlflow.set_experiment(NAME)
    STATE["experiment"] = experiment.experiment_id
    assert mlflow.get_experiment_by_name(NAME).experiment_id == experiment.experiment_id
    assert NAME in [one.name for one in MlflowClient().search_experiments()]
    MlflowClient().set_experiment_tag(experiment.experiment_id, "team", "risk")
    assert MlflowClient().get_experiment(experiment.experiment_id).tags["team"] == "risk"


@step
def params_metrics_and_tags_are_logged():
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        for number in range(5):
            mlflow.log_metric("loss", 1.0 / (number + 1), step=number)
        mlflow.log_metrics({"auc": 0.81, "f1": 0.5})
        mlflow.set_tag("note", "ünï")
    STATE["run"] = run.info.run_id
    found = MlflowClient().get_run(run.info.run_id)
    assert found.data.params == {"lr": "0.1", "depth": "3"}
    assert found.data.metrics["auc"] == 0.81
    assert found.data.tags["note"] == "ünï"
    assert found.info.status == "FINISHED"
    history = MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [one.step for one in history] == [0, 1, 2, 3, 4]


@step
def runs_are_searched():
    found = MlflowClient().search_runs([STATE["experiment"]], "metrics.auc > 0.8 and params.lr = '0.1'")
    assert [one.info.run_id for one in found] == [STATE["run"]]


@step
def a_run_is_deleted_and_restored():
    client = MlflowClient()
    client.delete_run(STATE["run"])
    assert client.get_run(STATE["run"]).info.lifecycle_stage == "deleted"
    client.restore_run(STATE["run"])
    assert client.get_run(STATE["run"]).info.lifecycle_stage == "active"


@step
def artifacts_with_odd_names_come_back():
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        for name in ODD:
            with open(os.path.join(folder, name), "wb") as stream:
                stream.write(name.encode())
        client.log_artifacts(STATE["run"], folder, "odd/deep")
        client.log_artifact(STATE["run"], os.path.join(folder, ODD[0]))
    assert [one.path for one in client.list_artifacts(STATE["run"])] == ["odd", "plain.txt"]
    listed = {os.path.basename(one.path): one.file_size for one in client.list_artifacts(STATE["run"], "odd/deep")}
    assert listed == {name: len(name.encode()) for name in ODD}, listed
    local = download("runs:/{}/odd/deep".format(STATE["run"]))
    for name in ODD:
        assert content(os.path.join(local, name)) == name.encode()


@step
def texts_and_dictionaries_are_logged():
    with mlflow.start_run(run_id=STATE["run"]):
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": 1}, "notes/a.json")
    assert content(download("runs:/{}/notes/hello.txt".format(STATE["run"]))) == b"hello"


@step
def a_file_that_is_not_there_is_an_error():
    assert "here.txt" in why(lambda: download(f"runs:/{STATE['run']}/nothing/here.txt"))


@step
def eleven_megabytes_come_back():
    data = os.urandom(1 << 20) * 11
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "big.bin")
        with open(path, "wb") as stream:
            stream.write(data)
        MlflowClient().log_artifact(STATE["run"], path, "big")
    assert content(download("runs:/{}/big/big.bin".format(STATE["run"]))) == data


def fitted():
    return LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])


def log_model(**said):
    if MAJOR >= 3:
        # The pickle format, because this model is also loaded without skops.
        return mlflow.sklearn.log_model(fitted(), name="model", serialization_format="cloudpickle", **said)
    return mlflow.sklearn.log_model(fitted(), "model", **said)


@step
def a_model_is_logged_and_loaded_from_its_run():
    with mlflow.start_run() as run:
        log_model()
    STATE["model_run"] = run.info.run_id
    loaded = mlflow.sklearn.load_model(f"runs:/{run.info.run_id}/model")
    assert list(loaded.predict([[0.0], [3.0]])) == [0, 1]


@step
def it_is_registered_from_its_run():
    version = mlflow.register_model("runs:/{}/model".format(STATE["model_run"]), NAME)
    assert (version.name, str(version.version), version.status) == (NAME, "1", "READY")
    assert version.run_id in (STATE["model_run"], None, "")


@step
def a_model_is_logged_and_registered_at_once():
    with mlflow.start_run() as run:
        info = log_model(registered_model_name=NAME)
    found = MlflowClient().get_model_version(NAME, "2")
    assert found.run_id == run.info.run_id, (found.run_id, run.info.run_id)
    if MAJOR >= 3:
        assert str(info.registered_model_version) == "2"
        STATE["model_id"] = info.model_id


@step
def a_registered_version_is_loaded():
    for loader in (mlflow.sklearn.load_model, mlflow.pyfunc.load_model):
        assert list(loader(f"models:/{NAME}/1").predict([[0.0], [3.0]])) == [0, 1]


@step
def the_newest_version_is_loaded():
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}/latest").predict([[3.0]])) == [1]


@step
def stages_move():
    client = MlflowClient()
    client.transition_model_version_stage(NAME, "1", "Staging")
    client.transition_model_version_stage(NAME, "2", "Production")
    assert client.get_model_version(NAME, "2").current_stage == "Production"
    assert {one.current_stage for one in client.get_latest_versions(NAME)} == {"Staging", "Production"}
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}/Production").predict([[3.0]])) == [1]
    client.transition_model_version_stage(NAME, "1", "Production", archive_existing_versions=True)
    assert client.get_model_version(NAME, "2").current_stage == "Archived"
    with refused("INVALID_PARAMETER_VALUE"):
        client.transition_model_version_stage(NAME, "1", "Live")


@step
def aliases_move():
    client = MlflowClient()
    if not hasattr(client, "set_registered_model_alias"):
        return
    client.set_registered_model_alias(NAME, "champion", "1")
    client.set_registered_model_alias(NAME, "champion", "2")
    assert str(client.get_model_version_by_alias(NAME, "champion").version) == "2"
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}@champion").predict([[3.0]])) == [1]
    assert client.get_registered_model(NAME).aliases in ({"champion": "2"}, {"champion": 2})
    client.delete_registered_model_alias(NAME, "champion")
    with refused("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        client.get_model_version_by_alias(NAME, "champion")


@step
def words_about_a_model_change():
    client = MlflowClient()
    client.update_registered_model(NAME, "what it is")
    client.set_registered_model_tag(NAME, "team", "risk")
    client.update_model_version(NAME, "1", "the first")
    client.set_model_version_tag(NAME, "1", "checked", "yes")
    model, version = client.get_registered_model(NAME), client.get_model_version(NAME, "1")
    assert (model.description, model.tags) == ("what it is", {"team": "risk"})
    assert (version.description, version.tags["checked"]) == ("the first", "yes")
    client.delete_registered_model_tag(NAME, "team")
    client.delete_model_version_tag(NAME, "1", "checked")
    assert client.get_registered_model(NAME).tags == {}


@step
def models_are_searched():
    client = MlflowClient()
    versions = client.search_model_versions(f"name='{NAME}'")
    assert sorted(str(one.version) for one in versions) == ["1", "2"]
    if MAJOR >= 2:
        found = client.search_registered_models(f"name LIKE '{NAME[:6]}%'", order_by=["name ASC"])
        assert NAME in [one.name for one in found]
        of_run = client.search_model_versions(f"run_id='{versions[0].run_id}'")
        assert versions[0].version in [one.version for one in of_run]
    else:
        assert NAME in [one.name for one in client.search_registered_models(f"name='{NAME}'")]


@step
def the_files_of_a_version_cannot_be_changed():
    client = MlflowClient()
    uri = client.get_model_version_download_uri(NAME, "1")
    before = content(os.path.join(download(f"models:/{NAME}/1"), "MLmodel"))
    repository = get_artifact_repository(uri)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "MLmodel")
        with open(path, "w") as stream:
            stream.write("evil")
        for attack in (lambda: repository.log_artifact(path), lambda: repository.delete_artifacts("MLmodel")):
            said = why(attack)
            assert "403" in said or "PERMISSION" in said, said
        client.log_artifact(STATE["model_run"], path, "model")  # The run's own files may change …
    assert content(os.path.join(download(f"models:/{NAME}/1"), "MLmodel")) == before  # … the version's do not.


@step
def a_logged_model_is_registered_by_its_id():
    if MAJOR < 3:
        return
    version = mlflow.register_model("models:/{}".format(STATE["model_id"]), NAME)
    assert (str(version.version), version.source) == ("3", "models:/{}".format(STATE["model_id"]))
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}/3").predict([[3.0]])) == [1]
    found = mlflow.search_logged_models([STATE["experiment"]], output_format="list")
    assert STATE["model_id"] in [one.model_id for one in found]


@step
def a_version_is_copied():
    client = MlflowClient()
    if not hasattr(client, "copy_model_version"):
        return
    copy = client.copy_model_version(f"models:/{NAME}/2", NAME + "-copy")
    assert str(copy.version) == "1"
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}-copy/1").predict([[3.0]])) == [1]
    client.delete_registered_model(NAME + "-copy")


@step
def traces_are_kept():
    if MAJOR < 3:
        return

    @mlflow.trace
    def answer(question):
        return question.upper()

    answer("why")
    trace_id = mlflow.get_last_active_trace_id()
    deadline = time.time() + 60
    while time.time() < deadline:
        with contextlib.suppress(Exception):
            found = mlflow.get_trace(trace_id)
            if found is not None and found.data.spans:
                return
        time.sleep(0.2)
    raise AssertionError("the trace did not arrive")


@step
def a_source_elsewhere_is_refused():
    client = MlflowClient()
    for source in ("file:///etc", "s3://bucket/model", "mlflow-artifacts:/1/../../x"):
        with refused("INVALID_PARAMETER_VALUE"):
            client.create_model_version(NAME, source)


@step
def a_name_is_taken_once():
    with refused("RESOURCE_ALREADY_EXISTS"):
        MlflowClient().create_registered_model(NAME)


@step
def the_other_workspace_sees_nothing_of_this():
    client = MlflowClient(tracking_uri=OTHER, registry_uri=OTHER)
    with refused("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
        client.get_run(STATE["run"])
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model(NAME)
    assert client.get_experiment_by_name(NAME) is None
    run = client.create_run("0")
    assert run.info.experiment_id != MlflowClient().get_experiment("0").experiment_id
    client.set_terminated(run.info.run_id)


@step
def a_model_is_renamed_and_deleted():
    client = MlflowClient()
    client.rename_registered_model(NAME, NAME + "-new")
    assert list(mlflow.pyfunc.load_model(f"models:/{NAME}-new/1").predict([[3.0]])) == [1]
    client.delete_model_version(NAME + "-new", "1")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_model_version(NAME + "-new", "1")
    client.delete_registered_model(NAME + "-new")
    with refused("RESOURCE_DOES_NOT_EXIST"):
        client.get_registered_model(NAME + "-new")


def main():
    mlflow.set_tracking_uri(HERE)
    failed = 0
    for function in STEPS:
        begun = time.time()
        try:
            function()
            print(f"ok      {time.time() - begun:5.1f} s  {function.__name__}", flush=True)
        except Exception:  # noqa: BLE001 - every step is tried.
            failed += 1
            print(f"FAILED  {time.time() - begun:5.1f} s  {function.__name__}", flush=True)
            traceback.print_exc(file=sys.stdout)
    print(f"mlflow {mlflow.__version__}: {len(STEPS)} steps, {failed} failed", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
