"""An engine that is killed around the start of a worker, and between two steps: every step has run once."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from pratique.compute.local import LocalCompute
from pratique.compute.task import Observation, Task

from .conftest import PROJECT, House, Run, Site, wait_until

P: Final = ("-p", PROJECT)
PIPELINE: Final = """\
steps:
- checkout: none
- bash: echo one >> $(trace)
  displayName: one
- bash: until [ -e $(gate) ]; do sleep 0.05; done; echo two >> $(trace)
  displayName: two
  timeoutInMinutes: 2
"""


class Killed(BaseException):
    """What the engine's thread meets where a test has it killed."""


class Deadly(LocalCompute):
    """This machine, with an engine that dies once around a start."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self._place = place

    def start(self, task: Task) -> Observation:
        if self._place == "before the process":
            self._die()
        seen = super().start(task)
        if self._place == "after the process":
            self._die()
        return seen

    def _die(self) -> None:
        place, self._place = self._place, ""
        raise Killed(place)


@pytest.fixture(autouse=True)
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working tree of its own, because the client's own files lie in the folder of the test."""
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "azure-pipelines.yml").write_text(PIPELINE)
    monkeypatch.chdir(tree)


def queued(house: House, folder: Path) -> int:
    given = (f"trace={folder / 'trace'}", f"gate={folder / 'gate'}")
    words = ("--yaml", "azure-pipelines.yml", "--name", "deaths", "--no-wait", "--variables", *given, *P)
    return int(house.do("pipelines", "run", *words)["id"])


@pytest.mark.parametrize("place", ["before the process", "after the process"])
def test_an_engine_killed_between_a_worker_and_its_row_finds_it_again(
    site: Site, pratique: Run, tmp_path: Path, place: str
) -> None:
    house = House(site, pratique, workers=Deadly(place))
    (tmp_path / "gate").touch()
    run = queued(house, tmp_path)
    with pytest.raises(Killed, match=place):
        house.turn()
    house.new_engine()
    assert house.run_until(run)["result"] == "succeeded", house.log(run)
    assert (tmp_path / "trace").read_text() == "one\ntwo\n"


def test_an_engine_killed_between_two_steps_lets_the_worker_go_on(site: Site, pratique: Run, tmp_path: Path) -> None:
    house = House(site, pratique)
    run = queued(house, tmp_path)

    def steps() -> dict[str, Any]:
        found = json.loads(house.ask(f"delivery/runs/{run}"))
        units = [unit for stage in found["stages"] for job in stage["jobs"] for unit in job["units"]]
        return {step["name"]: step["result"] for unit in units for step in unit["steps"]}

    def has_ended() -> bool:
        house.turn()
        return steps().get("one") == "Succeeded"

    wait_until(has_ended)
    house.new_engine()
    house.turn()
    (tmp_path / "gate").touch()
    ended = house.run_until(run)
    assert (ended["result"], steps()["one"], steps()["two"]) == ("succeeded", "Succeeded", "Succeeded")
    assert (tmp_path / "trace").read_text() == "one\ntwo\n"
