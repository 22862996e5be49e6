"""What is counted, and how Prometheus reads it."""

from pratique_serving.metrics import Metrics, watch_process


def test_counts_are_told_with_their_labels() -> None:
    metrics = Metrics('ws/endpoint/"blue"', "credit:3")
    metrics.count([200], [0.004], 2)
    metrics.count([200], [0.2], 3)
    metrics.count_refused(429)
    metrics.count_call(2)
    metrics.count_gone(True)
    metrics.watch("pratique_waiting", "gauge", "Waiting.", lambda: 7)
    lines = metrics.text().decode().splitlines()
    labels = 'deployment="ws/endpoint/\\"blue\\"",model="credit:3"'
    for line in (
        f'pratique_requests_total{{{labels},code="200"}} 2',
        f'pratique_requests_total{{{labels},code="429"}} 1',
        f'pratique_request_seconds_bucket{{{labels},le="0.005"}} 1',
        f'pratique_request_seconds_bucket{{{labels},le="+Inf"}} 2',
        f"pratique_request_seconds_count{{{labels}}} 2",
        f'pratique_call_requests_bucket{{{labels},le="2"}} 1',
        f"pratique_rows_total{{{labels}}} 5",
        f'pratique_gone_total{{{labels},computed="false"}} 0',
        f'pratique_gone_total{{{labels},computed="true"}} 1',
        f"pratique_waiting{{{labels}}} 7",
    ):
        assert line in lines


def test_every_name_has_its_type_once() -> None:
    metrics = Metrics("", "")
    metrics.count([200], [1], 1)
    types = [line.split()[2] for line in metrics.text().decode().splitlines() if line.startswith("# TYPE")]
    names = {line.split("{")[0] for line in metrics.text().decode().splitlines() if not line.startswith("#")}
    assert len(types) == len(set(types))
    assert all(any(name.startswith(kind) for kind in types) for name in names)


def test_a_large_counter_is_told_with_all_its_digits() -> None:
    metrics = Metrics("", "")
    metrics.watch("pratique_collected_total", "counter", "Collected.", lambda: 1_234_567_891)
    metrics.watch("process_cpu_seconds_total", "counter", "Seconds.", lambda: 1234567.125)
    text = metrics.text().decode()
    assert "} 1234567891\n" in text
    assert "} 1234567.125\n" in text


def test_a_process_says_what_it_has_used() -> None:
    metrics = Metrics("d", "m")
    watch_process(metrics)
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("process_resident_memory_bytes")]
    assert len(lines) == 1
    assert int(lines[0].split()[-1]) > 1_000_000
