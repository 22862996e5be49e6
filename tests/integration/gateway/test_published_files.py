"""The files that Envoy watches: without Envoy, after kill -9, changed by somebody, written anew."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pratique.base.errors import Unavailable
from pratique.gateway.publish import Gateway
from pratique.gateway.render import discovery

from .conftest import LONG, House


def test_without_envoy_the_files_wait_for_it(idle_house: House) -> None:
    idle_house.model("blue")
    idle_house.gateway.write_bootstrap()
    published = idle_house.gateway.publish(["team-a"], [idle_house.endpoint(idle_house.deployment("blue"))])
    assert published.rejected == {}
    assert not published.effective
    assert idle_house.gateway.drain("team-a", "credit", "blue", 1, timeout=LONG)
    idle_house.start_envoy()
    assert idle_house.score().status == 200


def test_envoy_serves_again_after_kill_9_without_anybody_publishing(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    house.stop_envoy()
    assert not house.gateway.is_ready()
    with pytest.raises(Unavailable):
        house.gateway.actual_ports()
    house.start_envoy()
    assert house.score().status == 200


def flip(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(bytes([*raw[: len(raw) // 2], raw[len(raw) // 2] ^ 1, *raw[len(raw) // 2 + 1 :]]))


def test_envoy_begins_with_no_file_of_which_somebody_changed_a_byte(house: House, attack: Any) -> None:
    attack("flipped bytes", "files of the gateway")
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    house.stop_envoy()
    names = ("cds.pb", "rds-door.json", "rds-endpoints.pb", "ecds-tokens.json", "ecds-limits.json")
    files = [house.home.gateway / name for name in names]
    before = [file.read_bytes() for file in files]
    for file in (*files, house.home.gateway / "bootstrap.json"):
        flip(file)
    assert house.gateway.write_bootstrap() == files
    assert [file.read_bytes() for file in files] == before
    house.start_envoy()
    assert house.score().status == 200


def test_a_new_publisher_has_nothing_but_the_rows_in_place_of_a_changed_file(house: House, attack: Any) -> None:
    attack("flipped bytes", "a file of the gateway, while the platform was down")
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    house.stop_envoy()
    flip(house.home.gateway / "rds-endpoints.pb")
    house.gateway = Gateway(house.home, house.doors)
    house.start_envoy()
    assert house.score().status == 404
    house.serve(house.endpoint(house.deployment("blue")))
    assert house.score().status == 200


def test_a_file_that_was_changed_while_envoy_runs_is_replaced_by_the_next_publication(house: House) -> None:
    house.model("blue")
    house.serve(house.endpoint(house.deployment("blue")))
    routes = house.home.gateway / "rds-endpoints.pb"
    before = routes.read_bytes()
    flip(routes)
    assert house.gateway.write_bootstrap() == [routes]
    assert house.score().status == 200
    house.serve(house.endpoint(house.deployment("blue")))
    assert routes.read_bytes() == before
    assert house.score().status == 200


def test_a_publisher_which_starts_anew_changes_nothing_by_publishing_the_same(house: House) -> None:
    house.model("blue")
    row = house.endpoint(house.deployment("blue"))
    house.serve(row)
    files = list(Path(house.home.gateway).glob("*ds*.*"))
    before = {path: path.stat().st_mtime_ns for path in files}
    house.serve(row)
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_a_change_writes_the_file_that_it_is_about_and_no_other_endpoint_notices(house: House) -> None:
    house.model("blue"), house.model("green")
    both = (house.deployment("blue"), house.deployment("green"))
    rows = [house.endpoint(*both, name=f"credit-{number}") for number in range(3)]
    house.serve(*rows)
    files = list(Path(house.home.gateway).glob("*ds*.*"))
    assert len(files) == 5
    routes = house.home.gateway / "rds-endpoints.pb"
    before, branches = {path: path.stat().st_ino for path in files}, discovery.read(routes).branches
    house.serve(rows[0], replace(rows[1], traffic={"green": 100}), rows[2])
    assert [path.name for path in files if path.stat().st_ino != before[path]] == ["rds-endpoints.pb"]
    after = discovery.read(routes).branches
    assert [prefix for prefix in branches if branches[prefix] != after[prefix]] == ["/endpoints/team-a/credit-1/"]
    answers = [house.score(name=row.name).headers["azureml-model-deployment"] for row in rows]
    assert answers == ["blue", "green", "blue"]


def test_a_damaged_file_is_written_anew(house: House) -> None:
    house.model("blue")
    row = house.endpoint(house.deployment("blue"))
    house.serve(row)
    (house.home.gateway / "rds-endpoints.pb").write_text("{half")
    house.serve(row)
    house.stop_envoy()
    house.start_envoy()
    assert house.score().status == 200
