"""Conversions and profiles as text."""

from typing import Any

from pratique.cli.examination_text import conversion_text, profile_text

PROOF: dict[str, Any] = {
    "holds": False, "sentence": "not converted: 1 of 4200 rows are decided differently", "rows": 4200, "threads": 1,
    "count_flipped": 1, "largest_difference": 0.21, "row_wise": True, "refuses": ["age: missing"],
    "flipped": [{"row": [1, "car"], "original": "good", "converted": "bad"}],
}  # fmt: skip


def test_a_refusal_names_the_rows_whose_decision_changed() -> None:
    said = conversion_text({"report": PROOF})
    assert said.splitlines()[0] == "not converted: 1 of 4200 rows are decided differently"
    assert "4,200 rows compared on 1 thread: 1 decided differently, largest difference 0.21" in said
    assert "'good' became 'bad' for [1, 'car']" in said
    assert "refused by both: age: missing" in said


def test_a_profile_draws_latency_against_throughput() -> None:
    steps = [
        {"connections": 1, "answers_per_second": 700.0, "p50_ms": 1.0, "p99_ms": 2.0, "failures": 0},
        {"connections": 2, "answers_per_second": 900.0, "p50_ms": 2.0, "p99_ms": 40.0, "failures": 3},
    ]
    served = {"processors": 1, "memory": 0, "steps": steps, "start_seconds": 0.5, "memory_megabytes": 60.0}
    starved = {"processors": 1, "memory": 128, "steps": [], "reason": "the model server ended with exit code 70"}
    report = {
        "form": "onnx", "request_bytes": 700, "seconds_per_step": 1.5, "processor": "a processor", "load_average": 0.1,
        "processors_of_machine": 2, "settings": [served, starved], "sentence": "1 × Standard_DS1_v2",
    }  # fmt: skip
    said = profile_text({"report": report, "settings": {"target_p99_ms": 10}}).splitlines()
    assert "1 processor: ready after 0.50 s, 60 MB in use" in said
    [quick] = [line for line in said if "    700 " in line]
    [slow] = [line for line in said if "    900 " in line]
    assert quick.endswith("██")
    assert slow.endswith("█ over the target 3 failed")
    assert slow.count("█") > 10 * quick.count("█")
    assert "1 processor, 128 MB: the model server ended with exit code 70" in said
    assert said[-1] == "recommended: 1 × Standard_DS1_v2"
    busy = profile_text({"report": {**report, "load_average": 2.0}, "settings": {"target_p99_ms": 10}}).splitlines()
    assert [line for line in busy if line not in said and "load average" not in line] == [
        "the machine had other work for all its processors before this began: without it the model is quicker"
    ]


def test_what_was_only_asked_for_says_so() -> None:
    assert conversion_text({"kind": "conversion", "id": "7", "status": "Queued"}) == "conversion 7: Queued\n"
