"""Data, environments and models over the API, with the field names that Azure prints."""

import json
from typing import Any

import pytest

KINDS = ["data", "environments", "models"]
MODELS = "/workspaces/dev/models"
FIELDS = {
    "data": {"name", "version", "type", "path", "tags", "properties", "creation_context", "id"},
    "environments": {"name", "version", "conda_file", "os_type", "tags", "properties", "creation_context", "id"},
    "models": {"name", "version", "type", "path", "tags", "properties", "creation_context", "id", "stage"},
}


def names(found: list[dict[str, Any]]) -> list[str]:
    return [f"{one['name']}:{one['version']}" for one in found]


@pytest.mark.parametrize("kind", KINDS)
def test_a_version_has_the_fields_of_azure(api: Any, kind: str) -> None:
    made = api.asset(kind, "credit", version="7", description="words", tags={"a": "b"})
    assert set(made) == FIELDS[kind] | {"description"}
    assert (made["name"], made["version"], made["tags"]) == ("credit", "7", {"a": "b"})
    assert set(made["creation_context"]) == {"created_at", "created_by", "created_by_type"}
    assert made["creation_context"]["created_by"] == "ann"
    assert len(made["properties"]["pratique.digest"]) == 64
    shown = api.ok("GET", f"/workspaces/dev/{kind}/credit/versions/7")
    shown.pop("manifest", None)
    assert shown == made
    assert api.ok("GET", f"/workspaces/dev/{kind}/credit/versions/@latest")["version"] == "7"


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_version_is_one_more_and_lists_are_newest_first(api: Any, kind: str) -> None:
    api.asset(kind, "credit", version="7")
    other = (
        {"conda_file": {"dependencies": ["python=3.12"]}}
        if kind == "environments"
        else {"path": api.upload({"b": b"2"}, "b")}
    )
    assert api.asset(kind, "credit", **other)["version"] == "8"
    assert names(api.ok("GET", f"/workspaces/dev/{kind}/credit/versions")) == ["credit:8", "credit:7"]
    assert names(api.ok("GET", f"/workspaces/dev/{kind}")) == ["credit:8"]


def test_what_show_printed_makes_the_same_version_again(api: Any) -> None:
    made = api.asset("models", "credit")
    spec = {**made, "path": api.upload({"file.txt": b"x"}, "folder")}
    assert api.ok("POST", MODELS, json={"spec": spec}) == made


def test_another_content_is_a_conflict(api: Any) -> None:
    api.asset("models", "credit", version="1")
    spec = {"name": "credit", "version": "1", "path": api.upload({"b": b"2"}, "b")}
    error = api.refused(409, "POST", MODELS, json={"spec": spec})
    assert (error["code"], bool(error["hint"])) == ("AlreadyExists", True)


def test_every_problem_of_a_spec_is_told_with_its_key(api: Any) -> None:
    spec = {"name": "a/b", "pth": "x", "type": "mlflow", "path": "./model"}
    assert set(api.keys("POST", MODELS, json={"spec": spec})) == {"name", "pth", "type"}
    error = api.refused(400, "POST", MODELS, json={"spec": {"name": "a", "path": "/etc/passwd"}})
    assert error["problems"][0]["key"] == "path"
    assert "disk of the client" in error["problems"][0]["message"]


@pytest.mark.parametrize("body", [{}, {"spec": None}, {"spec": []}, {"spec": "x"}, {"spec": {}, "more": 1}])
def test_a_body_of_another_shape_is_refused(api: Any, body: Any) -> None:
    assert api.keys("POST", MODELS, json=body) in (["spec"], ["more"])


def test_lists_are_narrowed_by_tags(api: Any) -> None:
    for name, tags in (("one", {"stage": "prod", "team": "a=b"}), ("two", {"stage": "dev"}), ("three", {})):
        api.asset("models", name, tags=tags)

    def found(*tags: str) -> list[str]:
        return [one["name"] for one in api.ok("GET", MODELS, params={"tag": tags})]

    assert found("stage") == ["one", "two"]
    assert found("stage=prod") == ["one"]
    assert found("stage=prod", "team") == ["one"]
    assert found("team=a=b") == ["one"]
    assert found("stage=") == []
    assert found("stage=dev", "team") == []
    assert api.ok("GET", f"{MODELS}/one/versions", params={"tag": "stage=dev"}) == []
    assert api.keys("GET", MODELS, params={"tag": "=x"}) == ["tag"]
    assert api.keys("GET", "/workspaces/qa-1/models", params={"tag": ""}) == ["tag"]


def test_archived_names_are_listed_when_asked(api: Any) -> None:
    for name in ("hidden", "shown"):
        api.asset("models", name)
    changed = api.ok("PATCH", f"{MODELS}/hidden/versions/1", json={"is_archived": True})
    assert changed["is_archived"] is True
    assert names(api.ok("GET", MODELS)) == ["shown:1"]
    assert names(api.ok("GET", MODELS, params={"archived": "only"})) == ["hidden:1"]
    assert names(api.ok("GET", MODELS, params={"archived": "include"})) == ["hidden:1", "shown:1"]
    assert api.keys("GET", MODELS, params={"archived": "yes"}) == ["archived"]
    api.refused(404, "GET", f"{MODELS}/hidden/versions/@latest")


@pytest.mark.parametrize("kind", KINDS)
def test_a_patch_with_unknown_keys_changes_nothing(api: Any, kind: str) -> None:
    made = api.asset(kind, "credit")
    path = f"/workspaces/dev/{kind}/credit/versions/1"
    assert set(api.keys("PATCH", path, json={"tags": {"a": "b"}, "taggs": {}, "version": "2"})) == {"taggs", "version"}
    shown = api.ok("GET", path)
    shown.pop("manifest", None)
    assert shown == made


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"tags": 5}, "tags"), ({"tags": {"a": []}}, "tags.a"), ({"tags": {"a": "\0"}}, "tags.a"),
        ({"description": 5}, "description"), ({"description": {}}, "description"), ({"properties": []}, "properties"),
        ({"is_archived": "maybe"}, "is_archived"), ({"is_archived": 1}, "is_archived"),
        ({"stage": "x" * 33}, "stage"), ({"tags": {"pratique.wrong": "x"}}, "tags"),
    ],
)  # fmt: skip
def test_a_patch_with_values_of_another_type_is_refused(api: Any, body: Any, key: str) -> None:
    api.asset("models", "credit")
    assert api.keys("PATCH", f"{MODELS}/credit/versions/1", json=body) == [key]


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"tags": NaN', b"\xff\xfe", b'"x"'])
def test_a_patch_that_is_no_mapping_is_refused_in_our_shape(api: Any, body: bytes) -> None:
    api.asset("models", "credit")
    headers = {**api.headers, "content-type": "application/json"}
    api.refused(400, "PATCH", f"{MODELS}/credit/versions/1", content=body, headers=headers)


def test_a_patch_says_whole_values_and_null_empties(api: Any) -> None:
    api.asset("models", "credit", tags={"a": "b"}, description="words", properties={"mine": "1"})
    path = f"{MODELS}/credit/versions/1"
    changed = api.ok("PATCH", path, json={"tags": {"n": 1.5, "yes": True}, "description": None})
    assert (changed["tags"], "description" in changed) == ({"n": "1.5", "yes": "true"}, False)
    changed = api.ok("PATCH", path, json={"tags": None, "properties": None, "stage": "Production"})
    assert (changed["tags"], [*changed["properties"]], changed["stage"]) == ({}, ["pratique.digest"], "Production")
    assert api.keys("PATCH", path, json={"properties": {"pratique.digest": "0" * 64}}) == ["properties.pratique.digest"]


@pytest.mark.parametrize("text", [r"\ud800", r"\u0000", r"\ud800\u0000"])
@pytest.mark.parametrize("key", ["description", "stage"])
def test_a_text_that_no_database_can_keep_is_refused(api: Any, text: str, key: str) -> None:
    api.asset("models", "credit")
    headers = {**api.headers, "content-type": "application/json"}
    body = f'{{"{key}": "{text}"}}'.encode()
    assert api.keys("PATCH", f"{MODELS}/credit/versions/1", content=body, headers=headers) == [key]
    body = f'{{"spec": {{"name": "other", "path": "x", "{key}": "{text}"}}}}'.encode()
    assert key in api.keys("POST", MODELS, content=body, headers=headers)


def test_only_models_have_a_stage(api: Any) -> None:
    api.asset("data", "rows")
    assert api.keys("PATCH", "/workspaces/dev/data/rows/versions/1", json={"stage": "x"}) == ["stage"]


def test_what_is_gone_is_not_found(api: Any) -> None:
    api.asset("models", "credit")
    path = f"{MODELS}/credit/versions/1"
    assert api.ok("DELETE", path) == {}
    for method in ("DELETE", "GET", "PATCH"):
        error = api.refused(404, method, path, **({"json": {}} if method == "PATCH" else {}))
        assert error["hint"].startswith("pratique ml model list")
    api.refused(404, "GET", f"{MODELS}/nothing/versions")


@pytest.mark.parametrize("name", ["..%2f..", "%00", "a%00b", "%252e", "a;b", "a%5cb", "x" * 300, "%f0%9f%98%80"])
def test_a_crooked_name_is_not_there(api: Any, name: str) -> None:
    for path in (f"{MODELS}/{name}/versions", f"{MODELS}/{name}/versions/1", f"{MODELS}/credit/versions/{name}"):
        assert api("GET", path).status_code == 404, path


def test_a_path_with_a_nul_is_refused_before_a_database_is_asked(api: Any) -> None:
    for method in ("GET", "DELETE"):
        assert "NUL" in api.refused(404, method, "/workspaces/dev%00/models/a%00b/versions/1")["message"]


def test_an_asset_of_another_workspace_is_not_there(api: Any, reader: Any) -> None:
    api.asset("models", "credit", workspace="qa-1")
    api.refused(404, "GET", f"{MODELS}/credit/versions/1")
    reader.refused(403, "GET", "/workspaces/qa-1/models/credit/versions/1")
    assert reader.ok("GET", MODELS) == []


PROFILE = {"form": 1, "format": "csv", "header": True, "files": 1, "bytes": 9, "rows": 1, "columns": [{"name": "a"}]}


def test_a_profile_is_kept_for_every_version_of_the_same_files(api: Any) -> None:
    upload = api.upload({"rows.csv": b"a\n1\n"}, "rows.csv")
    for name in ("rows", "again"):
        api.asset("data", name, path=upload)
    assert "pratique ml data profile" in api.refused(404, "GET", "/workspaces/dev/data/rows/versions/1/profile")["hint"]
    api.ok("PUT", "/workspaces/dev/data/rows/versions/1/profile", json=PROFILE)
    found = api.ok("GET", "/workspaces/dev/data/again/versions/@latest/profile")
    assert {key: found[key] for key in PROFILE} == PROFILE
    shown = api.ok("GET", "/workspaces/dev/data/again/versions/1")
    assert (shown["profile"]["rows"], shown["profile"]["columns"]) == (1, 1)
    api.refused(400, "PUT", "/workspaces/dev/data/rows/versions/1/profile", json=PROFILE | {"rows": -1})


def test_a_list_is_narrowed_by_the_platform_and_written_as_it_is_printed(api: Any) -> None:
    for version in ("1", "2", "3"):
        api.asset("models", "credit", version=version, path=api.upload({"m": version.encode()}, "m"))
    api.ok("PATCH", f"{MODELS}/credit/versions/3", json={"is_archived": True})
    place = f"{MODELS}/credit/versions"
    assert names(api.ok("GET", place, params={"archived": "no", "max_results": "1"})) == ["credit:2"]
    assert names(api.ok("GET", place, params={"archived": "only"})) == ["credit:3"]
    for path in (place, MODELS):
        listed = api("GET", path)
        assert listed.text == json.dumps(listed.json(), indent=2, sort_keys=True, ensure_ascii=False)


def test_a_list_shows_what_was_changed_since_it_was_shown_the_last_time(api: Any) -> None:
    api.asset("models", "credit", version="1", path=api.upload({"m": b"1"}, "m"))
    assert "description" not in api.ok("GET", MODELS)[0]
    for words in ("first", "second"):
        api.ok("PATCH", f"{MODELS}/credit/versions/1", json={"description": words})
        for place in (MODELS, f"{MODELS}/credit/versions"):
            assert [one["description"] for one in api.ok("GET", place)] == [words]
