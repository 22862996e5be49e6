"""Users, service principals and role assignments over HTTP; a secret is seen once."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from pratique.store import events
from pratique.web.platform import Platform

Bearer = Callable[..., dict[str, str]]
API = "/api/v1"


@pytest.fixture
def owner(bearer: Bearer) -> dict[str, str]:
    return bearer("ann")


def token_for(call: Any, client_id: str, secret: str) -> int:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return int(call("POST", "/oauth2/token", data=form).status_code)


def test_the_account_tells_who_and_where(call: Any, owner: dict[str, str], platform: Platform) -> None:
    account = call("GET", f"{API}/account", headers=owner).json()
    assert {key: account[key] for key in ("name", "kind", "home", "door", "endpoints", "roles")} == {
        "name": "ann",
        "kind": "user",
        "home": str(platform.home.root),
        "door": "http://127.0.0.1:7070",
        "endpoints": "http://127.0.0.1:7071",
        "roles": [{"role": "Owner", "scope": "/"}],
    }
    assert account["tenant_id"] != account["subscription_id"]


def test_a_service_principal_is_made_used_shown_listed_and_removed(call: Any, owner: dict[str, str]) -> None:
    answer = call("POST", f"{API}/service-principals", headers=owner, json={"name": "ci"})
    made = answer.json()
    assert (answer.status_code, set(made)) == (201, {"appId", "displayName", "password", "tenant"})
    assert token_for(call, made["appId"], made["password"]) == 200
    shown = call("GET", f"{API}/service-principals/ci", headers=owner).json()
    assert (shown["appId"], shown["displayName"]) == (made["appId"], "ci")
    assert call("GET", f"{API}/service-principals", headers=owner).json() == [shown]
    assert call("DELETE", f"{API}/service-principals/{made['appId']}", headers=owner).status_code == 204
    assert call("DELETE", f"{API}/service-principals/{made['appId']}", headers=owner).status_code == 404
    assert token_for(call, made["appId"], made["password"]) == 401


def test_a_service_principal_without_a_name_gets_one(call: Any, owner: dict[str, str]) -> None:
    names = [call("POST", f"{API}/service-principals", headers=owner, json={}).json()["displayName"] for _ in range(2)]
    assert len(set(names)) == 2
    assert all(name.startswith("pratique-") for name in names)


def test_a_user_is_made_with_a_password_or_given_one(call: Any, owner: dict[str, str]) -> None:
    chosen = {"display_name": "Bob B.", "password": "correct horse battery"}
    answer = call("PUT", f"{API}/users/bob@example.org", headers=owner, json=chosen)
    assert answer.status_code == 201
    assert "password" not in answer.json()
    assert (answer.json()["userPrincipalName"], answer.json()["displayName"]) == ("bob@example.org", "Bob B.")
    assert token_for(call, "bob@example.org", "correct horse battery") == 200
    given = call("PUT", f"{API}/users/eve", headers=owner, json={}).json()
    assert token_for(call, "eve", given["password"]) == 200


@pytest.mark.parametrize(
    "body",
    [{"password": "short"}, {"displayName": "x"}, {"display_name": "x\x00"}, {"display_name": "x" * 300}, [], {"a": 1}],
    ids=str,
)
def test_a_user_that_is_wrong_is_refused_and_their_password_not_repeated(
    call: Any, owner: dict[str, str], body: Any
) -> None:
    answer = call("PUT", f"{API}/users/bob", headers=owner, json=body)
    assert answer.status_code == 400
    assert "short" not in answer.text
    assert [user["userPrincipalName"] for user in call("GET", f"{API}/users", headers=owner).json()] == ["ann"]


def test_a_secret_is_replaced_by_its_owner_and_the_old_one_is_good_no_more(call: Any, owner: dict[str, str]) -> None:
    made = call("POST", f"{API}/service-principals", headers=owner, json={"name": "ci"}).json()
    form = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": made["password"]}
    own = {"Authorization": "Bearer " + call("POST", "/oauth2/token", data=form).json()["access_token"]}
    new = call("POST", f"{API}/principals/{made['appId']}/credential", headers=own, json={}).json()
    assert new["password"] != made["password"]
    assert token_for(call, "ci", made["password"]) == 401
    assert token_for(call, "ci", new["password"]) == 200
    assert call("POST", f"{API}/principals/ci/credential", headers=own, json={}).status_code == 401
    form["client_secret"] = new["password"]
    own = {"Authorization": "Bearer " + call("POST", "/oauth2/token", data=form).json()["access_token"]}
    assert call("POST", f"{API}/principals/ann/credential", headers=own, json={}).status_code == 403


def test_roles_are_given_listed_shown_and_taken(call: Any, owner: dict[str, str], bearer: Bearer) -> None:
    bob = bearer("bob")
    scope = "/subscriptions/1/resourceGroups/team/providers/Microsoft.MachineLearningServices/workspaces/dev"
    body = {"role": "Contributor", "assignee": "bob", "scope": scope}
    made = call("POST", f"{API}/role-assignments", headers=owner, json=body).json()
    assert {
        key: made[key] for key in ("principalName", "principalType", "roleDefinitionName", "scope", "createdBy")
    } == {
        "principalName": "bob",
        "principalType": "User",
        "roleDefinitionName": "Contributor",
        "scope": "/workspaces/dev",
        "createdBy": "ann",
    }
    assert call("POST", f"{API}/role-assignments", headers=owner, json=body).json() == made
    listed = call("GET", f"{API}/role-assignments", headers=owner, params={"assignee": "bob"}).json()
    assert listed == [made] == [call("GET", f"{API}/role-assignments/{made['id']}", headers=owner).json()]
    assert call("GET", f"{API}/role-assignments", headers=bob, params={"scope": scope}).json() == [made]
    assert call("GET", f"{API}/role-assignments", headers=bob).status_code == 403
    for _ in range(2):
        assert call("DELETE", f"{API}/role-assignments/{made['id']}", headers=owner).status_code == 204
    assert call("GET", f"{API}/account", headers=bob).json()["roles"] == []


def test_an_empty_scope_gives_nothing(call: Any, owner: dict[str, str], bearer: Bearer) -> None:
    bearer("bob")
    body = {"role": "Owner", "assignee": "bob", "scope": ""}
    assert call("POST", f"{API}/role-assignments", headers=owner, json=body).status_code == 400


def test_the_last_owner_stays(call: Any, owner: dict[str, str]) -> None:
    (row,) = call("GET", f"{API}/role-assignments", headers=owner).json()
    for path in (f"/role-assignments/{row['id']}", "/users/ann"):
        answer = call("DELETE", API + path, headers=owner)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "Conflict")


def test_the_owner_of_a_workspace_shares_it_and_no_more(call: Any, bearer: Bearer) -> None:
    bob = bearer("bob", "Owner", "/workspaces/dev")
    bearer("eve")
    statuses = [
        call(
            "POST", f"{API}/role-assignments", headers=bob, json={"role": "Reader", "assignee": "eve", "scope": scope}
        ).status_code
        for scope in ("/workspaces/dev", "/workspaces/qa-1", "/", "/groups/team")
    ]
    assert statuses == [201, 403, 403, 403]


def test_everybody_sees_themselves(call: Any, bearer: Bearer) -> None:
    bob = bearer("bob")
    assert call("GET", f"{API}/users/bob", headers=bob).status_code == 200
    assert call("GET", f"{API}/users/ann", headers=bob).status_code == 403
    assert call("GET", f"{API}/users", headers=bob).status_code == 403


def test_no_secret_is_found_anywhere_but_in_the_answer_that_made_it(
    call: Any, owner: dict[str, str], platform: Platform, capfd: pytest.CaptureFixture[str]
) -> None:
    made = call("POST", f"{API}/service-principals", headers=owner, json={"name": "ci"}).json()
    reset = call("POST", f"{API}/principals/ci/credential", headers=owner, json={}).json()
    password = {"password": "correct horse battery"}
    call("PUT", f"{API}/users/bob", headers=owner, json=password)
    link = call("POST", f"{API}/links", headers=owner).json()["url"].rpartition("/")[2]
    session = call("GET", f"/open/{link}").headers["set-cookie"].partition("=")[2].partition(";")[0]
    call("POST", "/oauth2/token", data={"grant_type": "client_credentials", "client_id": "ci", "client_secret": "x"})
    shown = "".join(
        call("GET", API + path, headers=owner).text
        for path in ("/service-principals", "/service-principals/ci", "/users", "/events", "/role-assignments")
    )
    with platform.database.read() as tx:
        journal = json.dumps([event.data for event in events.after(tx, 0, limit=1000)], default=str)
    logged = "".join(capfd.readouterr())
    on_disk = b"".join(path.read_bytes() for path in platform.home.root.glob("pratique.db*")).decode("latin-1")
    for secret in (made["password"], reset["password"], password["password"], link, session):
        assert len(secret) > 20
        for place in (shown, journal, logged, on_disk):
            assert secret not in place


# --- groups, roles that somebody defined, revocation, audiences, keys -------------------------------------------------


def test_a_group_is_made_filled_and_given_a_role(call: Any, owner: dict[str, str], bearer: Bearer) -> None:
    bob = bearer("bob")
    made = call("PUT", f"{API}/principal-groups/scientists", headers=owner, json={"description": "Who trains"})
    assert (made.status_code, made.json()["displayName"]) == (201, "scientists")
    body = {"role": "Reader", "assignee": "scientists", "scope": "/workspaces/dev"}
    given = call("POST", f"{API}/role-assignments", headers=owner, json=body).json()
    assert (given["principalType"], given["principalName"]) == ("Group", "scientists")
    jobs = f"{API}/workspaces/dev/jobs"
    assert call("GET", jobs, headers=bob).status_code == 403
    members = f"{API}/principal-groups/scientists/members"
    assert call("PUT", f"{members}/bob", headers=owner).status_code == 204
    assert call("GET", jobs, headers=bob).status_code == 200
    assert call("GET", f"{members}/bob", headers=owner).json() == {"value": True}
    assert [one["userPrincipalName"] for one in call("GET", members, headers=owner).json()] == ["bob"]
    assert call("DELETE", f"{members}/bob", headers=owner).status_code == 204
    assert call("GET", jobs, headers=bob).status_code == 403
    assert call("DELETE", f"{API}/principal-groups/scientists", headers=owner).status_code == 204
    assert call("GET", f"{API}/principal-groups", headers=owner).json() == []


def test_a_defined_role_opens_what_it_names(call: Any, owner: dict[str, str], bearer: Bearer) -> None:
    said = {"actions": ["workspaces/read", "models/read"], "assignable_scopes": ["/workspaces/dev"]}
    path = f"{API}/role-definitions/Model%20Viewer"
    assert call("POST", path, headers=owner, json=said).status_code == 201
    bob = bearer("bob", "Model Viewer", "/workspaces/dev")
    assert call("GET", f"{API}/workspaces/dev/models", headers=bob).status_code == 200
    assert call("GET", f"{API}/workspaces/dev/jobs", headers=bob).status_code == 403
    assert call("PUT", path, headers=owner, json={**said, "actions": ["jobs/read"]}).status_code == 200
    assert call("GET", f"{API}/workspaces/dev/models", headers=bob).status_code == 403
    listed = call("GET", f"{API}/role-definitions", headers=owner).json()
    assert [one["roleName"] for one in listed if one["roleType"] == "CustomRole"] == ["Model Viewer"]
    assert call("DELETE", path, headers=owner).status_code == 409
    refused = call("POST", f"{API}/role-definitions/Other", headers=owner, json={**said, "actions": ["models/fly"]})
    assert refused.status_code == 400
    assert "models/fly" in refused.text


def test_a_role_at_one_endpoint_opens_that_endpoint_and_shows_its_workspace(
    call: Any, owner: dict[str, str], bearer: Bearer
) -> None:
    endpoints = f"{API}/workspaces/dev/online-endpoints"
    for name in ("credit", "other"):
        body = {"spec": {"name": name, "auth_mode": "key"}}
        assert call("PUT", f"{endpoints}/{name}", headers=owner, json=body).status_code == 202
    bob = bearer("bob", "Contributor", "/workspaces/dev/endpoints/credit")
    assert call("GET", f"{endpoints}/credit/keys", headers=bob).status_code == 200
    assert call("GET", f"{endpoints}/credit/deployments", headers=bob).status_code == 200
    for path in ("/other", "/other/keys", "/other/deployments", ""):
        assert call("GET", endpoints + path, headers=bob).status_code == 403, path
    assert call("GET", f"{API}/workspaces/dev", headers=bob).json()["name"] == "dev"
    assert call("GET", f"{API}/workspaces/qa-1", headers=bob).status_code == 403
    assert [one["name"] for one in call("GET", f"{API}/workspaces", headers=bob).json()] == ["dev"]
    assert call("GET", f"{API}/workspaces/dev/jobs", headers=bob).status_code == 403


def test_another_secret_ends_every_token_of_the_one_before(call: Any, owner: dict[str, str]) -> None:
    made = call("POST", f"{API}/service-principals", headers=owner, json={"name": "ci"}).json()
    form = {"grant_type": "client_credentials", "client_id": "ci", "client_secret": made["password"]}
    token = {"Authorization": "Bearer " + call("POST", "/oauth2/token", data=form).json()["access_token"]}
    assert call("GET", f"{API}/account", headers=token).status_code == 200
    call("POST", f"{API}/principals/ci/credential", headers=owner, json={})
    assert call("GET", f"{API}/account", headers=token).status_code == 401


def test_everybody_ends_their_own_tokens_and_nobody_those_of_others(
    call: Any, owner: dict[str, str], bearer: Bearer
) -> None:
    bob = bearer("bob", "Contributor")
    assert call("POST", f"{API}/principals/ann/revoke", headers=bob).status_code == 403
    assert call("POST", f"{API}/principals/bob/revoke", headers=bob).json()["name"] == "bob"
    assert call("GET", f"{API}/account", headers=bob).status_code == 401
    assert call("GET", f"{API}/account", headers=owner).status_code == 200


def test_a_token_names_its_audience_and_a_session_gets_none(
    call: Any, owner: dict[str, str], platform: Platform
) -> None:
    answer = call("POST", f"{API}/tokens", headers=owner, json={"audience": "api://credit"}).json()
    assert (
        call("GET", f"{API}/account", headers={"Authorization": f"Bearer {answer['access_token']}"}).status_code == 401
    )
    own = call("POST", f"{API}/tokens", headers=owner, json={"audience": "https://management.azure.com/"}).json()
    assert call("GET", f"{API}/account", headers={"Authorization": f"Bearer {own['access_token']}"}).status_code == 200
    for wrong in ("", "a b", "x" * 513, "\x00"):
        assert call("POST", f"{API}/tokens", headers=owner, json={"audience": wrong}).status_code == 400, wrong
    link = call("POST", f"{API}/links", headers=owner).json()["url"]
    call("GET", link.removeprefix(platform.door))
    said = call("POST", f"{API}/tokens", headers={"Origin": platform.door}, json={"audience": "api://credit"})
    assert said.status_code == 401


def test_keys_are_rotated_by_an_owner_and_no_token_is_refused_for_it(
    call: Any, owner: dict[str, str], bearer: Bearer
) -> None:
    assert call("POST", f"{API}/signing-keys/rotate", headers=bearer("bob", "Contributor")).status_code == 403
    states = [one["state"] for one in call("POST", f"{API}/signing-keys/rotate", headers=owner).json()]
    assert states == ["signing", "announced"]
    assert len(call("GET", "/.well-known/jwks.json").json()["keys"]) == 2
    shown = call("GET", f"{API}/signing-keys", headers=owner)
    assert shown.status_code == 200
    assert "PRIVATE" not in shown.text
