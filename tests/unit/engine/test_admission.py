"""Who may begin: in order, as far as the machine has room, and never nobody."""

from datetime import UTC, datetime, timedelta

import pytest

from pratique.base.machine import GIB, Capacity, this_machine
from pratique.base.settings import Settings
from pratique.engine.admission import chosen, taken_by_scorer
from pratique.specs.sizes import SIZES, bytes_of, cores_of, size_of
from pratique.store.jobs import Waiting

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def waiting(id_: str, cores: float = 1, memory: int = GIB, since: float = 1) -> Waiting:
    return Waiting(id_, cores, memory, NOW - timedelta(seconds=since))


def test_the_oldest_begins_when_there_is_room() -> None:
    assert chosen([waiting("a"), waiting("b")], Capacity(2, 4 * GIB), is_idle=False, now=NOW) == "a"


def test_nobody_begins_without_cores_or_without_memory() -> None:
    assert chosen([waiting("a")], Capacity(0.5, 4 * GIB), is_idle=False, now=NOW) is None
    assert chosen([waiting("a")], Capacity(4, GIB // 2), is_idle=False, now=NOW) is None


def test_a_small_one_passes_a_large_one_for_a_minute_and_no_longer() -> None:
    room = Capacity(1, 4 * GIB)
    assert chosen([waiting("large", cores=4), waiting("small")], room, is_idle=False, now=NOW) == "small"
    assert chosen([waiting("large", cores=4, since=61), waiting("small")], room, is_idle=False, now=NOW) is None


def test_the_oldest_begins_on_an_idle_machine_whatever_the_scorers_take() -> None:
    assert chosen([waiting("a", cores=4)], Capacity(-2, 0), is_idle=True, now=NOW) == "a"
    assert chosen([], Capacity(4, 0), is_idle=True, now=NOW) is None


def test_a_deployment_takes_its_instances() -> None:
    assert taken_by_scorer({"instance_type": "Standard_DS3_v2", "instance_count": 2}) == Capacity(8, 28 * GIB)
    assert taken_by_scorer({}) == Capacity(1, GIB)
    requested = {"resources": {"requests": {"cpu": "500m", "memory": "512Mi"}}}
    assert taken_by_scorer(requested) == Capacity(0.5, GIB // 2)


@pytest.mark.parametrize(
    ("name", "cores", "gib"),
    [("Standard_DS3_v2", 4, 14), ("STANDARD_D4S_V3", 4, 16), ("Standard_E16s_v3", 16, 128), ("Standard_F2s_v2", 2, 4)],
)
def test_a_size_has_the_cores_and_memory_that_azure_says(name: str, cores: float, gib: int) -> None:
    assert size_of(name) == (cores, gib * GIB)


def test_a_size_that_is_not_known_has_none() -> None:
    assert size_of("Standard_X1") is None
    assert len(SIZES) > 150


def test_quantities_are_read_as_kubernetes_writes_them() -> None:
    assert (cores_of("250m", 9), cores_of(2, 9), cores_of(None, 9)) == (0.25, 2, 9)
    assert (bytes_of("1Gi", 9), bytes_of("2M", 9), bytes_of("7", 9), bytes_of("x", 9)) == (GIB, 2_000_000, 7, 9)


def test_settings_say_what_may_be_taken_and_else_the_machine_does() -> None:
    assert this_machine(Settings(cores=3, memory_gb=2)) == Capacity(3, 2_000_000_000)
    assert this_machine(Settings()).holds(Capacity(1, GIB // 4))
    assert str(Capacity(1, GIB)) == "1 core and 1 GiB"
