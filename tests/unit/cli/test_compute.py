"""`ml compute`: names of this machine, as scripts for az make, ask for and delete them."""

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def cluster(platform: Any, pratique: Any) -> None:
    argv = ["--type", "AmlCompute", "--size", "Standard_DS3_v2", "--min-instances", "0", "--max-instances", "4"]
    more = ["--tier", "dedicated", "--idle-time-before-scale-down", "60", "--identity-type", "SystemAssigned"]
    assert pratique("ml", "compute", "create", "-n", "cpu-cluster", *argv, *more).code == 0


@pytest.mark.usefixtures("cluster")
def test_a_cluster_is_described_by_flags(platform: Any) -> None:
    [sent] = platform.sent("PUT", "workspaces/ws/computes")
    spec = {key: sent["spec"][key] for key in ("name", "type", "size", "min_instances", "max_instances", "tier")}
    assert spec == {
        "name": "cpu-cluster", "type": "amlcompute", "size": "Standard_DS3_v2", "min_instances": 0,
        "max_instances": 4, "tier": "dedicated",
    }  # fmt: skip
    assert sent["spec"]["identity"] == {"type": "system_assigned"}


def test_what_is_kept_and_not_applied_is_said(platform: Any, pratique: Any) -> None:
    Path("cluster.yml").write_text("name: cpu\ntype: amlcompute\nsize: Standard_DS3_v2\n")
    ran = pratique("ml", "compute", "create", "-f", "cluster.yml", "--set", "max_instances=2", "--no-wait")
    assert ran.code == 0
    assert json.loads(ran.out)["max_instances"] == 2
    assert "cpu is a name of this machine" in ran.err
    assert "--no-wait" in ran.err


@pytest.mark.usefixtures("cluster")
def test_an_update_changes_the_rest_of_nothing(platform: Any, pratique: Any) -> None:
    ran = pratique("ml", "compute", "update", "-n", "cpu-cluster", "--max-instances", "8", "--set", "tags.team=risk")
    assert ran.code == 0, ran.err
    spec = platform.sent("PUT", "workspaces/ws/computes")[-1]["spec"]
    assert (spec["max_instances"], spec["min_instances"], spec["tags"]) == (8, 0, {"team": "risk"})
    assert "provisioning_state" not in spec
    assert pratique("ml", "compute", "update", "-n", "cpu-cluster").code == 2
    assert pratique("ml", "compute", "update", "-n", "cpu-cluster", "--set", "type=kubernetes").code == 2


@pytest.mark.usefixtures("cluster")
def test_lists_are_by_type_and_unknown_names_exit_3(platform: Any, pratique: Any) -> None:
    names = ("--query", "[].name", "-o", "tsv")
    assert pratique("ml", "compute", "list", "--type", "AmlCompute", *names).out == "cpu-cluster\n"
    assert pratique("ml", "compute", "list", "-t", "ComputeInstance", *names).out == ""
    ran = pratique("ml", "compute", "show", "-n", "absent")
    assert (ran.code, ran.out) == (3, "")


def test_a_workstation_stops_and_starts(platform: Any, pratique: Any) -> None:
    pratique("ml", "compute", "create", "-n", "mine", "-t", "ComputeInstance")
    assert "mine: Stopped" in pratique("ml", "compute", "stop", "-n", "mine").err
    assert pratique("ml", "compute", "show", "-n", "mine", "--query", "state", "-o", "tsv").out == "Stopped\n"
    assert "mine: Running" in pratique("ml", "compute", "start", "-n", "mine").err
    assert "mine: Running" in pratique("ml", "compute", "restart", "-n", "mine").err


@pytest.mark.usefixtures("cluster")
def test_delete_asks(platform: Any, pratique: Any) -> None:
    assert pratique("ml", "compute", "delete", "-n", "cpu-cluster").code == 1
    assert "cpu-cluster" in platform.computes
    assert pratique("ml", "compute", "delete", "-n", "cpu-cluster", "-y").code == 0
    assert not platform.computes
