"""Workers of runs that are gone: what they leave, and what is swept."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from pratique.compute.local import LocalCompute
from pratique.engine.delivery_units import UnitRunner
from pratique.engine.loop import Stop
from pratique.engine.sweeper import Sweeper
from pratique.store import delivery_units
from pratique.store.delivery_units import UnitRow

from .conftest import Scene


def left_by_a_worker(scene: Scene, unit: UnitRow) -> Path:
    """The folder of a unit as a worker leaves it that was killed in the middle of a task."""
    folder = scene.home.delivery_run(unit.run) / unit.id
    for part in ("work/temp/.azclitask", "work/1/s/closed", "home", "unsent", "steps"):
        (folder / part).mkdir(parents=True)
    (folder / "work/temp/.azclitask/profile.json").write_text("a token")
    outside = scene.home.root / "outside"
    outside.write_text("stays")
    outside.chmod(0o644)
    (folder / "work/1/s/closed/link").symlink_to(outside)
    (folder / "work/1/s/closed").chmod(0o500)
    (folder / "steps/0.log").write_text("what it said")
    return folder


def test_a_unit_whose_worker_was_killed_leaves_what_it_said_and_no_login(scene: Scene) -> None:
    run = scene.queue()
    (unit,) = scene.units(run)
    folder = left_by_a_worker(scene, unit)
    with scene.database.write() as tx:
        delivery_units.start(tx, unit.id, now=scene.now)
    bench: Any = SimpleNamespace(database=scene.database, home=scene.home, workers=LocalCompute())
    UnitRunner(bench, Stop(), at_once=1).step()
    assert scene.units(run)[0].result == "Failed"
    assert sorted(path.name for path in folder.iterdir()) == ["steps"]
    outside = scene.home.root / "outside"
    assert (outside.read_text(), outside.stat().st_mode & 0o777) == ("stays", 0o644)


def test_what_a_worker_left_that_had_ended_is_swept_when_the_server_starts(scene: Scene) -> None:
    run, other = scene.queue(), scene.queue()
    folder, running = (left_by_a_worker(scene, scene.units(one)[0]) for one in (run, other))
    scene.end(run)
    bench: Any = SimpleNamespace(database=scene.database, home=scene.home, workers=LocalCompute())
    Sweeper(bench).step()
    assert sorted(path.name for path in folder.iterdir()) == ["steps"]
    assert (running / "work").is_dir()
