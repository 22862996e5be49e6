"""Datastores over the API: what is said comes back, what is secret never does."""

from typing import Any

BLOB = {
    "name": "raw", "type": "azure_blob", "account_name": "acct", "container_name": "c",
    "credentials": {"account_key": "very-secret-key"},
}  # fmt: skip
ROOT = "/workspaces/dev/datastores"


def test_a_datastore_comes_back_without_its_credentials(api: Any) -> None:
    made = api.ok("PUT", ROOT, json={"spec": BLOB})
    shown = api.ok("GET", f"{ROOT}/raw")
    assert made == shown
    assert (shown["account_name"], shown["endpoint"], shown["has_credentials"]) == ("acct", "core.windows.net", True)
    assert "credentials" not in shown
    assert "very-secret-key" not in api("GET", ROOT).text


def test_what_show_prints_can_be_fed_back_in(api: Any) -> None:
    shown = api.ok("PUT", ROOT, json={"spec": BLOB})
    again = api.ok("PUT", ROOT, json={"spec": shown})
    assert again["has_credentials"]
    assert again == shown


def test_the_four_of_every_workspace_come_first(api: Any) -> None:
    api.ok("PUT", ROOT, json={"spec": BLOB})
    found = api.ok("GET", ROOT)
    assert [one["name"] for one in found][::4] == ["workspaceblobstore", "raw"]
    assert [one["name"] for one in found if one["is_default"]] == ["workspaceblobstore"]


def test_new_credentials_are_read_as_those_of_its_type(api: Any) -> None:
    api.ok("PUT", ROOT, json={"spec": {key: value for key, value in BLOB.items() if key != "credentials"}})
    assert api.keys("PATCH", f"{ROOT}/raw", json={"credentials": {"acount_key": "x"}})
    assert api.ok("PATCH", f"{ROOT}/raw", json={"credentials": {"sas_token": "x"}})["has_credentials"]
    changed = api.ok("PATCH", f"{ROOT}/raw", json={"tags": {"team": "risk"}, "description": "Rows."})
    assert (changed["tags"], changed["description"], changed["has_credentials"]) == ({"team": "risk"}, "Rows.", True)


def test_the_four_are_not_changed(api: Any) -> None:
    for method, path, body in (
        ("PUT", ROOT, {"spec": BLOB | {"name": "workspaceblobstore"}}),
        ("PATCH", f"{ROOT}/workspaceblobstore", {"credentials": {"sas_token": "x"}}),
        ("DELETE", f"{ROOT}/workspaceblobstore", None),
    ):
        assert "belongs to every workspace" in api.refused(409, method, path, json=body)["message"]


def test_a_deleted_datastore_is_not_found(api: Any) -> None:
    api.ok("PUT", ROOT, json={"spec": BLOB})
    api.ok("DELETE", f"{ROOT}/raw")
    api.refused(404, "GET", f"{ROOT}/raw")


def test_data_from_a_place_where_nothing_lies_names_the_key(api: Any) -> None:
    spec = {"name": "rows", "path": "azureml://datastores/workspaceblobstore/paths/x"}
    said = api.refused(404, "POST", "/workspaces/dev/data", json={"spec": spec})
    assert "has nothing at 'x'" in said["message"]
