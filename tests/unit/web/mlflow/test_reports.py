"""What the platform found out about a version of a model, as MLflow's clients see it."""

from pathlib import Path

import httpx
import pytest

from pratique.base.clock import utc_now
from pratique.control import examinations
from pratique.store import assets as versions
from pratique.web.platform import Platform

FILES = "/mlflow/dev/api/2.0/mlflow-artifacts/artifacts"
API = "/mlflow/dev/api/2.0/mlflow"
RUN = "0123456789abcdef0123456789abcdef"
ROOT = "reports/credit/1/pratique.onnx"


@pytest.fixture
def converted(owner: httpx.Client, platform: Platform, tmp_path: Path) -> httpx.Client:
    """An owner whose model credit:1 was converted, with a report."""
    owner.put(f"{FILES}/1/{RUN}/artifacts/model/MLmodel", content=b"flavors: {}").raise_for_status()
    owner.post(f"{API}/registered-models/create", json={"name": "credit"}).raise_for_status()
    source = {"name": "credit", "source": f"mlflow-artifacts:/1/{RUN}/artifacts/model", "run_id": RUN}
    owner.post(f"{API}/model-versions/create", json=source).raise_for_status()
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "parity.json").write_text('{"holds": true}')
    files = platform.blobs.put_folder(tmp_path / "made")
    with platform.database.write() as tx:
        version = versions.version(tx, "dev", "models", "credit", "1")
        assert version is not None
        examinations.record(tx, version, "conversion", "proven: 4,200 rows", files, now=utc_now())
    return owner


def test_it_is_a_tag_and_its_report_an_artifact(converted: httpx.Client) -> None:
    [shown] = converted.get(f"{API}/model-versions/search").json()["model_versions"]
    tags = {tag["key"]: tag["value"] for tag in shown["tags"]}
    assert tags == {"pratique.onnx": "proven: 4,200 rows", "pratique.onnx.report": f"mlflow-artifacts:/{ROOT}"}
    listing = converted.get(FILES, params={"path": ROOT}).json()["files"]
    assert [one["path"] for one in listing] == ["parity.json"]
    assert converted.get(f"{FILES}/{ROOT}/parity.json").content == b'{"holds": true}'


def test_the_files_of_the_model_stay_what_they_were(converted: httpx.Client) -> None:
    listing = converted.get(FILES, params={"path": "registry/credit/1"}).json()["files"]
    assert [one["path"] for one in listing] == ["MLmodel"]


def test_nobody_writes_a_report(converted: httpx.Client) -> None:
    for method in ("PUT", "DELETE"):
        assert converted.request(method, f"{FILES}/{ROOT}/parity.json", content=b"{}").status_code == 403


@pytest.mark.parametrize("path", ["credit/1/pratique.profile/x", "credit/2/pratique.onnx/x", "credit/1", "credit", "x"])
def test_what_was_not_found_out_is_not_there(converted: httpx.Client, path: str) -> None:
    assert converted.get(f"{FILES}/reports/{path}").status_code == 404
