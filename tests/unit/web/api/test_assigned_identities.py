"""`/identities` in the shapes of az, and endpoints that name one."""

from typing import Any

SCORER = "/groups/team/identities/scorer"


def test_an_identity_has_the_fields_of_azure(api: Any) -> None:
    made = api.ok("PUT", SCORER, json={"tags": {"a": "b"}})
    assert made["id"].endswith("/resourceGroups/team/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scorer")
    assert {key: value for key, value in made.items() if key not in ("id", "clientId", "principalId", "tenantId")} == {
        "location": "local", "name": "scorer", "resourceGroup": "team", "systemData": None, "tags": {"a": "b"},
        "type": "Microsoft.ManagedIdentity/userAssignedIdentities",
    }  # fmt: skip
    assert made["clientId"] == made["principalId"]
    assert api.ok("PUT", SCORER, json={}) == made == api.ok("GET", SCORER)
    assert api.ok("GET", "/identities") == [made]
    assert api("DELETE", SCORER).status_code == 204
    api.refused(404, "DELETE", SCORER)
    assert api.ok("GET", "/identities") == []


def test_a_role_is_given_to_it_by_its_id_and_at_it_by_its_azure_id(api: Any) -> None:
    made = api.ok("PUT", SCORER, json={})
    body = {"role": "Reader", "assignee": made["principalId"], "scope": "/workspaces/dev"}
    assert api.ok("POST", "/role-assignments", json=body)["principalName"] == "groups/team/identities/scorer"
    body = {"role": "Managed Identity Operator", "assignee": "ann", "scope": made["id"]}
    assert api.ok("POST", "/role-assignments", json=body)["scope"] == SCORER
    error = api.refused(404, "POST", "/role-assignments", json=body | {"scope": f"{SCORER}x"})
    assert "there is no identity" in error["message"]


def test_an_endpoint_shows_the_identities_that_its_file_names(api: Any, reader: Any) -> None:
    made = api.ok("PUT", SCORER, json={})
    spec = {"identity": {"type": "user_assigned", "user_assigned_identities": [{"resource_id": made["id"]}]}}
    shown = api.ok("PUT", "/workspaces/dev/online-endpoints/credit", json={"spec": spec})["identity"]
    assert shown["type"] == "user_assigned"
    assert shown["user_assigned_identities"] == [
        {"resource_id": made["id"], "client_id": made["clientId"], "principal_id": made["clientId"]}
    ]
    again = api.ok("PUT", "/workspaces/dev/online-endpoints/credit", json={"spec": {"identity": shown}})
    assert again["identity"] == shown
    assert reader.ok("GET", "/identities") == []
    reader.refused(403, "PUT", SCORER, json={})


def test_a_name_that_is_none_is_refused(api: Any) -> None:
    for name in ("ab", "a.b.c", "-abc", "x" * 129):
        api.refused(400, "PUT", f"/groups/team/identities/{name}", json={})
    api.refused(404, "PUT", "/groups/absent/identities/scorer", json={})
