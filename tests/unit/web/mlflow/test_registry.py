"""The registry as MLflow's clients see it."""

from typing import Any

import httpx
import pytest

API = "/mlflow/dev/api/2.0/mlflow"
RUN = "0123456789abcdef0123456789abcdef"
ROOT = f"1/{RUN}/artifacts"


def say(client: httpx.Client, method: str, verb: str, status: int = 200, **said: Any) -> dict[str, Any]:
    sent: Any = {"params": said} if method == "GET" else {"json": said}
    answer = client.request(method, f"{API}/{verb}", **sent)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def log(client: httpx.Client, path: str, content: bytes) -> None:
    answer = client.put(f"/mlflow/dev/api/2.0/mlflow-artifacts/artifacts/{path}", content=content)
    assert answer.status_code == 200, answer.text


def read(client: httpx.Client, path: str) -> bytes:
    answer = client.get(f"/mlflow/dev/api/2.0/mlflow-artifacts/artifacts/{path}")
    assert answer.status_code == 200, answer.text
    return answer.content


@pytest.fixture
def model(owner: httpx.Client) -> httpx.Client:
    """An owner who has logged a model in a run and taken the name ``credit``."""
    log(owner, f"{ROOT}/model/MLmodel", b"flavors: {}\n")
    log(owner, f"{ROOT}/model/data/model.pkl", b"weights")
    say(owner, "POST", "registered-models/create", name="credit")
    return owner


def register(client: httpx.Client, name: str = "credit", **said: Any) -> dict[str, Any]:
    said = {"source": f"mlflow-artifacts:/{ROOT}/model", "run_id": RUN} | said
    version: dict[str, Any] = say(client, "POST", "model-versions/create", name=name, **said)["model_version"]
    return version


def test_a_version_is_made_from_the_files_of_a_run(model: httpx.Client) -> None:
    made = register(model, description="first", tags=[{"key": "team", "value": "risk"}])
    assert (made["version"], made["status"], made["run_id"], made["current_stage"]) == ("1", "READY", RUN, "None")
    assert made["source"] == f"mlflow-artifacts:/{ROOT}/model"
    assert made["tags"] == [{"key": "team", "value": "risk"}]
    assert register(model)["version"] == "2"


def test_a_registered_file_stays_when_the_run_changes_and_goes(model: httpx.Client) -> None:
    register(model)
    uri = say(model, "GET", "model-versions/get-download-uri", name="credit", version="1")["artifact_uri"]
    tree = uri.removeprefix("mlflow-artifacts:/")
    log(model, f"{ROOT}/model/data/model.pkl", b"changed")
    assert read(model, f"{tree}/data/model.pkl") == b"weights"
    model.delete(f"/mlflow/dev/api/2.0/mlflow-artifacts/artifacts/{ROOT}").raise_for_status()
    assert read(model, f"{tree}/data/model.pkl") == b"weights"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nobody_writes_into_the_files_of_a_version(model: httpx.Client, method: str) -> None:
    register(model)
    path = "/mlflow/dev/api/2.0/mlflow-artifacts/artifacts/registry/credit/1/MLmodel"
    answer = model.request(method, path)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert read(model, "registry/credit/1/MLmodel") == b"flavors: {}\n"


@pytest.mark.parametrize(
    "source",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "s3://bucket/model",
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1:7070/mlflow/qua/api/2.0/mlflow-artifacts/artifacts/1/x",
        "mlflow-artifacts://elsewhere/1/x/artifacts/model",
        f"mlflow-artifacts:/{ROOT}/../../2/other/artifacts",
        f"mlflow-artifacts:/{ROOT}/%2e%2e/model",
        f"runs:/{RUN}/../model",
        f"runs:/{RUN}/model#/../../etc",
        "models:/m-../../x",
        "dbfs:/x",
        "",
    ],
)
def test_a_source_elsewhere_is_refused(model: httpx.Client, source: str) -> None:
    said = say(model, "POST", "model-versions/create", 400, name="credit", source=source)
    assert said["error_code"] == "INVALID_PARAMETER_VALUE"
    assert say(model, "GET", "model-versions/search")["model_versions"] == []


def test_a_source_of_another_run_than_claimed_is_refused(model: httpx.Client) -> None:
    said = say(
        model, "POST", "model-versions/create", 400,
        name="credit", source=f"mlflow-artifacts:/{ROOT}/model", run_id="f" * 32,
    )  # fmt: skip
    assert "run_id" in said["message"]


def test_another_workspace_has_neither_the_name_nor_the_files(model: httpx.Client) -> None:
    register(model)
    there = {"name": "credit", "version": "1"}
    for verb, said in (("registered-models/get", {"name": "credit"}), ("model-versions/get", there)):
        answer = model.get(f"/mlflow/qua/api/2.0/mlflow/{verb}", params=said)
        assert answer.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    files = "/mlflow/qua/api/2.0/mlflow-artifacts/artifacts"
    assert model.get(f"{files}/registry/credit/1/MLmodel").status_code == 404
    assert model.get(f"{files}/{ROOT}/model/MLmodel").status_code == 404
    model.post("/mlflow/qua/api/2.0/mlflow/registered-models/create", json={"name": "credit"}).raise_for_status()
    source = {"name": "credit", "source": f"mlflow-artifacts:/{ROOT}/model"}
    answer = model.post("/mlflow/qua/api/2.0/mlflow/model-versions/create", json=source)
    assert answer.status_code == 404


def test_a_model_of_mlflow_3_is_registered_by_its_id(model: httpx.Client) -> None:
    log(model, "1/models/m-abc123/artifacts/MLmodel", b"flavors: {}\n")
    made = register(model, source="models:/m-abc123", model_id="m-abc123")
    assert made["model_id"] == "m-abc123"
    assert read(model, "registry/credit/1/MLmodel") == b"flavors: {}\n"
    wrong = {"name": "credit", "source": "models:/m-abc123", "model_id": "m-other"}
    assert say(model, "POST", "model-versions/create", 400, **wrong)["error_code"] == "INVALID_PARAMETER_VALUE"


def test_a_logged_model_is_found_in_its_run(model: httpx.Client, tracking: httpx.Client) -> None:
    log(model, "1/models/m-abc123/artifacts/MLmodel", b"three\n")
    said = {"run_id": RUN, "name": "clf", "model_id": "m-abc123"}
    tracking.post("/internal/tracking/workspaces/dev/logged-models", json=said).raise_for_status()
    register(model, source=f"runs:/{RUN}/clf")
    assert read(model, "registry/credit/1/MLmodel") == b"three\n"
    # MLflow's clients see the run's own files as they always did.
    listed = model.get("/mlflow/dev/api/2.0/mlflow-artifacts/artifacts", params={"path": ROOT}).json()["files"]
    assert [one["path"] for one in listed] == ["model"]


def test_a_version_is_copied_from_another_model_with_its_run(model: httpx.Client) -> None:
    register(model)
    say(model, "POST", "registered-models/create", name="copy")
    assert register(model, "copy", source="models:/credit/1", run_id="")["run_id"] == RUN
    assert read(model, "registry/copy/1/data/model.pkl") == b"weights"


def test_an_alias_moves(model: httpx.Client) -> None:
    register(model), register(model)
    for version in ("1", "2"):
        say(model, "POST", "registered-models/alias", name="credit", alias="champion", version=version)
        found = say(model, "GET", "registered-models/alias", name="credit", alias="champion")["model_version"]
        assert (found["version"], found["aliases"]) == (version, ["champion"])
    assert say(model, "GET", "registered-models/get", name="credit")["registered_model"]["aliases"] == [
        {"alias": "champion", "version": "2"}
    ]
    say(model, "DELETE", "registered-models/alias", name="credit", alias="champion")
    say(model, "GET", "registered-models/alias", 404, name="credit", alias="champion")
    say(model, "POST", "registered-models/alias", 404, name="credit", alias="x", version="9")


def test_stages_of_old_clients(model: httpx.Client) -> None:
    for _ in range(3):
        register(model)
    say(model, "POST", "model-versions/transition-stage", name="credit", version="1", stage="production")
    say(
        model, "POST", "model-versions/transition-stage",
        name="credit", version="2", stage="Production", archive_existing_versions=True,
    )  # fmt: skip
    latest = say(model, "POST", "registered-models/get-latest-versions", name="credit")["model_versions"]
    assert {one["current_stage"]: one["version"] for one in latest} == {"None": "3", "Production": "2", "Archived": "1"}
    only = say(model, "GET", "registered-models/get-latest-versions", name="credit", stages=["Production"])
    assert [one["version"] for one in only["model_versions"]] == ["2"]
    answer = say(model, "POST", "model-versions/transition-stage", 400, name="credit", version="1", stage="Live")
    assert "None, Staging, Production, Archived" in answer["message"]


def test_words_about_models_and_versions_change(model: httpx.Client) -> None:
    register(model)
    say(model, "PATCH", "registered-models/update", name="credit", description="what it is")
    say(model, "PATCH", "model-versions/update", name="credit", version="1", description="the first")
    say(model, "POST", "registered-models/set-tag", name="credit", key="a", value="1")
    say(model, "POST", "model-versions/set-tag", name="credit", version="1", key="b", value="2")
    found = say(model, "GET", "registered-models/get", name="credit")["registered_model"]
    assert (found["description"], found["tags"]) == ("what it is", [{"key": "a", "value": "1"}])
    version = found["latest_versions"][0]
    assert (version["description"], version["tags"]) == ("the first", [{"key": "b", "value": "2"}])
    say(model, "DELETE", "registered-models/delete-tag", name="credit", key="a")
    say(model, "DELETE", "model-versions/delete-tag", name="credit", version="1", key="b")
    found = say(model, "GET", "registered-models/get", name="credit")["registered_model"]
    assert (found["tags"], found["latest_versions"][0]["tags"]) == ([], [])


def test_a_renamed_model_keeps_versions_aliases_and_files(model: httpx.Client) -> None:
    register(model)
    say(model, "POST", "registered-models/alias", name="credit", alias="champion", version="1")
    renamed = say(model, "POST", "registered-models/rename", name="credit", new_name="risk")["registered_model"]
    assert (renamed["name"], renamed["latest_versions"][0]["version"]) == ("risk", "1")
    say(model, "GET", "registered-models/get", 404, name="credit")
    say(model, "GET", "registered-models/alias", name="risk", alias="champion")
    assert read(model, "registry/risk/1/MLmodel") == b"flavors: {}\n"


def test_a_deleted_model_is_gone_and_its_name_free(model: httpx.Client) -> None:
    register(model), register(model)
    say(model, "DELETE", "model-versions/delete", name="credit", version="1")
    say(model, "GET", "model-versions/get", 404, name="credit", version="1")
    say(model, "DELETE", "registered-models/delete", name="credit")
    say(model, "GET", "registered-models/get", 404, name="credit")
    say(model, "POST", "registered-models/create", name="credit")


def test_a_name_is_taken_once_in_mlflows_words(model: httpx.Client) -> None:
    answer = say(model, "POST", "registered-models/create", 400, name="credit")
    assert answer["error_code"] == "RESOURCE_ALREADY_EXISTS"
    answer = say(model, "POST", "registered-models/create", 400, name="../credit")
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"


def test_search_filters_orders_and_pages(model: httpx.Client) -> None:
    for name in ("alpha", "beta", "gamma"):
        say(model, "POST", "registered-models/create", name=name, tags=[{"key": "first", "value": name[0]}])
        register(model, name)
    found = say(model, "GET", "registered-models/search", filter="name LIKE '%a%' AND tags.first = 'b'")
    assert [one["name"] for one in found["registered_models"]] == ["beta"]
    page = say(model, "GET", "registered-models/search", max_results=3, order_by="name DESC")
    assert [one["name"] for one in page["registered_models"]] == ["gamma", "credit", "beta"]
    rest = say(
        model, "GET", "registered-models/search",
        max_results=3, order_by="name DESC", page_token=page["next_page_token"],
    )  # fmt: skip
    assert [one["name"] for one in rest["registered_models"]] == ["alpha"]
    assert "next_page_token" not in rest
    of_run = say(model, "GET", "model-versions/search", filter=f"run_id = '{RUN}'")["model_versions"]
    assert sorted(one["name"] for one in of_run) == ["alpha", "beta", "gamma"]
    assert say(model, "GET", "model-versions/search", 400, filter="name = 'a' OR 1=1")["error_code"] == (
        "INVALID_PARAMETER_VALUE"
    )


@pytest.mark.parametrize("prefix", ["api/2.0", "api/2.0/preview", "ajax-api/2.0"])
def test_clients_of_every_age_find_the_same(model: httpx.Client, prefix: str) -> None:
    answer = model.get(f"/mlflow/dev/{prefix}/mlflow/registered-models/get", params={"name": "credit"})
    assert answer.json()["registered_model"]["name"] == "credit"


def test_a_reader_reads_and_writes_nothing(model: httpx.Client, reader: httpx.Client) -> None:
    register(model)
    say(reader, "GET", "registered-models/get", name="credit")
    assert read(reader, "registry/credit/1/MLmodel")
    for method, verb, said in (
        ("POST", "registered-models/create", {"name": "x"}),
        ("POST", "model-versions/create", {"name": "credit", "source": f"runs:/{RUN}/model"}),
        ("DELETE", "registered-models/delete", {"name": "credit"}),
        ("POST", "model-versions/transition-stage", {"name": "credit", "version": "1", "stage": "Staging"}),
    ):
        assert say(reader, method, verb, 403, **said)["error_code"] == "PERMISSION_DENIED"
    answer = reader.get("/mlflow/qua/api/2.0/mlflow/registered-models/search")
    assert answer.json()["error_code"] == "PERMISSION_DENIED"


def test_nobody_gets_nothing(nobody: httpx.Client) -> None:
    answer = nobody.get(f"{API}/registered-models/search")
    assert (answer.status_code, answer.json()["error_code"]) == (401, "UNAUTHENTICATED")


def test_prompts_are_refused_by_name(owner: httpx.Client) -> None:
    tags = [{"key": "mlflow.prompt.is_prompt", "value": "true"}]
    said = say(owner, "POST", "registered-models/create", 501, name="p", tags=tags)
    assert (said["error_code"], "prompts" in said["message"]) == ("NOT_IMPLEMENTED", True)


def test_the_tracking_server_learns_the_workspaces(tracking: httpx.Client, reader: httpx.Client) -> None:
    known = tracking.get("/internal/tracking/workspaces").json()["workspaces"]
    assert list(known) == ["dev", "qua"]
    assert all(identity.startswith(f"{name}-") for name, identity in known.items())
    assert reader.get("/internal/tracking/workspaces").status_code == 403
