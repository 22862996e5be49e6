"""Every route of the whole application by every method and role: who may not, is told so before anything happens."""

import re
from collections.abc import Callable
from typing import Any, Final

import pytest
from fastapi import FastAPI

from pratique.control.actor import Actor, Grant
from pratique.control.permissions import ASSIGNABLE, is_permitted
from pratique.web.auth import KNOWN, PUBLIC, declarations

Bearer = Callable[..., dict[str, str]]

# Anybody may have these: what proves who somebody is comes after them, and the front door asks the second itself.
EXPECTED_PUBLIC: Final = {
    "/api/v1/openapi.json",
    "/api/v1/status",
    "/api/v1/login",
    "/oauth2/token",
    "/identity/token",
    "/.well-known/jwks.json",
    "/.well-known/openid-configuration",
    "/open/{link}",
    "/logout",
    "/internal/authorize/{path:path}",
    "/internal/unknown-key",
}
FILLED: Final = {"workspace": "dev"}


def path_of(template: str) -> str:
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: FILLED.get(found[1], "x"), template)


def test_only_what_must_be_public_is(app: FastAPI) -> None:
    assert {declared.path for declared in declarations(app) if PUBLIC in declared.marks} <= EXPECTED_PUBLIC | {"/"}


def test_nobody_reaches_any_other_route_by_any_method(app: FastAPI, call: Any) -> None:
    asked = 0
    for declared in declarations(app):
        if PUBLIC not in declared.marks:
            for method in declared.methods:
                answer = call(method, path_of(declared.path))
                assert answer.status_code == 401, (method, declared.path)
                asked += 1
    assert asked > 50


def test_a_method_that_no_route_names_is_not_let_through(app: FastAPI, call: Any, bearer: Bearer) -> None:
    """A gateway once blocked POST and PUT and forgot DELETE."""
    ann = bearer("ann")
    named: dict[str, set[str]] = {}
    for declared in declarations(app):
        named.setdefault(path_of(declared.path), set()).update(declared.methods)
    for path, methods in named.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - methods:
            assert call(method, path, headers=ann).status_code in (404, 405), (method, path)


@pytest.mark.parametrize("role", [None, *ASSIGNABLE])
def test_each_role_is_refused_exactly_what_its_table_does_not_grant(
    app: FastAPI, call: Any, bearer: Bearer, role: str | None
) -> None:
    """Given at dev only, so that everything of the whole home is refused."""
    header = bearer("bob", role, "/workspaces/dev")
    actor = Actor("1", "bob", "user", (Grant(role, "/workspaces/dev"),) if role else ())
    for declared in declarations(app):
        if PUBLIC in declared.marks:
            continue
        scope = "/workspaces/dev" if "{workspace}" in declared.path else "/"
        for method in declared.methods:
            may = all(_may(actor, str(mark), scope) for mark in declared.marks)
            if may and method != "GET":
                continue  # It would be done; what a verb then answers is tested with the verb.
            answer = call(method, path_of(declared.path), headers=header)
            if may:
                assert answer.status_code != 401, (method, declared.path)
            else:
                assert answer.status_code == 403, (method, declared.path, answer.text)


def _may(actor: Actor, mark: str, scope: str) -> bool:
    action, _, somewhere = mark.partition(" ")
    if mark == str(KNOWN):
        return True
    if somewhere:
        return any(is_permitted(actor, action, grant.scope) for grant in actor.grants)
    return is_permitted(actor, action, scope)
