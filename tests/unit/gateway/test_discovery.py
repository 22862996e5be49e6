"""The watched files: the version is of what they hold, and what is in them can be read back."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pratique.gateway.model import DeploymentRoute, EndpointRoute
from pratique.gateway.render import discovery, wire
from pratique.gateway.render.clusters import deployment_clusters
from pratique.gateway.render.scoring import endpoint_prefix, endpoint_routes, scoring_routes

CREDIT = EndpointRoute(
    "team-a", "credit", ("primary-0123456789", "second-0123456789"), {"blue": 90, "green": 10}, {},
    tuple(
        DeploymentRoute(name, (Path(f"/run/{name}.sock"),), timedelta(seconds=5), None) for name in ("blue", "green")
    ),
)  # fmt: skip
MANY = [replace(CREDIT, name=f"credit-{number}") for number in range(3)]


def _routes(rows: list[EndpointRoute]) -> discovery.Discovery:
    branches = {endpoint_prefix(row.label): discovery.branch(endpoint_routes(row)) for row in rows}
    return discovery.in_binary([wire.packed(scoring_routes(branches))])


def test_the_version_is_of_the_content() -> None:
    made = discovery.in_json([{"a": 1}])
    assert discovery.in_json([{"a": 1}]) == made
    assert json.loads(made.content) == {"version_info": made.version, "resources": [{"a": 1}]}
    assert discovery.in_json([{"a": 2}]).version != made.version
    assert _routes(MANY) == _routes(MANY)
    assert _routes(MANY[1:]).version != _routes(MANY).version


@pytest.mark.parametrize("name", ["rds.json", "rds.pb"])
def test_a_file_is_read_as_it_was_written_or_not_at_all(tmp_path: Path, name: str) -> None:
    made = _routes(MANY) if name.endswith(".pb") else discovery.in_json([{"a": 1}, {"b": "x" * 40}])
    file = tmp_path / name
    assert discovery.read(file) == discovery.NOTHING
    file.write_bytes(made.content)
    assert discovery.read(file) == made
    for at in range(0, len(made.content), max(1, len(made.content) // 100)):
        file.write_bytes(made.content[:at] + bytes([made.content[at] ^ 1]) + made.content[at + 1 :])
        assert discovery.read(file) == discovery.NOTHING, at
        file.write_bytes(made.content[:at])
        assert discovery.read(file) == discovery.NOTHING, at


def test_no_file_holds_nothing() -> None:
    nothing = discovery.NOTHING
    assert [*nothing.resources, *nothing.messages, *nothing.branches, *nothing.clusters] == []


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_branches_can_be_read_back(count: int) -> None:
    rows = MANY[:count]
    assert _routes(rows).branches == {
        endpoint_prefix(row.label): discovery.branch(endpoint_routes(row)) for row in rows
    }


def test_the_clusters_can_be_read_back() -> None:
    messages = {row["name"]: wire.packed(row) for one in MANY for row in deployment_clusters(one)}
    assert discovery.in_binary([*messages.values()]).clusters == messages
    assert len(messages) == 6


def test_a_change_of_one_endpoint_leaves_the_bytes_of_the_others_as_they_were() -> None:
    before = _routes(MANY).branches
    after = _routes([replace(MANY[0], traffic={"blue": 50, "green": 50}), *MANY[1:]]).branches
    assert [prefix for prefix in before if before[prefix] != after[prefix]] == [endpoint_prefix(MANY[0].label)]


def test_what_is_put_together_of_branches_is_what_is_made_of_values() -> None:
    branches = {endpoint_prefix(row.label): endpoint_routes(row) for row in MANY}
    assert _routes(MANY) == discovery.in_binary([wire.packed(scoring_routes(branches))])
