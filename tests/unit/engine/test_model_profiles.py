"""What is recommended of what was measured."""

from typing import Any

from pratique.engine.model_profiles import recommend, sentence


def setting(processors: int, *rates: tuple[float, float], memory: int = 0, used: float = 60.0) -> dict[str, Any]:
    """Steps of (answers a second, p99 in ms), with 1, 2, 4 … in flight."""
    steps = [
        {"connections": 2**place, "answers_per_second": rate, "p50_ms": p99 / 2, "p99_ms": p99, "failures": 0}
        for place, (rate, p99) in enumerate(rates)
    ]
    return {"processors": processors, "memory": memory, "memory_megabytes": used, "steps": steps, "reason": ""}


def test_the_quickest_step_within_the_target_counts() -> None:
    measured = {"settings": [setting(1, (500, 2), (900, 4), (1000, 40))]}
    chosen = recommend(measured, {"target_p99_ms": 10, "target_rps": None})
    assert (chosen["answers_per_second"], chosen["connections"], chosen["instance_count"]) == (900, 2, 1)
    assert chosen["instance_type"] == "Standard_DS1_v2"
    said = sentence({"recommendation": chosen})
    assert said.startswith("1 × Standard_DS1_v2: 900 answers/s an instance within 4 ms at p99")


def test_as_many_instances_as_the_wished_rate_needs_with_the_fewest_cores_of_all() -> None:
    measured = {"settings": [setting(1, (1000, 5)), setting(2, (1200, 5))]}
    chosen = recommend(measured, {"target_p99_ms": 10, "target_rps": 2500})
    assert (chosen["instance_type"], chosen["instance_count"]) == ("Standard_DS1_v2", 3)


def test_two_processors_are_taken_where_one_is_too_slow() -> None:
    measured = {"settings": [setting(1, (1000, 50)), setting(2, (1200, 5))]}
    chosen = recommend(measured, {"target_p99_ms": 10, "target_rps": 1000})
    assert (chosen["cores"], chosen["worker_count"], chosen["instance_count"]) == (2, 2, 1)


def test_a_model_that_needs_much_memory_gets_a_size_that_has_it() -> None:
    measured = {"settings": [setting(1, (1000, 5), used=5000)]}
    assert recommend(measured, {"target_p99_ms": 10})["instance_type"] == "Standard_DS2_v2"


def test_the_least_memory_that_sufficed_is_said() -> None:
    bound = [setting(1, (900, 5), memory=512), setting(1, (900, 5), memory=256), setting(1, memory=128)]
    chosen = recommend({"settings": [setting(1, (1000, 5), used=200), *bound]}, {"target_p99_ms": 10})
    assert chosen["memory_mebibytes"] == 256


def test_a_step_with_failures_is_no_choice_and_no_choice_has_a_reason() -> None:
    failing = setting(1, (1000, 5))
    failing["steps"][0]["failures"] = 1
    found = recommend({"settings": [failing]}, {"target_p99_ms": 10})
    assert set(found) == {"reason"}
    slow = recommend({"settings": [setting(1, (10, 90), (12, 80))]}, {"target_p99_ms": 10})
    assert slow["reason"] == "no step stayed within 10 ms at p99; the quickest took 80 ms"
