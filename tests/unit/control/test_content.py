"""What a path means on the server: content that the workspace holds, and nothing else."""

from typing import Any

import pytest

from pratique.base.errors import InvalidInput, NotFound, NotYet
from pratique.content.manifest import Entry, Manifest
from pratique.control import artifacts, assets, content
from pratique.control.content import Held
from pratique.store import holdings, jobs

DIGEST = "ab" * 32


def resolve(world: Any, path: str, *, workspace: str = "dev", key: str = "path") -> Held:
    with world.database.write() as tx:
        return content.resolve(tx, workspace, path, now=world.now, key=key)


def paths(held: Held) -> list[str]:
    return [entry.path for entry in held.manifest.entries]


@pytest.fixture
def job(world: Any) -> str:
    """A completed job with an output, and files of its run."""
    made = world.job(name="train", outputs={"model": {"type": "custom_model"}, "later": {"type": "uri_folder"}})
    upload = world.upload({"a/one.txt": b"1", "two.txt": b"22"}, "model")
    output = {"type": "custom_model", "manifest": upload[7:71], "name": "model", "mode": None}
    with world.database.write() as tx:
        jobs.change(tx, made.id, run_id="r1", experiment_id="1", status="Completed", outputs={"model": output})
        tree = Manifest([Entry("outputs/metrics.json", DIGEST, 3), Entry("user_logs/std_log.txt", DIGEST, 3)])
        artifacts.add(tx, "dev", "1/r1/artifacts", tree, now=world.now)
    return str(made.name)


def test_an_upload_is_what_was_uploaded_under_the_name_it_had(world: Any) -> None:
    upload = world.upload({"a.txt": b"1", "b/c.txt": b"2"}, "folder")
    held = resolve(world, upload)
    assert (paths(held), held.name, held.is_file, held.reference) == (["a.txt", "b/c.txt"], "folder", False, upload)


def test_one_uploaded_file_is_a_file(world: Any) -> None:
    assert resolve(world, world.upload({"rows.csv": b"1"}, "rows.csv")).is_file


def test_to_know_the_digest_of_another_workspace_is_not_to_hold_it(world: Any) -> None:
    upload = world.upload({"secret.txt": b"1"}, "folder", workspace="qa-1")
    assert resolve(world, upload, workspace="qa-1").name == "folder"
    with pytest.raises(NotFound, match=r"inputs\.x: workspace 'dev' holds no content") as caught:
        resolve(world, upload, key="inputs.x")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("path", "found", "name"),
    [
        ("azureml://jobs/train/outputs/model", ["a/one.txt", "two.txt"], "model"),
        ("azureml://jobs/train/outputs/model/paths/", ["a/one.txt", "two.txt"], "model"),
        ("azureml://jobs/train/outputs/model/paths/a", ["one.txt"], "a"),
        ("azureml://jobs/train/outputs/model/paths/a/one.txt", ["one.txt"], "one.txt"),
        ("azureml://jobs/train/outputs/artifacts/paths/outputs/", ["metrics.json"], "outputs"),
        ("azureml://jobs/train/outputs/default", ["outputs/metrics.json", "user_logs/std_log.txt"], "artifacts"),
        ("runs:/r1/outputs/metrics.json", ["metrics.json"], "metrics.json"),
        ("runs:/r1/", ["outputs/metrics.json", "user_logs/std_log.txt"], "artifacts"),
        ("runs:/train/outputs/metrics.json", ["metrics.json"], "metrics.json"),
    ],
)
@pytest.mark.usefixtures("job")
def test_what_a_job_left_is_held_by_its_digest_from_then_on(world: Any, path: str, found: list[str], name: str) -> None:
    held = resolve(world, path)
    assert (paths(held), held.name) == (found, name)
    assert resolve(world, held.reference) == held


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("azureml://jobs/train/outputs/model/paths/nothing", "has nothing at 'nothing'"),
        ("azureml://jobs/train/outputs/artifacts/paths/model", "has nothing at 'model'"),
        ("azureml://jobs/train/outputs/weights", "no output 'weights'; it has artifacts, model"),
        ("azureml://jobs/train/outputs/later", "'later' of job 'train' is not there: the job is Completed"),
        ("azureml://jobs/other/outputs/model", "no job 'other'"),
        ("runs:/r2/model", "run 'r2' of workspace 'dev' has nothing at 'model'"),
        ("runs:/r1/model", "run 'r1' of workspace 'dev' has nothing at 'model'"),
    ],
)
@pytest.mark.usefixtures("job")
def test_what_a_job_did_not_leave_is_not_found(world: Any, path: str, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        resolve(world, path)


@pytest.mark.parametrize(
    "path", ["azureml://jobs/train/outputs/model", "azureml://jobs/train/outputs/artifacts", "runs:/r1/"]
)
@pytest.mark.usefixtures("job")
def test_what_a_job_left_is_not_there_for_another_workspace(world: Any, path: str) -> None:
    with pytest.raises(NotFound):
        resolve(world, path, workspace="qa-1")
    with world.database.read() as tx:
        assert not holdings.held(tx, "qa-1", "blob", [DIGEST])


def test_a_job_that_has_not_started_has_no_files_yet(world: Any) -> None:
    world.job(name="waiting")
    with pytest.raises(NotFound, match="'waiting' has not started"):
        resolve(world, "azureml://jobs/waiting/outputs/artifacts")


@pytest.mark.parametrize(
    "path",
    [
        "azureml://registries/azureml/models/x/versions/1",
        "https://example.org/rows.csv",
        "HTTP://169.254.169.254/latest/meta-data",
        "wasbs://c@a.blob.core.windows.net/x",
        "abfss://c@a.dfs.core.windows.net/x",
    ],
)
def test_places_elsewhere_are_refused_by_name(world: Any, path: str) -> None:
    with pytest.raises(NotYet, match="is not something that a workspace can read in this version") as caught:
        resolve(world, path, key="inputs.x.path")
    assert [problem.key for problem in caught.value.problems] == ["inputs.x.path"]


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd", "file:///etc/passwd", "file:/etc/passwd", "../../etc/passwd", "data", "azureml:rows:1",
        "C:\\data", "upload:" + "g" * 64 + "/x", "upload:" + DIGEST, "upload:" + DIGEST + "/../x",
        "upload:" + DIGEST + "/a/b", "runs:/../x", "runs:/r1/../../x", "azureml://jobs/../outputs/o",
        "azureml://jobs/j/outputs/o/paths/../../x", "azureml://jobs/j/outputs/o/paths/a%2f..%2fb", "ftp://x/y", "x://y",
    ],
)  # fmt: skip
def test_a_path_of_the_server_cannot_be_said(world: Any, path: str) -> None:
    with pytest.raises(InvalidInput):
        resolve(world, path)


@pytest.mark.parametrize(
    "path", ["azureml://jobs/train/outputs/model", "runs:/r1/outputs/metrics.json", "runs:/train/outputs/metrics.json"]
)
def test_a_model_made_of_what_a_job_left_says_which_job(world: Any, job: str, path: str) -> None:
    with world.database.write() as tx:
        spec = {"name": "credit", "type": "custom_model", "path": path}
        made = assets.create(tx, world.owner, "dev", "models", spec, now=world.now)
    assert (made.job_name, made.run_id) == (job, "r1")
