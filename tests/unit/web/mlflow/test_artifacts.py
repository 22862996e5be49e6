"""Files of runs over MLflow's REST."""

import hashlib

import httpx
import pytest

from pratique.web.platform import Platform

FILES = "/mlflow/dev/api/2.0/mlflow-artifacts/artifacts"
ROOT = "1/0123456789abcdef0123456789abcdef/artifacts"


def put(client: httpx.Client, path: str, content: bytes = b"x") -> int:
    return client.put(f"{FILES}/{path}", content=content).status_code


def listed(client: httpx.Client, path: str) -> dict[str, int | None]:
    found = client.get(FILES, params={"path": path}).json()["files"]
    return {one["path"]: one.get("file_size") for one in found}


def test_a_file_comes_back_as_it_went(owner: httpx.Client, platform: Platform) -> None:
    content = bytes(range(256)) * 9000  # More than one piece of an upload.
    assert put(owner, f"{ROOT}/data.bin", content) == 200
    answer = owner.get(f"{FILES}/{ROOT}/data.bin")
    assert answer.content == content
    assert platform.blobs.has(hashlib.sha256(content).hexdigest())
    part = owner.get(f"{FILES}/{ROOT}/data.bin", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, content[10:20])


def test_what_a_run_wrote_never_opens_as_a_page(owner: httpx.Client) -> None:
    put(owner, f"{ROOT}/evil.html", b"<script>alert(1)</script>")
    headers = owner.get(f"{FILES}/{ROOT}/evil.html").headers
    assert headers["content-disposition"].startswith("attachment")
    assert (headers["x-content-type-options"], headers["content-security-policy"]) == ("nosniff", "sandbox")


@pytest.mark.parametrize(
    "name", ["a b.txt", "ünï - 日本.txt", "plus+and&amp=.csv", "[brackets]{x}~!@$.json", "UPPER.TXT"]
)
def test_odd_names_are_names(owner: httpx.Client, name: str) -> None:
    assert put(owner, f"{ROOT}/{name}") == 200
    assert listed(owner, ROOT) == {name: 1}
    assert owner.get(f"{FILES}/{ROOT}/{name}").content == b"x"


def test_a_folder_is_listed_one_level_at_a_time(owner: httpx.Client) -> None:
    put(owner, f"{ROOT}/top.txt", b"12345")
    put(owner, f"{ROOT}/plots/a/deep.png")
    put(owner, f"{ROOT}/plots/b.png")
    assert listed(owner, ROOT) == {"plots": None, "top.txt": 5}
    assert listed(owner, f"{ROOT}/plots") == {"a": None, "b.png": 1}
    assert listed(owner, f"{ROOT}/top.txt") == {}
    assert listed(owner, "1/nothing/artifacts") == {}
    assert listed(owner, "") == {"1": None}


def test_a_name_that_differs_by_case_is_another(owner: httpx.Client) -> None:
    put(owner, f"{ROOT}/Model/x", b"upper")
    put(owner, f"{ROOT}/model/x", b"lower")
    owner.delete(f"{FILES}/{ROOT}/Model").raise_for_status()
    assert listed(owner, ROOT) == {"model": None}
    assert owner.get(f"{FILES}/{ROOT}/model/x").content == b"lower"


def test_a_wildcard_of_the_database_is_a_plain_character(owner: httpx.Client) -> None:
    put(owner, f"{ROOT}/a_b/x")
    put(owner, f"{ROOT}/aXb/x")
    owner.delete(f"{FILES}/{ROOT}/a_b").raise_for_status()
    assert listed(owner, ROOT) == {"aXb": None}


def test_a_file_and_a_folder_do_not_share_a_path(owner: httpx.Client) -> None:
    put(owner, f"{ROOT}/model/x")
    put(owner, f"{ROOT}/notes")
    assert put(owner, f"{ROOT}/model") == 409
    assert put(owner, f"{ROOT}/notes/x") == 409
    assert listed(owner, ROOT) == {"model": None, "notes": 1}


def test_a_folder_cannot_be_downloaded_and_nothing_is_not_found(owner: httpx.Client) -> None:
    put(owner, f"{ROOT}/model/x")
    assert owner.get(f"{FILES}/{ROOT}/model").json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert owner.get(f"{FILES}/{ROOT}/nothing").json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"
    assert owner.delete(f"{FILES}/{ROOT}/nothing").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "..%2f..%2f..%2fetc/passwd",
        "1/run/artifacts/..%2f..%2fx",
        "1/run/artifacts/%2e%2e/%2e%2e/x",
        "1/run/artifacts/%252e%252e/x",
        "1/run/artifacts/a%5c..%5cb",
        "1/run/artifacts/a%3bb",
        "1/run/artifacts/a%23b",
        "1/run/artifacts/a%3fb",
        "1/run/artifacts/a%00b",
        "1/run/artifacts/a%0ab",
        "1//artifacts/x",
        "%2fetc/passwd",
        "file:%2f%2f%2fetc/passwd",
    ],
)
def test_a_path_that_is_no_plain_path_is_refused(owner: httpx.Client, path: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        assert owner.request(method, f"{FILES}/{path}").status_code in (400, 403, 404), method
    assert put(owner, path) in (400, 403, 404)
    assert listed(owner, "") == {}


@pytest.mark.parametrize(
    "path", ["x", "registry/credit/1/x", "logged/run/artifacts/x", "notdigits/run/artifacts/x", "1/run"]
)
def test_files_lie_below_an_experiment_only(owner: httpx.Client, path: str) -> None:
    assert put(owner, path) == 403


def test_a_file_over_the_limit_is_refused_and_leaves_nothing(owner: httpx.Client, platform: Platform) -> None:
    assert put(owner, f"{ROOT}/big", bytes(3_000_001)) == 413

    def unannounced() -> object:
        for _ in range(4):
            yield bytes(1_000_000)

    answer = owner.put(f"{FILES}/{ROOT}/big", content=unannounced())  # type: ignore[arg-type]
    assert answer.status_code == 413
    assert listed(owner, "") == {}
    assert list((platform.home.blobs / "incoming").iterdir()) == []


def test_a_reader_cannot_write(reader: httpx.Client) -> None:
    assert put(reader, f"{ROOT}/x") == 403
    assert reader.delete(f"{FILES}/{ROOT}").status_code == 403
    assert reader.get(FILES).status_code == 200


def test_parts_and_presigned_urls_are_refused_so_that_clients_fall_back(owner: httpx.Client) -> None:
    answer = owner.post(f"/mlflow/dev/api/2.0/mlflow-artifacts/mpu/create/{ROOT}", json={"path": "x", "num_parts": 2})
    assert answer.json()["message"].startswith("Multipart upload is not supported for the current artifact repository")
    answer = owner.get(f"/mlflow/dev/api/2.0/mlflow-artifacts/presigned/{ROOT}/x")
    assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
