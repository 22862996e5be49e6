"""Ids in Azure's long form, which its tools take apart and our references read back."""

from typing import Any

from pratique.specs.references import Asset, parse_reference


def test_every_document_has_an_id_below_its_workspace(api: Any) -> None:
    model = api.asset("models", "credit", version="7")
    job = api.job(name="j1")
    workspace = api.ok("GET", "/workspaces/dev")["id"]
    group = api.ok("GET", "/groups/team")["id"]
    endpoint = api.ok("PUT", "/workspaces/dev/online-endpoints/credit", json={"spec": {"name": "credit"}})
    assert group.startswith("/subscriptions/")
    assert group.endswith("/resourceGroups/team")
    assert workspace == f"{group}/providers/Microsoft.MachineLearningServices/workspaces/dev"
    assert model["id"] == f"azureml:{workspace}/models/credit/versions/7"
    assert job["id"] == f"azureml:{workspace}/jobs/j1"
    assert endpoint["id"] == f"{workspace}/onlineEndpoints/credit"
    assert api.ok("GET", "/account")["subscription_id"] == group.split("/")[2]


def test_an_id_is_a_reference(api: Any) -> None:
    model = api.asset("models", "credit", version="7")
    assert parse_reference(model["id"]) == Asset("credit", "7", workspace="dev", noun="models")


def test_a_workspace_that_came_back_in_another_group_is_named_by_it(api: Any) -> None:
    api.ok("PUT", "/groups/other", json={"location": "local", "tags": {}})
    for group in ("team", "other"):
        api.ok("PUT", "/workspaces/new", json={"spec": {"name": "new"}, "resource_group": group})
        assert f"/resourceGroups/{group}/" in api.asset("models", "m", workspace="new")["id"]
        assert api("DELETE", "/workspaces/new").is_success
