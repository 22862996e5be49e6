"""Computes over the API: names of the machine, with Azure's fields."""

from typing import Any

COMPUTES = "/workspaces/dev/computes"
CLUSTER = {"name": "cpu-cluster", "type": "amlcompute", "size": "Standard_DS3_v2"}


def test_a_compute_has_the_fields_of_azure_and_is_written_over(api: Any) -> None:
    made = api.ok("PUT", COMPUTES, json={"spec": CLUSTER})
    assert (made["name"], made["type"], made["size"], made["location"]) == (*CLUSTER.values(), "local")
    assert (made["provisioning_state"], made["min_instances"], made["max_instances"]) == ("Succeeded", 0, 4)
    assert "state" not in made
    again = api.ok("PUT", COMPUTES, json={"spec": {**made, "max_instances": 8}})
    assert (again["max_instances"], again["created_on"]) == (8, made["created_on"])
    assert api.ok("GET", COMPUTES) == [again] == [api.ok("GET", f"{COMPUTES}/cpu-cluster")]


def test_another_type_under_the_same_name_is_a_conflict(api: Any) -> None:
    api.ok("PUT", COMPUTES, json={"spec": CLUSTER})
    api.refused(409, "PUT", COMPUTES, json={"spec": {"name": "cpu-cluster", "type": "computeinstance"}})
    api.refused(409, "PUT", COMPUTES, json={"spec": {"name": "local", "type": "amlcompute"}})


def test_computes_that_are_somewhere_else_are_refused_by_their_type(api: Any) -> None:
    error = api.refused(400, "PUT", COMPUTES, json={"spec": {"name": "k8s", "type": "kubernetes"}})
    assert (error["code"], error["problems"][0]["key"]) == ("NotYet", "type")


def test_a_password_is_not_kept(api: Any) -> None:
    ssh = {"admin_username": "ada", "admin_password": "topsecret"}
    made = api.ok("PUT", COMPUTES, json={"spec": {**CLUSTER, "ssh_settings": ssh}})
    assert made["ssh_settings"] == {"admin_username": "ada"}


def test_only_a_workstation_is_started_and_stopped(api: Any) -> None:
    api.ok("PUT", COMPUTES, json={"spec": {"name": "mine", "type": "computeinstance"}})
    assert api.ok("POST", f"{COMPUTES}/mine/stop")["state"] == "Stopped"
    assert api.ok("POST", f"{COMPUTES}/mine/start")["state"] == "Running"
    api.ok("PUT", COMPUTES, json={"spec": CLUSTER})
    api.refused(409, "POST", f"{COMPUTES}/cpu-cluster/stop")


def test_readers_look_and_change_nothing(api: Any, reader: Any) -> None:
    api.ok("PUT", COMPUTES, json={"spec": CLUSTER})
    assert reader.ok("GET", COMPUTES)
    for method, path in (("PUT", COMPUTES), ("DELETE", f"{COMPUTES}/cpu-cluster")):
        reader.refused(403, method, path, json={"spec": CLUSTER})


def test_a_deleted_compute_is_gone(api: Any) -> None:
    api.ok("PUT", COMPUTES, json={"spec": CLUSTER})
    api.ok("DELETE", f"{COMPUTES}/cpu-cluster")
    api.refused(404, "GET", f"{COMPUTES}/cpu-cluster")
