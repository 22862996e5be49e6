"""The doors as documents: what must hold for every one of them, whatever its details."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.gateway.model import DeploymentRoute, Doors, EndpointRoute
from pratique.gateway.render.bootstrap import Files, bootstrap, trial
from pratique.gateway.render.clusters import deployment_clusters
from pratique.gateway.render.door import door_routes
from pratique.gateway.render.mlflow import workspace_routes
from pratique.gateway.render.scoring import endpoint_prefix, endpoint_routes, scoring_routes

KEYS = ("primary-0123456789", "secondary-0123456789")
DOORS = Doors(7070, 7071, Path("/run/api.sock"), Path("/run/mlflow.sock"), 1000, 2000)


def _deployment(name: str, **changes: Any) -> DeploymentRoute:
    plain = DeploymentRoute(name, (Path(f"/run/{name}.sock"),), timedelta(seconds=5), None, 1000)
    return replace(plain, **changes)


CREDIT = EndpointRoute(
    "team-a", "credit", KEYS, {"blue": 90, "green": 10, "shadow": 0}, {"shadow": 20, "green": 0},
    (_deployment("blue"), _deployment("green"), _deployment("shadow")),
)  # fmt: skip


def _inside(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _inside(child)


def _key_filter(route: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = route["typed_per_filter_config"]["envoy.filters.http.api_key_auth"]
    return settings


def test_every_route_which_leads_to_a_model_asks_for_this_endpoints_keys() -> None:
    leading = [route for route in endpoint_routes(CREDIT) if "route" in route]
    assert len(leading) == 4
    for route in leading:
        assert [row["key"] for row in _key_filter(route)["credentials"]] == list(KEYS)
        assert _key_filter(route)["forwarding"]["hide_credentials"] is True


def test_only_answers_of_our_own_are_open_to_everybody() -> None:
    for route in endpoint_routes(CREDIT):
        if _key_filter(route).get("disabled"):
            assert "direct_response" in route


def test_both_authorising_filters_are_on_unless_a_route_says_otherwise() -> None:
    document = bootstrap(DOORS, Files(Path("/home/gateway"), Path("/run/admin.sock")))
    filters = {row["name"]: row for part in _inside(document) for row in part.get("http_filters", ())}
    for name in ("envoy.filters.http.api_key_auth", "envoy.filters.http.ext_authz"):
        assert "disabled" not in filters[name]
    assert "credentials" not in filters["envoy.filters.http.api_key_auth"]["typed_config"]


def test_only_routes_of_the_api_and_answers_of_ours_skip_the_permission() -> None:
    routes = [part for part in _inside(door_routes(["team-a"])) if "match" in part and "name" in part]
    assert len(routes) > 10
    for route in routes:
        skips = "envoy.filters.http.ext_authz" in route.get("typed_per_filter_config", {})
        to_mlflow = route.get("route", {}).get("cluster") == "mlflow"
        assert skips is not to_mlflow, route["name"]


def test_the_pages_of_mlflow_load_nothing_from_elsewhere_and_its_files_run_nothing() -> None:
    policies = {
        route["name"]: header["header"]["value"]
        for route in workspace_routes("team-b")
        for header in route.get("response_headers_to_add", [])
        if header["header"]["key"] == "content-security-policy"
    }
    assert policies.pop("mlflow-pages").startswith("connect-src 'self'; img-src 'self' data: blob:;")
    assert policies == dict.fromkeys(("mlflow-artifacts", "mlflow-version-files", "mlflow-files"), "sandbox")


def test_mlflow_gets_its_workspace_from_us_and_no_credentials() -> None:
    for route in workspace_routes("team-b"):
        if route.get("route", {}).get("cluster") == "mlflow":
            [added] = route["request_headers_to_add"]
            assert added["header"] == {"key": "x-mlflow-workspace", "value": "team-b"}
            assert added["append_action"] == "OVERWRITE_IF_EXISTS_OR_ADD"
            assert set(route["request_headers_to_remove"]) == {"authorization", "cookie"}


def test_a_share_of_zero_is_no_share_and_no_mirror() -> None:
    split = endpoint_routes(CREDIT)[-1]
    shares = {row["name"]: row["weight"] for row in split["route"]["weighted_clusters"]["clusters"]}
    assert shares == {"team-a/credit/blue/1": 90, "team-a/credit/green/1": 10}
    assert [row["cluster"] for row in split["route"]["request_mirror_policies"]] == ["team-a/credit/shadow/1"]


def test_a_pinned_call_is_not_mirrored() -> None:
    mirrored = [row["name"] for row in endpoint_routes(CREDIT) if "request_mirror_policies" in row.get("route", {})]
    assert mirrored == ["split"]


def test_every_branch_ends_in_an_answer_for_everything() -> None:
    """Nothing falls through from a branch, so what its last route does not take would have no answer of ours."""
    for prefix, rows in (("/endpoints/team-a/credit/", endpoint_routes(CREDIT)), ("/", workspace_routes("team-a"))):
        assert rows[-1]["match"] == {"prefix": prefix}


def test_every_route_names_a_cluster_which_is_published_with_it() -> None:
    clusters = {row["name"] for row in deployment_clusters(CREDIT)}
    named = {part["name"] for part in _inside(endpoint_routes(CREDIT)) if "weight" in part}
    mirrored = {part["cluster"] for part in _inside(endpoint_routes(CREDIT)) if "runtime_fraction" in part}
    assert named | mirrored == clusters


def test_limits_are_the_deployments_own() -> None:
    row = replace(
        CREDIT, deployments=(_deployment("blue", max_pending=7, request_timeout=timedelta(milliseconds=1500)),)
    )
    [cluster] = deployment_clusters(row)
    [limits] = cluster["circuit_breakers"]["thresholds"]
    [options] = cluster["typed_extension_protocol_options"].values()
    assert limits["max_requests"] == 7
    assert options["common_http_protocol_options"]["max_stream_duration"] == "1.500s"


def test_a_trial_holds_no_keys_but_those_it_was_given_and_never_says_its_resources_types() -> None:
    document = trial(DOORS, ["team-a"], [replace(CREDIT, keys=("trial-key-0",))])
    assert not [key for key in KEYS if key in json.dumps(document)]
    assert not [row for row in document["static_resources"]["clusters"] if "@type" in row]


def _allowed(workspace: str, path: str) -> str:
    """The name of the route that takes `path`, by Envoy's rule: the first that matches the whole path."""
    for route in workspace_routes(workspace):
        match = route["match"]
        if match.get("path") == path or "prefix" in match:
            return str(route["name"])
        if "safe_regex" in match and re.fullmatch(match["safe_regex"]["regex"], path):
            return str(route["name"])
    raise AssertionError("every branch ends")


@pytest.mark.parametrize("danger", ["webhooks", "workspaces", "jobs", "gateway", "assistant", "presigned-upload-url"])
@given(before=st.text("/.a2%;", max_size=8), after=st.text("/.a%;", max_size=8))
def test_no_path_with_a_dangerous_segment_reaches_mlflow(danger: str, before: str, after: str) -> None:
    for version in ("/api/2.0/mlflow/", "/ajax-api/3.0/mlflow/", "/"):
        route = _allowed("team-a", f"/mlflow/team-a{version}{danger}{after}")
        assert route == "mlflow-refused"
    # Deeper down the word is a name that somebody gave, and the verb before it decides.
    route = _allowed("team-a", f"/mlflow/team-a/api/2.0/mlflow{before}/{danger}")
    assert route in {"mlflow-refused", "mlflow-registry"}


def test_prefixes_of_names_that_begin_alike_are_apart() -> None:
    document = scoring_routes({endpoint_prefix(label): [] for label in ("team-a/credit", "team-a/credit-2")})
    [tree] = [part["map"] for part in _inside(document) if "map" in part]
    assert set(tree) == {"/endpoints/team-a/credit/", "/endpoints/team-a/credit-2/"}
