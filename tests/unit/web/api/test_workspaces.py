"""Workspaces and groups over the API."""

from collections.abc import Callable
from typing import Any

import pytest

NEW = "/workspaces/new"
Bearer = Callable[..., dict[str, str]]


def names(found: list[dict[str, Any]]) -> list[str]:
    return [one["name"] for one in found]


@pytest.fixture
def lead(api: Any, bearer: Bearer) -> Any:
    """A Contributor of the group team, and of nothing else."""
    return type(api)(api.app, api.runner, bearer("lea", "Contributor", "/groups/team"))


def test_a_workspace_has_the_fields_of_azure(api: Any) -> None:
    body = {"spec": {"description": "words", "tags": {"a": "b"}}, "resource_group": "team"}
    made = api.ok("PUT", NEW, json=body)
    assert made["creation_context"].pop("created_by") == "ann"
    assert made["identity"]["type"] == "system_assigned"
    assert {key: value for key, value in made.items() if key not in ("id", "creation_context", "identity")} == {
        "name": "new",
        "resource_group": "team",
        "location": "local",
        "display_name": "new",
        "description": "words",
        "tags": {"a": "b"},
        "mlflow_tracking_uri": "http://127.0.0.1:7070/mlflow/new",
        "discovery_url": "http://127.0.0.1:7070/api/v1/workspaces/new",
        "provisioning_state": "Succeeded",
    }
    assert api.ok("GET", NEW)["tags"] == {"a": "b"}
    assert names(api.ok("GET", "/workspaces")) == ["dev", "new", "qa-1"]


def test_the_group_may_stand_in_the_spec_and_stays(api: Any) -> None:
    api.ok("PUT", NEW, json={"spec": {"resource_group": "team"}})
    assert api.ok("PUT", NEW, json={"spec": {}})["resource_group"] == "team"
    api.ok("PUT", "/groups/other", json={"location": "", "tags": {}})
    api.refused(409, "PUT", NEW, json={"spec": {}, "resource_group": "other"})
    assert api.keys("PUT", "/workspaces/another", json={"spec": {}}) == ["resource_group"]
    api.refused(404, "PUT", "/workspaces/another", json={"spec": {}, "resource_group": "nothing"})


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"resource_group": "other"}, "resource_group"), ({"nam": "x"}, "nam"), ({"tags": "x"}, "tags"),
        ({"description": {}}, "description"), ({"display_name": 5}, "display_name"),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_changes_nothing(api: Any, body: dict[str, Any], key: str) -> None:
    before = api.ok("GET", "/workspaces/dev")
    assert api.keys("PATCH", "/workspaces/dev", json={"tags": {"a": "b"}} | body) == [key]
    assert api.ok("GET", "/workspaces/dev") == before
    assert api.ok("PATCH", "/workspaces/dev", json={"tags": {"a": 1}, "description": None})["tags"] == {"a": "1"}


@pytest.mark.parametrize("name", ["Dev", "a", "api", "x" * 34, "a_b"])
def test_a_crooked_or_reserved_name_makes_no_workspace(api: Any, name: str) -> None:
    assert "name" in api.keys("PUT", f"/workspaces/{name}", json={"spec": {}, "resource_group": "team"})


def test_what_is_gone_is_not_found(api: Any) -> None:
    assert api.ok("DELETE", "/workspaces/qa-1") == {}
    for method in ("DELETE", "GET", "PATCH"):
        api.refused(404, method, "/workspaces/qa-1", **({"json": {}} if method == "PATCH" else {}))
    api.refused(404, "DELETE", "/groups/nothing")
    assert "dev" in api.refused(409, "DELETE", "/groups/team")["message"]


def test_everybody_sees_the_workspaces_of_their_own(api: Any, reader: Any, bearer: Bearer) -> None:
    assert names(reader.ok("GET", "/workspaces")) == ["dev"]
    reader.refused(403, "GET", "/workspaces/qa-1")
    reader.refused(403, "PATCH", "/workspaces/dev", json={})
    reader.refused(403, "PUT", "/workspaces/dev", json={"spec": {}, "resource_group": "team"})
    reader.refused(403, "DELETE", "/workspaces/dev")
    nobody = type(api)(api.app, api.runner, bearer("eve"))
    assert nobody.ok("GET", "/workspaces") == []


def test_a_role_at_a_group_makes_workspaces_there_and_nowhere_else(api: Any, lead: Any) -> None:
    api.ok("PUT", "/groups/other", json={})
    api.ok("PUT", "/workspaces/foreign", json={"spec": {}, "resource_group": "other"})
    assert lead.ok("PUT", NEW, json={"spec": {}, "resource_group": "team"})["resource_group"] == "team"
    assert lead.ok("PATCH", NEW, json={"description": "mine"})["description"] == "mine"
    for name in ("foreign", "another"):
        lead.refused(403, "PUT", f"/workspaces/{name}", json={"spec": {}, "resource_group": "other"})
    assert names(lead.ok("GET", "/workspaces")) == ["dev", "new", "qa-1"]


def test_a_group_has_the_fields_of_azure(api: Any) -> None:
    made = api.ok("PUT", "/groups/other", json={"location": "westeurope", "tags": {"a": "b"}})
    assert made == {
        "id": made["id"],
        "name": "other",
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {"provisioningState": "Succeeded"},
        "type": "Microsoft.Resources/resourceGroups",
    }
    assert api.ok("PUT", "/groups/other", json={"tags": {"a": "b"}}) == made
    assert api.ok("GET", "/groups/other") == made
    assert names(api.ok("GET", "/groups")) == ["other", "team"]


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"locaton": "x"}, "locaton"),
        ({"tags": []}, "tags"),
        ({"tags": {"a": 1}}, "tags.a"),
        ({"location": 5}, "location"),
        ({"location": "\0"}, "location"),
    ],
)
def test_a_group_that_cannot_be_is_not_made(api: Any, body: dict[str, Any], key: str) -> None:
    assert api.keys("PUT", "/groups/other", json=body) == [key]
    api.refused(404, "GET", "/groups/other")


def test_groups_are_for_those_who_have_a_role_there(api: Any, lead: Any, reader: Any) -> None:
    api.ok("PUT", "/groups/other", json={})
    assert names(lead.ok("GET", "/groups")) == ["team"]
    assert lead.ok("GET", "/groups/team")["name"] == "team"
    lead.refused(403, "GET", "/groups/other")
    lead.refused(403, "PUT", "/groups/new", json={})
    lead.refused(403, "DELETE", "/groups/other")
    assert reader.ok("GET", "/groups") == []
    reader.refused(403, "PUT", "/groups/team", json={})
